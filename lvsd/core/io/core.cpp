#include "lvsd/core/io/core.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <fstream>
#include <utility>

#include "common/time.h"
#include "lvsd/bpf/tcp_states.h"
#include "lvsd/core/chain.h"
#include "lvsd/core/defence.h"
#include "lvsd/core/io/attachments.h"
#include "lvsd/core/io/chain_keeper.h"
#include "lvsd/core/io/copy_probe.h"
#include "lvsd/core/io/deny_list.h"
#include "lvsd/core/io/devices.h"
#include "lvsd/core/io/encryption.h"
#include "lvsd/core/io/localities.h"
#include "lvsd/core/io/nft.h"
#include "lvsd/core/io/programs.h"
#include "lvsd/core/io/reading.h"
#include "lvsd/core/io/state.h"
#include "lvsd/core/io/sweeper.h"
#include "lvsd/core/io/watch.h"
#include "lvsd/core/layout.h"
#include "lvsd/core/pressure.h"
#include "lvsd/core/settings.h"

namespace lvs::core {

using namespace std::chrono_literals;

namespace {

constexpr auto kTick = 1s;  // Sweep, trash, rates.
// Of a large table: some 8,000 entries take 3 ms.
constexpr int kStridesAtOnce = 8;
constexpr auto kStride = 50ms;
constexpr auto kStrideUnderPressure = 10ms;
constexpr auto kSettle = 10ms;  // A burst of link and filter events is looked at once.
constexpr uint64_t kSecondNs = 1'000'000'000;

template <typename... F>
struct Overloaded : F... {
  using F::operator()...;
};

void initialise(lvs_config& config, uint32_t connections_max) {
  config = {};
  config.magic = LVS_LAYOUT_MAGIC;
  config.version = LVS_LAYOUT_VERSION;
  config.epoch = 1;
  config.connections_max = connections_max;
  for (size_t i = 0; i < LVS_TIMEOUTS; ++i) {
    config.timeouts[i] = lvs_timeout_defaults[i] * kSecondNs;
  }
  for (const auto& setting : settings()) {
    if (setting.index) {
      config.settings[*setting.index] = setting.standard;
    }
  }
  config.settings_known = LVS_SETTINGS;
}

uint64_t memory_bytes() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? uint64_t{info.totalram} * info.mem_unit : 0;
}

// As ip_vs counts them: what is free, and what buffers take.
uint64_t free_pages() {
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) {
    return UINT64_MAX;
  }
  const uint64_t bytes = (uint64_t{info.freeram} + info.bufferram) * info.mem_unit;
  return bytes / static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Whether the kernel tracks connections of this network namespace.
bool tracks_connections() {
  std::ifstream file("/proc/sys/net/netfilter/nf_conntrack_count");
  unsigned long count = 0;
  return file >> count && count != 0;
}

Address all_ones(Family family) {
  std::array<uint8_t, 16> bytes{};
  bytes.fill(0xff);
  return family == Family::v4 ? Address::v4_bytes(bytes.data()) : Address::v6_bytes(bytes.data());
}

LogEvent event(Level level, const std::string& name,
               std::vector<std::pair<std::string, std::string>> fields = {}) {
  return {level, name, "", std::move(fields)};
}

}  // namespace

class Core::Impl {
 public:
  Impl(boost::asio::io_context& io, CoreOptions options, LogFn log, Programs programs,
       bool is_adopted)
      : io_(io),
        options_(std::move(options)),
        log_(std::move(log)),
        programs_(std::move(programs)),
        is_adopted_(is_adopted),
        state_(programs_, Clock::now()),
        sweeper_(programs_),
        killer_(programs_),
        localities_(programs_),
        attachments_(programs_, log_),
        chain_(io, state_.table(), log_, [this] { expect_own_transaction(); }),
        tick_(io),
        stride_(io),
        settle_(io) {}

