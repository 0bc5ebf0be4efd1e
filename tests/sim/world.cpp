#include "tests/sim/world.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>

#include "pulse/children.h"
#include "tests/sim/checkers.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

const pulse::Key kRightKey = {'s', 'e', 'c', 'r', 'e', 't'};
constexpr uint64_t kClusterId = 42;
constexpr size_t kRecordedMax = 32;
constexpr Duration kNetlinkDelay = 100us;
constexpr uint16_t kServicesCut = 2;  // Without a way; some always have their servers.
constexpr Duration kLvsdDelay = 1ms;
constexpr Duration kLvsdStart = 20ms;
constexpr Duration kLvsdAskPause = 1s;
constexpr Duration kFirstVerdicts = 3s;
const char* const kPublicDevice = "eth0";
const char* const kInnerDevice = "eth1";
constexpr Duration kWitnessFresh = 3s;
constexpr Duration kKeeperPatience =
    pulse::keeper::kPingsUnanswered * pulse::keeper::kArbiterPingPause;
constexpr Duration kNeighbourPatience = 3s;
constexpr Duration kNeighbourPause = 1s;

pulse::FloatingAddresses floating_addresses(bool two_devices) {
  const config::FloatingAddress first{*Address::parse("192.0.2.80"), kPublicDevice, "eth0:1", {}};
  if (two_devices) {
    return {first, {*Address::parse("10.0.0.254"), kInnerDevice, "eth1:1", {}}};
  }
  return {first, {*Address::parse("192.0.2.81"), kPublicDevice, "eth0:2", {}}};
}

}  // namespace

World::World(uint64_t seed, const Timing& timing)
    : timing_(timing), rng_(seed), checkers_(std::make_unique<Checkers>(*this)) {
  machines_[0].node = Node::primary;
  machines_[0].mac = {2, 0, 0, 0, 0, 0xa};
  machines_[0].address = *Address::parse("192.0.2.1");
  machines_[1].node = Node::backup;
  machines_[1].mac = {2, 0, 0, 0, 0, 0xb};
  machines_[1].address = *Address::parse("192.0.2.2");
  machines_[0].key = machines_[1].key = kRightKey;
}

World::~World() = default;

pulse::Settings World::settings(Node node) const {
  pulse::Settings s;
  s.node = node;
  s.cluster_id = kClusterId;
  s.alone = timing_.alone;
  s.keepalive = timing_.keepalive;
  s.deadtime = timing_.deadtime;
  s.addresses = floating_addresses(timing_.two_devices);
  s.added_at_once = timing_.added_at_once;
  for (const auto& each : s.addresses) {
    ++s.services_on[each.device];
  }
  s.services = kServices;
  s.witness = timing_.witness;
  s.paths = {"public", "private"};
  s.paths.resize(paths());
  s.heartbeat_devices = {kPublicDevice, kInnerDevice};
  if (timing_.one_path) {
    s.heartbeat_devices = {kPublicDevice};
  }
  if (timing_.monitored) {
    s.monitored_devices = s.heartbeat_devices;
  }
  s.macs = {machine(node).mac};
  s.failback = timing_.failback;
  s.split_guard = timing_.split_guard;
  s.legacy_heartbeats = timing_.legacy;
  s.knows_peer = machine(node).knows_peer;
  if (s.knows_peer) {
    s.peer_addresses = {machine(other(node)).address};
  }
  return s;
}

// ---- Time ----

void World::at(TimePoint when, std::function<void()> what) {
  queue_.push({when, serial_++, std::move(what)});
}

void World::run_for(Duration duration) {
  run_until(now_ + duration);
}

void World::run_until(TimePoint until) {
  int in_this_instant = 0;
  while (!queue_.empty() && queue_.top().at <= until) {
    Item item = queue_.top();
    queue_.pop();
    in_this_instant = item.at == now_ ? in_this_instant + 1 : 0;
    if (in_this_instant > kEventsPerInstantMax) {
      violated("time-goes-on");
      return;
    }
    now_ = item.at;
    item.what();
    checkers_->after_event();
    watch_service();
  }
  now_ = until;
}

