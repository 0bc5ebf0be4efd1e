#include "pulse/io/shell.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <set>

#include "common/io/log_sink.h"
#include "pulse/io/kept_file.h"

namespace lvs::pulse {
namespace {

constexpr Duration kBreathMin = std::chrono::microseconds{100};
constexpr int kBreathOfWork = 8;

void complain(const char* event, const Error& error) {
  io::log({Level::warning, event, "", {{"error", error.what}}});
}

}  // namespace

Shell::Shell(boost::asio::io_context& io, Setup setup, Links& links, Addresses addresses,
             std::string run_dir)
    : io_(io),
      setup_(std::move(setup)),
      links_(links),
      addresses_(std::move(addresses)),
      run_dir_(std::move(run_dir)),
      file_beyond_boot_(io, file_beyond_boot(setup_.settings),
                        [this] { return write_kept(*kept_beyond_boot_); }) {
}

Result<Ok> Shell::open() {
  auto announcer = Announcer::open(io_, [this](const Neighbour& neighbour, unsigned device) {
    const bool matters = setup_.settings.addresses.contains(neighbour.address) ||
                         std::ranges::count(setup_.settings.peer_addresses, neighbour.address) != 0;
    const Link* link = links_.find(device);
    if (matters && link != nullptr && link->mac != neighbour.mac) {
      driver_->feed(AddressClaimed{neighbour.address, neighbour.mac});
    }
  });
  if (!announcer) {
    return announcer.error();
  }
  announcer_ = std::move(announcer).value();
  notify_fifo_.use(setup_.config.notify_fifo);
  auto witnesses =
      Witnesses::open(io_, [this](bool answers) { driver_->feed(WitnessChanged{answers}); });
  if (!witnesses) {
    return witnesses.error();
  }
  witnesses_ = std::move(witnesses).value();
  for (PathId path = 0; path < setup_.routes.size(); ++path) {
    auto socket = HeartbeatSocket::open(
        io_, setup_.routes[path], [this, path](std::span<const uint8_t> datagram) {
          return setup_.settings.legacy_heartbeats ? hear_word(path, datagram)
                                                   : hear(path, datagram);
        });
    if (!socket) {
      return socket.error();
    }
    sockets_.push_back(std::move(socket).value());
  }
  return Ok{};
}

bool Shell::hear_word(PathId path, std::span<const uint8_t> datagram) {
  const auto read = read_word(datagram);
  if (const auto* refusal = std::get_if<Refusal>(&read)) {
    driver_->feed(Heard{path, *refusal});
    return false;
  }
  driver_->feed(HeardWord{path, std::get<Word>(read)});
  return true;
}

bool Shell::hear(PathId path, std::span<const uint8_t> datagram) {
  const Judged judged = decode(datagram, setup_.keys);
  const auto* heartbeat = std::get_if<Heartbeat>(&judged.decoded);
  if (heartbeat != nullptr) {
    peer_signs_with_next_ = judged.is_by_next;
  }
  driver_->feed(Heard{path, judged.decoded});
  return heartbeat != nullptr && heartbeat->cluster_id == setup_.settings.cluster_id &&
         heartbeat->node != setup_.settings.node;
}

void Shell::drive_with(DirectorDriver& driver) {
  driver_ = &driver;
  LvsdLink::Notices notices;
  notices.ready_changed = [this](bool ready) { report_lvsd(ready); };
  notices.way_changed = [this](std::optional<bool> has_way) { driver_->feed(WayChanged{has_way}); };
  notices.services_changed = [this](const ServicesChanged& services) { driver_->feed(services); };
  notices.armed = [this] {
    gate_.open();
    driver_->feed(CoreArmed{});
  };
  lvsd_ = std::make_unique<LvsdLink>(io_, run_dir_ + io::kLvsdSocket, std::move(notices));
}

// The time is taken before the kernel is asked: what it tells may be older than it looks, never
// younger.
Result<std::vector<FoundAddress>> Shell::adopt() {
  const TimePoint asked_at = Clock::now();
  const auto ours = addresses_.ours();
  if (!ours) {
    return ours.error();
  }
  std::vector<FoundAddress> found;
  for (const OurAddress& our : *ours) {
    const auto* wanted = setup_.settings.addresses.find(our.address);
    const bool same_label = wanted != nullptr && (our.label.empty() || our.label == wanted->label);
    if (wanted == nullptr || wanted->device != our.device || !same_label) {
      perform(RemoveAddress{{our.address, our.device, our.label, std::nullopt}});
      continue;
    }
    found.push_back(
        {our.address, our.lease_left ? std::optional(asked_at + *our.lease_left) : std::nullopt});
  }
  return found;
}

void Shell::change_setup(const Setup& setup) {
  setup_.config = setup.config;
  setup_.text = setup.text;
  setup_.settings = setup.settings;
  setup_.keys = setup.keys;
  notify_fifo_.use(setup_.config.notify_fifo);
  ask_witnesses();
}

void Shell::take_routes(const std::vector<HeartbeatRoute>& routes) {
  for (PathId path = 0; path < sockets_.size(); ++path) {
    if (const auto taken = sockets_[path]->take(routes[path]); !taken) {
      complain("heartbeat-address-failed", taken.error());
    }
  }
  setup_.routes = routes;
}

void Shell::take_names(const Setup& setup) {
  setup_.config = setup.config;
  setup_.settings = setup.settings;
  witnesses_->ask_also(config::witnesses(setup_.config));
}

void Shell::ask_witnesses() {
  witnesses_->ask(config::witnesses(setup_.config));
}

void Shell::link_changed(const Link& link) {
  for (const HeartbeatRoute& route : setup_.routes) {
    if (link.up && route.peer.address) {
      links_.forget_unresolved(*route.peer.address, link.index);
    }
  }
  driver_->feed(LinkChanged{link.name, link.up, links_.find(link.name) != nullptr});
  driver_->feed(OwnMacs{own_macs(setup_.settings.addresses.devices(), links_)});
}

void Shell::address_came(const Address& address, bool ours) {
  if (!ours) {
    addresses_.look_at_routes();
  }
  if (!ours && setup_.settings.addresses.contains(address)) {
    driver_->feed(ForeignAddress{address, true});
  }
}

void Shell::look_for_foreign() {
  const auto foreign = addresses_.foreign();
  if (!foreign) {
    return complain("address-list-failed", foreign.error());
  }
  for (const FloatingAddress& floating : setup_.settings.addresses) {
    driver_->feed(ForeignAddress{floating.address, foreign->contains(floating.address)});
  }
}

void Shell::address_gone(const Address& address, unsigned device, bool ours) {
  const auto* floating = setup_.settings.addresses.find(address);
  if (!ours) {
    addresses_.look_at_routes();
    if (floating != nullptr) {
      driver_->feed(ForeignAddress{address, false});
    }
    return;
  }
  const Link* link = links_.find(device);
  if (floating != nullptr && (link == nullptr || link->name == floating->device)) {
    driver_->feed(AddressGone{address});
  }
}

void Shell::look_again() {
  const auto ours = addresses_.ours();
  if (!ours) {
    return complain("address-list-failed", ours.error());
  }
  addresses_.look_at_routes();
  look_for_foreign();
  std::set<Address> present;
  std::ranges::transform(*ours, std::inserter(present, present.end()), &OurAddress::address);
  for (const FloatingAddress& address : setup_.settings.addresses) {
    if (!present.contains(address.address)) {
      driver_->feed(AddressGone{address.address});
    }
  }
}

void Shell::lvsd_failed() {
  ++lvsd_failures_;
  driver_->feed(LvsdChanged{lvsd_->ready(), lvsd_failures_});
}

void Shell::report_lvsd(bool ready) {
  if (ready) {
    lvsd_failures_ = 0;
  }
  driver_->feed(LvsdChanged{ready, lvsd_failures_});
}

void Shell::hear_what_waits() {
  for (const auto& socket : sockets_) {
    socket->receive();
  }
  announcer_->hear();
}

void Shell::perform(const SendHeartbeat& action) {
  send(encode(action.heartbeat, setup_.keys.now), action.only);
}

void Shell::perform(const SendWord& action) {
  send(encode(action.word), {});
}

void Shell::send(std::span<const uint8_t> datagram, std::optional<PathId> only) {
  for (PathId path = 0; path < sockets_.size(); ++path) {
    if (!only || *only == path) {
      sockets_[path]->send(datagram);
    }
  }
}

void Shell::perform(const ArmCore&) {
  if (lvsd_->ready() && !lvsd_->armed()) {
    gate_.close(ArmingGate::patience(setup_.settings.deadtime));
  }
  lvsd_->set_role(true);
}

void Shell::perform(const DisarmCore&) {
  gate_.call_off();
  lvsd_->set_role(false);
}

void Shell::perform(const ArmAhead& action) {
  lvsd_->arm_ahead(action.armed);
}

void Shell::perform(const AddAddresses& action) {
  change(action, &Addresses::add);
}

void Shell::perform(const RenewAddresses& action) {
  change(action, &Addresses::renew);
}

// Then we sleep for a moment: the others have waited meanwhile, and a real-time process that never
// sleeps is killed (realtime.h).
template <typename Action>
void Shell::change(Action action, How how) {
  gate_.pass_if_serving([this, action = std::move(action), how] {
    const TimePoint begun = Clock::now();
    hold(action, how);
    breath_.expires_after(kBreathMin + (Clock::now() - begun) / kBreathOfWork);
    breath_.async_wait([this](auto error) {
      if (!error) {
        driver_->feed(AddressesDone{});
      }
    });
  });
}

template <typename Action>
void Shell::hold(const Action& action, How how) {
  const std::span all(action.addresses);
  for (size_t done = 0; done < all.size(); done += Addresses::kAtOnce) {
    const auto some = all.subspan(done, std::min(Addresses::kAtOnce, all.size() - done));
    if (!hold_some(some, action.lifetime, action.perform_before, how)) {
      return;
    }
  }
}

// The process may be stopped between any two instructions. Before: too late is not done. After:
// what was done too late is undone, before anything else happens.
bool Shell::hold_some(Addresses::Several addresses, std::optional<Duration> lifetime,
                      std::optional<TimePoint> perform_before, How how) {
  const auto is_too_late = [&] { return perform_before && Clock::now() >= *perform_before; };
  const auto give_up = [&] {
    ++counters_.too_late;
    driver_->feed(AddressFailed{addresses.front().address,
                                Error{ETIME, "the lease was over before it was renewed"}});
  };
  if (is_too_late()) {
    give_up();
    return false;
  }
  const auto failed = (addresses_.*how)(addresses, lifetime);
  for (const auto& [which, error] : failed) {
    ++counters_.address_failures;
    driver_->feed(AddressFailed{addresses[which].address, error});
  }
  if (!is_too_late()) {
    return true;
  }
  for (size_t which = 0; which < addresses.size(); ++which) {
    if (!failed.contains(which)) {
      remove(addresses[which]);
    }
  }
  give_up();
  return false;
}

void Shell::remove(const FloatingAddress& address) {
  if (const auto removed = addresses_.remove(address); !removed) {
    ++counters_.address_failures;
    complain("address-remove-failed", removed.error());
  }
}

void Shell::perform(const RemoveAddress& action) {
  gate_.pass([this, action] { remove(action.address); });
}

void Shell::perform(const Announce& action) {
  gate_.pass_if_serving([this, action] { announce(action); });
}

void Shell::announce(const Announce& action) {
  const Link* link = links_.find(action.address.device);
  if (link == nullptr || !link->up) {
    ++counters_.announce_failures;
    return;
  }
  if (const auto announced = announcer_->announce(action.address.address, *link); !announced) {
    ++counters_.announce_failures;
    complain("announce-failed", announced.error());
  }
}

void Shell::perform(const ProbeAddress& action) {
  const Link* link = links_.find(action.address.device);
  if (link == nullptr || !link->up ||
      !announcer_->probe(action.address.address, *link, action.only)) {
    ++counters_.announce_failures;
  }
}

void Shell::perform(const TellRole& action) {
  notify_fifo_.tell(line_of(action.notice, setup_.settings.node));
}

void Shell::perform(const RunCommand& action) {
  commands_.run(action.command, setup_.config.hook_timeout);
}

void Shell::perform(const Keep& action) {
  keep_for_successor(action.kept);
  keep_beyond_boot(action.kept);
}

void Shell::keep_for_successor(const Kept& kept) {
  run_retry_.cancel();
  const auto saved = save_kept(run_dir_, kept);
  if (saved) {
    run_error_.clear();
    return;
  }
  if (run_error_ != saved.error().what) {
    run_error_ = saved.error().what;
    complain("keep-failed", saved.error());
  }
  run_retry_.expires_after(io::kFileRetryPause);
  run_retry_.async_wait([this, kept](auto error) {
    if (!error) {
      keep_for_successor(kept);
    }
  });
}

void Shell::keep_beyond_boot(Kept kept) {
  kept.term = 0;
  const bool is_hold_new = kept_beyond_boot_ && kept.hold != kept_beyond_boot_->hold;
  if (kept == kept_beyond_boot_) {
    return;
  }
  kept_beyond_boot_ = std::move(kept);
  if (is_hold_new) {
    file_beyond_boot_.changed_for_somebody();
  } else {
    file_beyond_boot_.changed();
  }
}

void Shell::perform(const Answer& action) {
  answer_ = action;
}

// What was handed to a socket before goes out first. The init system kills what is left when we
// have ended: inactive_cmd too.
void Shell::perform(const Exit&) {
  gate_.open();
  boost::asio::post(io_, [this] { commands_.finish([this] { io_.stop(); }); });
}

void Shell::perform(const LogEvent& action) {
  io::log(action);
}

}  // namespace lvs::pulse