  Result<Ok> start() {
    attachments_.take_over();
    if (auto ok = put_in_place(); !ok) {
      return ok;
    }
    const Watched on{.nft_table = [this] { repair_chain(); },
                     .next_hops = [this] { renew_flows(); },
                     .attachments = [this] { settle(); },
                     .policies = [this] { look_for_policies(); }};
    if (auto ok = Watch::start(io_, on, watch_); !ok) {
      return ok;
    }
    look_for_policies();
    wait_tick();
    log_(event(Level::notice, "core-open",
               {{"adopted", is_adopted_ ? "yes" : "no"},
                {"connections", std::to_string(programs_.config().connections_max)}}));
    return Ok{};
  }

  Result<ipvs::Reply> handle(const ipvs::Request& request) {
    return std::visit([this](const auto& one) { return execute(one); }, request);
  }

  bool armed() { return programs_.config().armed != 0; }

  Result<Ok> set_armed(bool is_armed) {
    __atomic_store_n(&programs_.config().armed, is_armed ? 1U : 0U, __ATOMIC_RELEASE);
    log_(event(Level::notice, "core-armed", {{"armed", is_armed ? "yes" : "no"}}));
    return write_chain();
  }

  Result<Ok> set_interfaces(std::vector<std::string> interfaces) {
    options_.interfaces = std::move(interfaces);
    return put_in_place();
  }

  Result<Ok> set_denied(std::span<const Prefix> prefixes) {
    const DenyChange changed = write_denied(programs_, prefixes);
    if (changed.added + changed.removed != 0) {
      log_(event(Level::notice, "core-deny",
                 {{"prefixes", std::to_string(prefixes.size())},
                  {"added", std::to_string(changed.added)},
                  {"removed", std::to_string(changed.removed)}}));
    }
    return changed.refused ? Result<Ok>(*changed.refused) : Result<Ok>(Ok{});
  }

  CoreStatus status() {
    CoreStatus status;
    status.armed = armed();
    status.adopted = is_adopted_;
    status.interfaces = attachments_.devices();
    status.overtaken = attachments_.overtaken();
    status.connections = state_.bound_connections();
    status.templates = state_.templates();
    status.connections_max = programs_.config().connections_max;
    status.repairs = attachments_.repairs();
    status.chain_error = chain_.error();
    status.takes_fragments = chain_.takes_fragments();
    status.copies_lost = are_copies_lost_;
    status.encrypts = programs_.config().encrypts != 0;
    return status;
  }

  int program_fd(Hook hook) const { return programs_.program_fd(hook); }

 private:
  // --- commands ---

  template <typename Command>
  Result<ipvs::Reply> change(const Command& command) {
    const auto change = state_.table().prepare(command);
    if (!change) {
      return change.error();
    }
    if (auto ok = state_.apply(*change, Clock::now()); !ok) {
      return ok.error();
    }
    chain_.follow(*change);
    return ipvs::Reply(ipvs::Ack{});
  }

  Result<ipvs::Reply> execute(const ipvs::NewService& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::SetService& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::DelService& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::NewDest& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::SetDest& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::DelDest& request) { return change(request); }
  Result<ipvs::Reply> execute(const ipvs::Flush& request) { return change(request); }

  Result<ipvs::Reply> execute(const ipvs::GetService& request) {
    const auto* entry = state_.table().find(request.key);
    if (entry == nullptr) {
      return Error{ESRCH, "no virtual service " + to_string(request.key)};
    }
    return ipvs::Reply(std::vector{state_.status_of(request.key, *entry)});
  }
  Result<ipvs::Reply> execute(const ipvs::GetServices&) {
    sweep();
    std::vector<ipvs::ServiceStatus> all;
    for (const auto& [key, entry] : state_.table().services()) {
      all.push_back(state_.status_of(key, entry));
    }
    return ipvs::Reply(std::move(all));
  }
  Result<ipvs::Reply> execute(const ipvs::GetDests& request) {
    const auto* entry = state_.table().find(request.service);
    return ipvs::Reply(entry == nullptr ? std::vector<ipvs::DestStatus>{}
                                        : state_.servers_of(*entry));
  }