// ---- The arbiter's process ----

void World::start_arbiter(Node node) {
  Machine& m = machine(node);
  if (!m.has_power || m.director) {
    return;
  }
  ++m.life;
  m.exited = false;
  m.has_started = false;
  m.told.reset();
  m.is_frozen = false;
  m.inbox.clear();
  m.director.emplace(settings(node), rng_.next() | 1);
  checkers_->process_started(node);
  say(std::string(name(node)) + " arbiter started");
  pulse::Started started{{}, m.kept};
  for (const auto& [address, until] : m.addresses) {
    // The kernel rounds what is left up to a second.
    std::optional<TimePoint> told;
    if (until) {
      told = now_ + std::chrono::ceil<std::chrono::seconds>(*until - now_);
    }
    started.found.push_back({address, told});
  }
  if (!m.has_carrier) {
    step(m, pulse::LinkChanged{kPublicDevice, false});
  }
  if (!m.has_inner_carrier) {
    step(m, pulse::LinkChanged{kInnerDevice, false});
  }
  if (timing_.witness) {
    at(now_ + (m.sees_witness ? kLvsdDelay : kWitnessFresh), [this, &m, life = m.life] {
      if (m.life == life) {
        feed(m, pulse::WitnessChanged{m.sees_witness});
      }
    });
  }
  const bool lvsd_answers_first = rng_.chance(0.5);
  if (m.lvsd_ready && lvsd_answers_first) {
    step(m, pulse::LvsdChanged{true, 0});
  }
  step(m, started);
  if (m.lvsd_ready && !lvsd_answers_first) {
    feed_later(m, kLvsdDelay, pulse::LvsdChanged{true, 0});
  }
  at(now_ + kLvsdDelay, [this, &m, life = m.life] {
    if (m.life == life && m.lvsd_ready) {
      feed(m, pulse::WayChanged{m.has_way});
    }
    if (m.life == life) {
      ask_lvsd(m);
    }
  });
}

void World::end_process(Machine& m) {
  m.director.reset();
  m.is_frozen = false;
  m.is_to_freeze_announcing = m.is_frozen_for_good = false;
  m.inbox.clear();
  m.services_heard.reset();
  ++m.life;
  ++m.wake_serial;
}

void World::kill_arbiter(Node node) {
  say(std::string(name(node)) + " arbiter killed");
  end_process(machine(node));
}

void World::restart_arbiter(Node node) {
  Machine& m = machine(node);
  if (m.is_running() && rng_.chance(0.5)) {
    stop_pulse(node);
  }
  if (m.director) {
    kill_arbiter(node);
  }
  start_arbiter(node);
}

void World::freeze_arbiter(Node node) {
  Machine& m = machine(node);
  if (m.is_running()) {
    say(std::string(name(node)) + " arbiter frozen");
    m.is_frozen = true;
  }
}

void World::thaw_arbiter(Node node) {
  Machine& m = machine(node);
  if (!m.director || !m.is_frozen || m.is_frozen_for_good) {
    return;
  }
  say(std::string(name(node)) + " arbiter thawed");
  m.is_frozen = false;
  bool lease_was_over = m.director->status(now_).lease_left.value_or(1s) <= Duration{0};
  std::deque<pulse::Event> waiting = std::move(m.inbox);
  m.inbox.clear();
  // The loop may see the timer or the sockets first.
  const bool timer_is_due = m.wake_at && *m.wake_at <= now_;
  if (timer_is_due && rng_.chance(0.5)) {
    waiting.push_front(pulse::TimerFired{});
  } else if (timer_is_due) {
    waiting.push_back(pulse::TimerFired{});
  }
  const uint64_t life = m.life;
  for (const pulse::Event& event : waiting) {
    if (m.director && m.life == life) {
      step(m, event, lease_was_over);
      lease_was_over = false;
    }
  }
  if (m.director && m.life == life) {
    arm_timer(m, m.wake_at);
  }
}