  Result<ipvs::Reply> execute(const ipvs::NewDaemon&) {
    return Error{EOPNOTSUPP, "the embedded core has no connection sync"};
  }
  Result<ipvs::Reply> execute(const ipvs::DelDaemon&) {
    return Error{ESRCH, "no sync daemon is running"};
  }
  Result<ipvs::Reply> execute(const ipvs::GetDaemons&) {
    return ipvs::Reply(std::vector<ipvs::SyncDaemon>{});
  }

  Result<ipvs::Reply> execute(const ipvs::SetConfig& request) {
    if (auto ok = state_.set_timeouts(request.timeouts); !ok) {
      return ok.error();
    }
    renew_flows();
    return ipvs::Reply(ipvs::Ack{});
  }
  Result<ipvs::Reply> execute(const ipvs::GetConfig&) {
    return ipvs::Reply(timeouts(programs_.tables()));
  }
  Result<ipvs::Reply> execute(const ipvs::GetInfo&) {
    ipvs::Info info;
    info.connection_table_size = programs_.config().connections_max;
    return ipvs::Reply(info);
  }

  Result<ipvs::Reply> execute(const ipvs::Zero& request) {
    if (request.key) {
      const auto* entry = state_.table().find(*request.key);
      if (entry == nullptr) {
        return Error{ESRCH, "no virtual service " + to_string(*request.key)};
      }
      state_.zero(*request.key, *entry);
      return ipvs::Reply(ipvs::Ack{});
    }
    for (const auto& [key, entry] : state_.table().services()) {
      state_.zero(key, entry);
    }
    return ipvs::Reply(ipvs::Ack{});
  }

  Result<ipvs::Reply> execute(const ipvs::GetConnections&) {
    sweep();
    return ipvs::Reply(connections(programs_.tables(), monotonic_ns()));
  }
  Result<ipvs::Reply> execute(const ipvs::GetDrops&) {
    return ipvs::Reply(drops(programs_.tables()));
  }
  Result<ipvs::Reply> execute(const ipvs::SetSetting& request) {
    const auto index = setting_for(request.name, request.value);
    if (!index) {
      return index.error();
    }
    uint32_t& setting = programs_.config().settings[*index];
    if (*index == LVS_CONNTRACK && setting != request.value) {
      track(request.value);
    }
    __atomic_store_n(&setting, request.value, __ATOMIC_RELEASE);
    defend();
    return ipvs::Reply(ipvs::Ack{});
  }
  Result<ipvs::Reply> execute(const ipvs::GetSettings&) {
    return ipvs::Reply(chosen_settings(programs_.tables()));
  }
  Result<ipvs::Reply> execute(const ipvs::GetDenied&) {
    return ipvs::Reply(denied(programs_.tables()));
  }
  Result<ipvs::Reply> execute(const ipvs::KillConnections& request) {
    if (request.length > request.prefix.size() * 8) {
      return Error{EINVAL, "expected a prefix"};
    }
    lvs_sweep ask{};
    ask.kill = 1;
    ask.family = static_cast<uint32_t>(request.prefix.af());
    put_address(ask.prefix, request.prefix.masked(request.length));
    put_address(ask.mask, all_ones(request.prefix.family()).masked(request.length));
    const auto killed = killer_.part(ask, request.from);
    if (!killed) {
      return killed.error();
    }
    return ipvs::Reply(*killed);
  }

  // --- what stands in the namespace ---

  void expect_own_transaction() {
    if (watch_) {
      watch_->expect_own_transaction();
    }
  }

  // What the programs leave to the stack is caught behind FORWARD, so the chain that catches is
  // there before the first such packet, and after the last one. What fails is tried again until it
  // stands.
  void track(uint32_t wanted) {
    uint32_t& setting = programs_.config().settings[LVS_CONNTRACK];
    if (wanted != 0) {
      (void)write_chain(true);
    }
    __atomic_store_n(&setting, wanted, __ATOMIC_RELEASE);
    renew_flows();
    if (wanted == 0) {
      (void)write_chain();
    }
  }

  Result<Ok> write_chain() { return write_chain(programs_.config().settings[LVS_CONNTRACK] != 0); }

  Result<Ok> write_chain(bool tracks) {
    return chain_.write({armed(), {.is_asked_for = tracks, .is_there = has_tracking_}},
                        attachments_.unopposed());
  }

  void repair_chain() {
    if (write_chain()) {
      attachments_.count_repair("nft table ip lvs");
    }
  }

  // What goes out encrypted, the stack sends.
  void look_for_policies() {
    const uint32_t encrypts = encrypts_output() ? 1 : 0;
    if (programs_.config().encrypts == encrypts) {
      return;
    }
    __atomic_store_n(&programs_.config().encrypts, encrypts, __ATOMIC_RELEASE);
    renew_flows();
    log_(event(Level::notice, "core-encrypts", {{"encrypts", encrypts != 0 ? "yes" : "no"}}));
  }

  // To whom packets that are copied go. Those of a mark may go to anybody.
  std::optional<Address> some_vip(Family family) const {
    std::optional<Address> any;
    for (const auto& [key, entry] : state_.table().services()) {
      if (family_of(key) != family) {
        continue;
      }
      if (const auto* by_address = std::get_if<ipvs::AddressKey>(&key)) {
        return by_address->address;
      }
      any = Address::parse(family == Family::v4 ? kCopiesTo4 : kCopiesTo6);
    }
    return any;
  }

  void probe_copies() {
    const bool are_made = armed() && chain_.error().empty();
    bool are_lost = false;
    for (const Family family : {Family::v4, Family::v6}) {
      const size_t index = family == Family::v4 ? 0 : 1;
      const auto vip = are_made ? some_vip(family) : std::nullopt;
      if (!vip) {
        probes_[index] = {};
        continue;
      }
      probes_[index].send(*vip,
                          __atomic_load_n(&programs_.config().probes[index], __ATOMIC_RELAXED));
      are_lost |= probes_[index].is_lost();
    }
    if (are_lost == are_copies_lost_) {
      return;
    }
    are_copies_lost_ = are_lost;
    log_(are_lost
             ? event(Level::error, "core-copies-lost",
                     {{"why",
                       "a rule of OUTPUT drops what goes from clients to a VIP out by "
                       "ipvs0"},
                      {"do",
                       "let pass all that goes out by ipvs0, in the chain that drops: iptables -I "
                       "OUTPUT -o ipvs0 -j ACCEPT; nft: oifname ipvs0 accept"}})
             : event(Level::notice, "core-copies-arrive"));
  }

  void renew_flows() { __atomic_add_fetch(&programs_.config().epoch, 1, __ATOMIC_RELEASE); }

  // Everything that forwarding stands on; puts back what is missing. The chain belongs to ipvs0:
  // its rules hold the device's index.
  Result<Ok> put_in_place() {
    const auto is_other_pair = attachments_.put_pair_in_place();
    if (!is_other_pair) {
      return is_other_pair.error();
    }
    if (*is_other_pair) {
      if (auto ok = write_chain(); !ok) {
        return ok;
      }
    }
    state_.set_own_addresses(own_addresses());
    state_.find_tunnel_sources();
    auto ok = attachments_.put_devices_in_place(options_.interfaces);
    chain_.set_devices(attachments_.unopposed());
    return ok;
  }

  // --- time ---

  void settle() {
    if (is_settling_) {
      return;
    }
    is_settling_ = true;
    settle_.expires_after(kSettle);
    settle_.async_wait([this](const boost::system::error_code& error) {
      is_settling_ = false;
      if (error) {
        return;
      }
      if (auto ok = put_in_place(); !ok) {
        log_(event(Level::error, "core-attach-failed", {{"error", ok.error().what}}));
      }
    });
  }