void World::freeze_when_it_announces(Node node) {
  Machine& m = machine(node);
  if (m.is_running()) {
    say(std::string(name(node)) + " arbiter will freeze as it announces");
    m.is_to_freeze_announcing = true;
  }
}

// What it was about to do is not done.
void World::freeze_for_good(Machine& m) {
  say(std::string(name(m.node)) + " arbiter frozen, not announced");
  m.is_frozen = m.is_frozen_for_good = true;
  at(now_ + kKeeperPatience, [this, &m, life = m.life] {
    if (m.life == life && m.is_frozen) {
      kill_arbiter(m.node);
      start_arbiter(m.node);
    }
  });
}

void World::feed(Machine& m, const pulse::Event& event) {
  if (!m.director) {
    return;
  }
  if (!m.is_frozen) {
    step(m, event);
  } else if (m.inbox.size() < kInboxMax || !(std::holds_alternative<pulse::Heard>(event) ||
                                             std::holds_alternative<pulse::HeardWord>(event))) {
    m.inbox.push_back(event);
  }
}

void World::feed_later(Machine& m, Duration delay, pulse::Event event) {
  at(now_ + delay, [this, &m, life = m.life, event = std::move(event)] {
    if (m.life == life) {
      feed(m, event);
    }
  });
}

void World::step(Machine& m, const pulse::Event& event, bool lease_was_over) {
  const pulse::State before = m.director->state();
  const uint64_t accepted = m.director->counters().beats_accepted;
  const pulse::Step step = m.director->step(event, now_);
  if (step.wake_at && *step.wake_at <= now_) {
    violated("wakes-in-the-future");
    return;
  }
  arm_timer(m, step.wake_at);
  const pulse::State after = m.director->state();
  const bool was_accepted = m.director->counters().beats_accepted != accepted;
  for (const pulse::Action& action : step.actions) {
    if (m.is_to_freeze_announcing && std::holds_alternative<pulse::Announce>(action)) {
      m.is_to_freeze_announcing = false;
      return freeze_for_good(m);
    }
    std::visit([&](const auto& a) { perform(m, a); }, action);
  }
  m.has_started = m.has_started || std::holds_alternative<pulse::Started>(event);
  checkers_->after_step({m, event, before, after, step, was_accepted, lease_was_over});
  if (m.exited) {
    end_process(m);
  }
}

void World::arm_timer(Machine& m, std::optional<TimePoint> wake_at) {
  m.wake_at = wake_at;
  const uint64_t serial = ++m.wake_serial;
  if (!wake_at) {
    return;
  }
  at(std::max(*wake_at, now_), [this, &m, serial] {
    if (m.wake_serial == serial && m.is_running()) {
      step(m, pulse::TimerFired{});
    }
  });
}

// ---- Actions ----

void World::perform(Machine& m, const pulse::SendHeartbeat& action) {
  send_on_paths(m, encode(action.heartbeat, m.key), action.only);
}

void World::perform(Machine& m, const pulse::SendWord& action) {
  const pulse::WordBytes bytes = encode(action.word);
  send_on_paths(m, {bytes.begin(), bytes.end()}, {});
}

void World::send_on_paths(Machine& m, const std::vector<uint8_t>& bytes,
                          std::optional<size_t> only) {
  if (!m.knows_peer) {
    return;
  }
  for (size_t path = 0; path < paths(); ++path) {
    if (only && *only != path) {
      continue;
    }
    const bool has_device = has_carrier(m, path == 0 ? kPublicDevice : kInnerDevice);
    if (!has_device || now_ < m.asks_again_at[path]) {
      m.waiting[path].emplace_back(now_, bytes);
      continue;
    }
    send(m, path, bytes, Duration{0});
  }
}