  void wait_tick() {
    tick_.expires_after(kTick);
    tick_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        tick();
        wait_tick();
      }
    });
  }

  void tick() {
    const auto now = Clock::now();
    defend();
    sweep();
    state_.collect(now);
    localities_.go_on(now);
    state_.estimate(now);
    if (attachments_.look_for_links()) {
      chain_.set_devices(attachments_.unopposed());
    }
    probe_copies();
    if (!has_tracking_ && tracks_connections()) {
      has_tracking_ = true;
      (void)write_chain();
    }
  }

  uint32_t setting(lvs_setting which) {
    return __atomic_load_n(&programs_.config().settings[which], __ATOMIC_ACQUIRE);
  }

  // The modes of defence that follow the supply, and what the packet path is to do by them.
  void defend() {
    const Supply supply{free_pages(), setting(LVS_AMEMTHRESH), fill()};
    const bool is_short_now = is_short(supply);
    for (const auto mode :
         {LVS_DEFENCE_DROP_ENTRY, LVS_DEFENCE_DROP_PACKET, LVS_DEFENCE_SECURE_TCP}) {
      const uint32_t before = setting(mode);
      const uint32_t next = next_mode(before, is_short_now);
      if (next != before) {
        __atomic_store_n(&programs_.config().settings[mode], next, __ATOMIC_RELEASE);
        log_(event(Level::notice, "core-defence",
                   {{"setting", name_of_setting(mode)}, {"value", std::to_string(next)}}));
      }
    }
    const uint32_t mode = setting(LVS_DEFENCE_DROP_PACKET);
    const uint32_t rate = drop_rate(mode, supply, setting(LVS_AM_DROPRATE));
    if (mode == kDefenceActive) {  // The next to be dropped is counted anew, as ip_vs does.
      __atomic_store_n(&programs_.config().drop_countdown, rate, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&programs_.config().drop_rate, rate, __ATOMIC_RELEASE);
  }

  Fill fill() {
    return {state_.bound_connections(), state_.templates(), programs_.config().connections_max};
  }

  void note_sweep_failed(const Error& error) {
    log_(event(Level::error, "core-sweep-failed", {{"error", error.what}}));
  }

  // Also before a listing: what has expired is no longer shown, so it must not be counted either.
  // Of a large table a listing shows what the last pass left.
  void sweep() {
    const Fill now = fill();
    if (is_large(now) && is_sweeping_) {
      return;
    }
    drop_share_ = next_drop_share();
    if (is_large(now)) {
      sweep_on();
    } else if (now.connections != 0 || now.templates != 0) {
      if (auto swept = sweeper_.pass(how_to_sweep(now)); !swept) {
        note_sweep_failed(swept.error());
      }
    }
  }

  // Of the pass that begins now.
  uint32_t next_drop_share() {
    const auto now = Clock::now();
    const auto since = now - std::exchange(drawn_at_, now);
    return is_defending(setting(LVS_DEFENCE_DROP_ENTRY)) ? drop_share(since) : 0;
  }

  lvs_sweep how_to_sweep(const Fill& now) const {
    auto how = sweep_under(now);
    how.drop_share = drop_share_;
    return how;
  }

  // A pass through a large table, with pauses for everybody else.
  void sweep_on() {
    is_sweeping_ = true;
    const auto how = how_to_sweep(fill());
    stride_.expires_after(how.half_open_ns != 0 ? kStrideUnderPressure : kStride);
    stride_.async_wait([this, how](const boost::system::error_code& error) {
      is_sweeping_ = false;
      if (!error && strides(how)) {
        sweep_on();
      }
    });
  }

  // False: the pass is over.
  bool strides(const lvs_sweep& how) {
    for (int i = 0; i < kStridesAtOnce; ++i) {
      const auto more = sweeper_.stride(how);
      if (!more) {
        note_sweep_failed(more.error());
      }
      if (!more || !*more) {
        return false;
      }
    }
    return true;
  }

  boost::asio::io_context& io_;
  CoreOptions options_;
  LogFn log_;
  Programs programs_;
  bool is_adopted_;
  State state_;
  Sweeper sweeper_;
  Sweeper killer_;  // Has no place of its own: each request tells it.
  Localities localities_;
  std::unique_ptr<Watch> watch_;
  Attachments attachments_;
  ChainKeeper chain_;
  boost::asio::steady_timer tick_;
  boost::asio::steady_timer stride_;
  bool is_sweeping_ = false;
  uint32_t drop_share_ = 0;  // Of the pass that is under way.
  TimePoint drawn_at_ = Clock::now();
  boost::asio::steady_timer settle_;
  bool is_settling_ = false;
  std::array<CopyProbe, 2> probes_;  // Of IPv4, of IPv6.
  bool are_copies_lost_ = false;
  bool has_tracking_ = tracks_connections();
};

Result<std::unique_ptr<Core>> Core::open(boost::asio::io_context& io, CoreOptions options,
                                         LogFn log) {
  auto found = find_attached();
  if (!found && found.error().code != ENOENT) {
    log(event(Level::warning, "core-not-taken-over", {{"why", found.error().what}}));
  }
  const auto connections =
      options.connections_max == 0
          ? connections_for(memory_bytes())
          : std::clamp(options.connections_max, kConnectionsMin, kConnectionsMax);
  auto programs = Programs::load(found ? &*found : nullptr, connections);
  if (!programs) {
    return programs.error();
  }
  if (found) {
    give_standards(programs->config());
  } else {
    initialise(programs->config(), connections);
  }
  const bool is_adopted = static_cast<bool>(found);
  auto impl = std::make_unique<Impl>(io, std::move(options), std::move(log), std::move(*programs),
                                     is_adopted);
  if (auto ok = impl->start(); !ok) {
    return ok.error();
  }
  return std::unique_ptr<Core>(new Core(std::move(impl)));
}

Result<Ok> Core::remove() {
  const auto found = find_attached();
  const auto made_its_clsact = [&](int index) {
    lvs_device entry{};
    const auto key = static_cast<uint32_t>(index);
    return found &&
           bpf_map_lookup_elem((*found)[static_cast<size_t>(Map::devices)].get(), &key, &entry) ==
               0 &&
           entry.own_clsact != 0;
  };
  std::optional<Error> failed;
  const auto note = [&](const Result<Ok>& done) {
    if (!done && !failed) {
      failed = done.error();
    }
  };
  // The chain first: what it would still copy belongs to the stack from now on.
  for (const Family family : {Family::v4, Family::v6}) {
    if (family == Family::v6 && !has_ipv6()) {
      continue;
    }
    auto removed = Nft().run(chain_removal(family));
    if (!removed && removed.error().code != EPROTONOSUPPORT) {  // A kernel that can have no chain.
      note(removed);
    }
  }
  for (const auto& device : devices()) {
    if (!attached_program(device.index, Hook::nic_ingress)) {
      continue;
    }
    note(detach(device.index, Hook::nic_ingress));
    note(detach(device.index, Hook::nic_egress));
    if (made_its_clsact(device.index)) {
      remove_clsact(device.index);
    }
  }
  note(remove_pair());
  return failed ? Result<Ok>(*failed) : Result<Ok>(Ok{});
}

Core::Core(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
Core::~Core() = default;

Result<ipvs::Reply> Core::handle(const ipvs::Request& request) {
  return impl_->handle(request);
}
bool Core::armed() const {
  return impl_->armed();
}
Result<Ok> Core::set_armed(bool is_armed) {
  return impl_->set_armed(is_armed);
}
Result<Ok> Core::set_interfaces(std::vector<std::string> interfaces) {
  return impl_->set_interfaces(std::move(interfaces));
}
Result<Ok> Core::set_denied(std::span<const Prefix> prefixes) {
  return impl_->set_denied(prefixes);
}
CoreStatus Core::status() const {
  return impl_->status();
}
int Core::nic_ingress_fd() const {
  return impl_->program_fd(Hook::nic_ingress);
}
int Core::ipvs0_egress_fd() const {
  return impl_->program_fd(Hook::ipvs0_egress);
}
int Core::ipvs1_ingress_fd() const {
  return impl_->program_fd(Hook::ipvs1_ingress);
}

}  // namespace lvs::core