void World::send(Machine& from, size_t path, const std::vector<uint8_t>& bytes, Duration after) {
  const Node to = other(from.node);
  if (!has_carrier(machine(to), path == 0 ? kPublicDevice : kInnerDevice)) {
    return;
  }
  for (const Duration delay : link(from.node, path).send(rng_)) {
    at(now_ + after + delay, [this, to, path, bytes] { deliver(to, path, bytes); });
  }
}

// The carrier is back. The neighbour is asked again once a second; then all goes out that has not
// waited for too long.
void World::ask_neighbour(Machine& from, size_t path) {
  if (from.waiting[path].empty()) {
    return;
  }
  const auto pause = static_cast<int64_t>(rng_.below(kNeighbourPause.count()));
  from.asks_again_at[path] = now_ + Duration{pause};
  at(from.asks_again_at[path], [this, &from, path] {
    if (now_ == from.asks_again_at[path]) {
      send_what_waits(from, path);
    }
  });
}

void World::send_what_waits(Machine& from, size_t path) {
  Duration after{0};
  for (const auto& [since, bytes] : std::exchange(from.waiting[path], {})) {
    if (path < paths() && now_ < since + kNeighbourPatience) {
      send(from, path, bytes, after);
      after += std::chrono::microseconds{1};
    }
  }
}

void World::deliver(Node to, size_t path, const std::vector<uint8_t>& bytes) {
  Machine& m = machine(to);
  if (!m.director || !m.knows_peer) {
    return;
  }
  if (recorded_.size() < kRecordedMax || rng_.chance(0.1)) {
    const size_t slot =
        recorded_.size() < kRecordedMax ? recorded_.size() : rng_.below(kRecordedMax);
    recorded_.resize(std::max(recorded_.size(), slot + 1));
    recorded_[slot] = {to, path, bytes};
  }
  mix(static_cast<uint64_t>(now_.time_since_epoch().count()) ^ bytes.back());
  feed(m, event_of(m, path, bytes));
}

pulse::Event World::event_of(const Machine& to, size_t path,
                             const std::vector<uint8_t>& bytes) const {
  if (!timing_.legacy) {
    return pulse::Heard{path, pulse::decode(bytes, to.key)};
  }
  const auto read = pulse::read_word(bytes);
  if (const auto* refusal = std::get_if<pulse::Refusal>(&read)) {
    return pulse::Heard{path, *refusal};
  }
  return pulse::HeardWord{path, std::get<pulse::Word>(read)};
}

void World::perform(Machine& m, const pulse::ArmCore&) {
  m.core_wanted = true;
  arm_core(m);
}

void World::arm_core(Machine& m) {
  if (!m.lvsd_ready) {
    return;
  }
  m.core_armed = true;
  feed_later(m, kLvsdDelay, pulse::CoreArmed{});
}

void World::perform(Machine& m, const pulse::DisarmCore&) {
  m.core_wanted = false;
  m.core_armed = m.core_armed && !m.lvsd_ready;
}

void World::hold(Machine& m, const pulse::FloatingAddress& address,
                 std::optional<std::chrono::seconds> lifetime) {
  std::optional<TimePoint> end;
  if (lifetime) {
    end = now_ + *lifetime;
  }
  m.addresses[address.address] = end;
  ++m.address_changes;
  if (!end) {
    return;
  }
  at(*end, [this, &m, address = address.address, end] {
    const auto found = m.addresses.find(address);
    if (found != m.addresses.end() && found->second == end) {
      drop_address(m, address);
    }
  });
}

void World::drop_address(Machine& m, Address address) {
  if (m.addresses.erase(address) != 0) {
    feed_later(m, kNetlinkDelay, pulse::AddressGone{address});
  }
}

void World::perform(Machine& m, const pulse::AddAddresses& action) {
  for (const pulse::FloatingAddress& address : action.addresses) {
    hold(m, address, action.lifetime);
  }
  feed_later(m, kNetlinkDelay, pulse::AddressesAdded{});
}

void World::perform(Machine& m, const pulse::RenewAddresses& action) {
  for (const pulse::FloatingAddress& address : action.addresses) {
    hold(m, address, action.lifetime);
  }
}

void World::perform(Machine& m, const pulse::RemoveAddress& action) {
  drop_address(m, action.address.address);
}

void World::perform(Machine& m, const pulse::Announce& action) {
  if (m.director->state() != pulse::State::active) {
    violated("only-an-active-director-announces");
  }
  const std::string& device = action.address.device;
  if (has_carrier(m, device) && m.addresses.contains(action.address.address)) {
    announced_ = device == kPublicDevice ? m.node : announced_;
    if (!is_segment_split_ && has_carrier(machine(other(m.node)), device)) {
      feed_later(machine(other(m.node)), kNetlinkDelay,
                 pulse::AddressClaimed{action.address.address, m.mac});
    }
  }
}

bool World::has_carrier(const Machine& m, const std::string& device) const {
  return device == kPublicDevice ? m.has_carrier : m.has_inner_carrier;
}

bool World::answers_itself(const Machine& asked, const pulse::ProbeAddress& question) const {
  const Address& address = question.address.address;
  return asked.has_power && (!question.only || *question.only == asked.mac) &&
         (asked.address == address || asked.addresses.contains(address));
}

void World::perform(Machine& m, const pulse::ProbeAddress& action) {
  Machine& o = machine(other(m.node));
  const Address address = action.address.address;
  // A switch that answers for the absent knows who announced last, and does so for broadcasts only.
  m.last_asked_all = is_segment_whole();
  const std::string& device = action.address.device;
  const bool switch_answers = is_arp_suppressed_ && !action.only && has_carrier(m, device) &&
                              (address == o.address || announced_ == o.node);
  const bool is_joined = !is_segment_split_ && has_carrier(m, device) && has_carrier(o, device);
  const bool peer_answers = is_joined && answers_itself(o, action) && !rng_.chance(faults_.loss);
  if (switch_answers || peer_answers) {
    feed_later(m, kNetlinkDelay, pulse::AddressClaimed{address, o.mac});
  }
}

void World::perform(Machine& m, const pulse::TellRole& action) {
  m.told = action.notice;
}

void World::perform(Machine&, const pulse::RunCommand&) {
}

void World::perform(Machine& m, const pulse::Keep& action) {
  m.kept = action.kept;
}

void World::perform(Machine& m, const pulse::Answer& action) {
  m.last_answer = action.ok;
  say(std::string(name(m.node)) + " answers: " + action.text);
}

void World::perform(Machine& m, const pulse::Exit&) {
  m.exited = true;
}

void World::perform(Machine& m, const LogEvent& action) {
  say(std::string(name(m.node)) + " " + to_line(action));
}

// ---- What happens to machines ----

void World::boot(Node node) {
  Machine& m = machine(node);
  if (m.has_power) {
    return;
  }
  say(std::string(name(node)) + " boots");
  m.has_power = true;
  start_arbiter(node);
  at(now_ + kLvsdStart, [this, node, life = m.life] {
    if (machine(node).life == life) {
      set_lvsd(node, true);
    }
  });
}

void World::lose_power(Node node) {
  Machine& m = machine(node);
  say(std::string(name(node)) + " loses power");
  end_process(m);
  m.has_power = false;
  m.waiting = {};
  m.addresses.clear();
  m.kept = {0, {}, m.kept.hold};
  m.lvsd_ready = m.core_armed = m.core_wanted = false;
}

void World::stop_pulse(Node node) {
  say(std::string(name(node)) + " pulse stop");
  feed(machine(node), pulse::Stop{});
}

void World::switchover(Node node) {
  say(std::string(name(node)) + " switchover");
  feed(machine(node), pulse::Switchover{});
}

void World::hold(Node node) {
  say(std::string(name(node)) + " hold");
  feed(machine(node), pulse::HoldRole{{"operator", 1}});
}

void World::release(Node node) {
  say(std::string(name(node)) + " release");
  Machine& m = machine(node);
  if (m.director) {
    feed(m, pulse::ReleaseRole{});
  } else {
    m.kept.hold.reset();
  }
}

void World::set_carrier(Node node, bool up) {
  Machine& m = machine(node);
  if (m.has_carrier != up) {
    say(std::string(name(node)) + (up ? " link up" : " link down"));
    m.has_carrier = up;
    if (up) {
      ask_neighbour(m, 0);
    }
    feed(m, pulse::LinkChanged{kPublicDevice, up});
  }
}

void World::set_inner_carrier(Node node, bool up) {
  Machine& m = machine(node);
  const bool has_inner_device = timing_.two_devices || timing_.monitored;
  if (has_inner_device && m.has_inner_carrier != up) {
    say(std::string(name(node)) + (up ? " inner link up" : " inner link down"));
    m.has_inner_carrier = up;
    if (up) {
      ask_neighbour(m, 1);
    }
    feed(m, pulse::LinkChanged{kInnerDevice, up});
  }
}

void World::set_witness(Node node, bool answers) {
  Machine& m = machine(node);
  if (timing_.witness && m.sees_witness != answers) {
    say(std::string(name(node)) + (answers ? " sees a witness" : " sees no witness"));
    m.sees_witness = answers;
    feed(m, pulse::WitnessChanged{answers});
  }
}

void World::set_lvsd(Node node, bool ready, int failed_restarts) {
  Machine& m = machine(node);
  if (!m.has_power) {
    return;
  }
  say(std::string(name(node)) + (ready ? " lvsd ready" : " lvsd away"));
  m.lvsd_ready = ready;
  feed(m, pulse::LvsdChanged{ready, ready ? 0 : failed_restarts});
  feed(m, pulse::WayChanged{ready ? std::optional(m.has_way) : std::nullopt});
  begin_checks(m);
  hear_services(m);
  if (ready && m.core_wanted) {
    arm_core(m);
  }
}

// A new lvsd has to check all services anew.
void World::begin_checks(Machine& m) {
  m.services = {};
  m.unchecked_services.clear();
  ++m.lvsd_life;
  m.lvsd_since = now_;
  for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
    m.unchecked_services.insert(service);
    m.services.see(service, lvsd::Seen::nothing, kSeveralChecks, now_);
    const auto first_verdict = static_cast<int64_t>(rng_.below(kVerdictSkew.count()));
    at(now_ + Duration{first_verdict}, [this, &m, service, life = m.lvsd_life] {
      if (m.lvsd_life == life) {
        m.unchecked_services.erase(service);
        check(m, service);
      }
    });
  }
}

void World::check(Machine& m, lvsd::ServiceId service) {
  if (!m.unchecked_services.contains(service)) {
    const lvsd::Seen seen = m.uncheckable_services.contains(service) ? lvsd::Seen::uncheckable
                            : m.failing_services.contains(service)   ? lvsd::Seen::fails
                                                                     : lvsd::Seen::passes;
    m.services.see(service, seen, kSeveralChecks, now_);
  }
}

void World::ask_lvsd(Machine& m) {
  hear_services(m);
  at(now_ + kLvsdAskPause, [this, &m, life = m.life] {
    if (m.life == life) {
      ask_lvsd(m);
    }
  });
}

void World::hear_services(Machine& m) {
  const pulse::ServicesChanged services = m.lvsd_ready ? services_of(m) : pulse::ServicesChanged{};
  if (m.director && m.services_heard != services) {
    m.services_heard = services;
    feed(m, services);
  }
  const auto next = services_count(m).changes_at;
  if (m.director && next && *next < now_ + kLvsdAskPause) {
    at(*next, [this, &m, life = m.life] {
      if (m.life == life) {
        hear_services(m);
      }
    });
  }
}

lvsd::FailingCount World::services_count(const Machine& m) const {
  return m.services.count(now_, [](lvsd::ServiceId service) { return service; });
}

pulse::ServicesChanged World::services_of(const Machine& m) const {
  const uint16_t cut = m.has_way ? 0 : kServicesCut;
  const bool has_heard_enough =
      m.unchecked_services.empty() || (m.lvsd_since && now_ >= *m.lvsd_since + kFirstVerdicts);
  const bool checks_stopped = !m.core_wanted && m.services.is_each_uncheckable(now_);
  if (!has_heard_enough || !m.services.is_any_known(now_)) {
    return {.cut = cut, .checks_stopped = checks_stopped};
  }
  const auto count = services_count(m);
  return {cut,
          static_cast<uint16_t>(count.if_serving),
          static_cast<uint16_t>(count.if_not),
          count.failing,
          count.uncheckable,
          count.recovered,
          count.certain,
          count.doubtful,
          checks_stopped};
}

// lvsd tells only while it is ready; what it told last holds.
void World::set_way(Node node, bool has_way) {
  Machine& m = machine(node);
  if (m.has_way != has_way) {
    say(std::string(name(node)) +
        (has_way ? " has a way to the servers" : " has no way to the servers"));
    m.has_way = has_way;
    if (m.lvsd_ready) {
      hear_services(m);
      feed(m, pulse::WayChanged{has_way});
    }
  }
}

void World::set_uncheckable(Node node, const std::set<lvsd::ServiceId>& services) {
  Machine& m = machine(node);
  say(std::string(name(node)) + " cannot check " + std::to_string(services.size()) + " services");
  m.uncheckable_services = services;
  check_all(m);
}

void World::check_all(Machine& m) {
  if (!m.lvsd_ready) {
    return;
  }
  for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
    check(m, service);
  }
  hear_services(m);
}

void World::set_failing_services(Node node, uint16_t count) {
  std::set<lvsd::ServiceId> services;
  for (lvsd::ServiceId service = 1; service <= count; ++service) {
    services.insert(service);
  }
  set_failing(node, services);
}

void World::set_failing(Node node, const std::set<lvsd::ServiceId>& services) {
  Machine& m = machine(node);
  if (m.failing_services == services) {
    return;
  }
  say(std::string(name(node)) + " sees " + std::to_string(services.size()) + " services fail");
  m.failing_services = services;
  check_all(m);
}

void World::remove_address(Node node) {
  Machine& m = machine(node);
  if (!m.addresses.empty()) {
    say(std::string(name(node)) + " address removed by somebody");
    drop_address(m, m.addresses.begin()->first);
  }
}

void World::change_key(Node node) {
  Machine& m = machine(node);
  say(std::string(name(node)) + " gets another key");
  m.key = m.key == kRightKey ? pulse::Key{'o', 't', 'h', 'e', 'r'} : kRightKey;
  if (m.director) {
    kill_arbiter(node);
    start_arbiter(node);
  }
}

void World::forget_peer(Node node) {
  Machine& m = machine(node);
  say(std::string(name(node)) + " has no address of its peer");
  m.knows_peer = false;
  if (rng_.chance(0.5)) {
    m.kept.peer_macs.clear();
  }
  if (m.director) {
    kill_arbiter(node);
    start_arbiter(node);
  }
}

void World::learn_peer(Node node) {
  Machine& m = machine(node);
  if (!m.knows_peer) {
    say(std::string(name(node)) + " has the address of its peer");
    m.knows_peer = true;
    feed(m, pulse::Reconfigured{settings(node)});
  }
}

// ---- What happens to the network ----

void World::cut(Node from, size_t path) {
  say("cut path " + std::to_string(path) + " from " + name(from));
  link(from, path).cut();
}

void World::mend(Node from, size_t path) {
  say("mend path " + std::to_string(path) + " from " + name(from));
  link(from, path).mend();
}

void World::cut_paths() {
  for (size_t path = 0; path < kPaths; ++path) {
    cut(Node::primary, path);
    cut(Node::backup, path);
  }
}

void World::split() {
  say("segment split");
  is_segment_split_ = true;
  cut_paths();
}

void World::set_faults(const Faults& faults) {
  faults_ = faults;
  for (auto& direction : links_) {
    for (Link& l : direction) {
      l.set_faults(faults);
    }
  }
}

void World::heal() {
  say("heal");
  for (auto& direction : links_) {
    for (Link& l : direction) {
      l.mend();
    }
  }
  for (const Node node : {Node::primary, Node::backup}) {
    if (machine(node).key != kRightKey) {
      change_key(node);
    }
    learn_peer(node);
  }
  heal_all_but_heartbeats();
  checkers_->healed();
}

void World::heal_all_but_heartbeats() {
  set_faults({});
  is_segment_split_ = false;
  for (const Node node : {Node::primary, Node::backup}) {
    boot(node);
    set_carrier(node, true);
    set_inner_carrier(node, true);
    machine(node).waiting = {};
    machine(node).asks_again_at = {};
    set_witness(node, true);
    set_way(node, true);
    set_failing_services(node, 0);
    machine(node).is_to_freeze_announcing = false;
    if (machine(node).is_frozen_for_good) {
      kill_arbiter(node);
    }
    thaw_arbiter(node);
    start_arbiter(node);
    if (machine(node).kept.hold) {
      release(node);
    }
    if (!machine(node).lvsd_ready) {
      set_lvsd(node, true);
    }
  }
}

void World::replay_something(Node to) {
  Machine& m = machine(to);
  std::vector<size_t> candidates;
  for (size_t i = 0; i < recorded_.size(); ++i) {
    if (recorded_[i].to == to) {
      candidates.push_back(i);
    }
  }
  if (!m.is_running() || !m.knows_peer || candidates.empty() || timing_.legacy) {
    return;  // Nothing protects Piranha's heartbeats from this.
  }
  const Recorded old = recorded_[candidates[rng_.below(candidates.size())]];
  const pulse::Status before = m.director->status(now_);
  deliver(to, old.path, old.bytes);
  checkers_->after_attack(to, before, m.director->status(now_));
}

void World::forge_something(Node to) {
  Machine& m = machine(to);
  if (!m.is_running()) {
    return;
  }
  pulse::Heartbeat forged;
  forged.node = other(to);
  forged.role = pulse::Role::active;
  forged.goodbye = rng_.chance(0.5);
  forged.cluster_id = kClusterId;
  forged.my_incarnation = rng_.next() | 1;
  forged.your_incarnation = rng_.next() | 1;
  forged.sequence = rng_.next() | 1;
  forged.term = rng_.next();
  const pulse::Key wrong_key = {'g', 'u', 'e', 's', 's'};
  const pulse::Status before = m.director->status(now_);
  feed(m, event_of(m, rng_.below(paths()), encode(forged, wrong_key)));
  checkers_->after_attack(to, before, m.director->status(now_));
}

// ---- The record ----

void World::forget_silence() {
  longest_silence_ = Duration{0};
  unserved_since_.reset();
}

void World::say(const std::string& line) {
  char time[32];
  std::snprintf(time, sizeof time, "%10.4f  ",
                std::chrono::duration<double>(now_ - kBeginning).count());
  transcript_ += time + line + "\n";
  for (const char c : line) {
    mix(static_cast<uint8_t>(c));
  }
}

void World::mix(uint64_t value) {
  hash_ = (hash_ ^ value) * 0x100000001b3;
}

void World::violated(const std::string& invariant) {
  violations_.push_back(invariant);
  say("VIOLATED " + invariant);
}

}  // namespace lvs::sim
