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
constexpr Duration kLvsdStart = 20ms;
constexpr Duration kWitnessFresh = 3s;
constexpr Duration kKeeperPatience =
    pulse::keeper::kPingsUnanswered * pulse::keeper::kArbiterPingPause;

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
  queue_.push_back({when, serial_++, std::move(what)});
  std::push_heap(queue_.begin(), queue_.end());
}

World::Item World::take_item() {
  std::pop_heap(queue_.begin(), queue_.end());
  Item item = std::move(queue_.back());
  queue_.pop_back();
  return item;
}

void World::run_for(Duration duration) {
  run_until(now_ + duration);
}

void World::run_until(TimePoint until) {
  int in_this_instant = 0;
  for (Wake next = next_to_wake(); next.at <= until; next = next_to_wake()) {
    in_this_instant = next.at == now_ ? in_this_instant + 1 : 0;
    if (in_this_instant > kEventsPerInstantMax) {
      violated("time-goes-on");
      return;
    }
    now_ = next.at;
    if (next.machine != nullptr) {
      step(*next.machine, pulse::TimerFired{});
    } else {
      take_item().what();
    }
    checkers_->after_event();
    watch_service();
  }
  now_ = until;
}

// ---- The arbiter's process ----

void World::start_arbiter(Node node) {
  Machine& m = machine(node);
  if (!m.has_power || m.paused_at || m.director) {
    return;
  }
  ++m.life;
  m.exited = false;
  m.has_started = false;
  m.told.reset();
  m.core_wanted = false;
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
      const TimePoint clock = m.clock(now_);
      told = clock + std::chrono::ceil<std::chrono::seconds>(*until - clock);
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
      m.core_armed = m.core_wanted || m.core_ahead;  // It is told as soon as it is there.
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
  m.core_ahead = false;
  ++m.life;
  m.wake_at.reset();
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
  catch_up(m);
}

void World::catch_up(Machine& m) {
  if (!m.is_running()) {
    return;
  }
  bool lease_was_over = status(m.node).lease_left.value_or(1s) <= Duration{0};
  std::deque<pulse::Event> waiting = std::move(m.inbox);
  m.inbox.clear();
  // The loop may see the timer or the sockets first.
  const bool timer_is_due = m.wake_at && *m.wake_at <= m.clock(now_);
  if (timer_is_due && rng_.chance(0.5)) {
    waiting.push_front(pulse::TimerFired{});
  } else if (timer_is_due) {
    waiting.push_back(pulse::TimerFired{});
  }
  const uint64_t life = m.life;
  for (const pulse::Event& event : waiting) {
    if (m.director && m.life == life) {
      m.is_running() ? step(m, event, lease_was_over) : feed(m, event);
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
  if (m.is_running()) {
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
  const TimePoint clock = m.clock(now_);
  const pulse::Step step = m.director->step(event, clock);
  if (step.wake_at && *step.wake_at <= clock) {
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
  m.wake_serial = serial_++;
}

// Whose timer comes before the other's and before all that waits in the queue, if anybody's.
World::Wake World::next_to_wake() {
  Wake first{TimePoint::max(), 0, nullptr};
  if (!queue_.empty()) {
    first = {queue_.front().at, queue_.front().serial, nullptr};
  }
  for (Machine& m : machines_) {
    if (m.wake_at && m.is_running()) {
      const TimePoint at = std::max(m.when(*m.wake_at), now_);
      if (std::pair(at, m.wake_serial) < std::pair(first.at, first.serial)) {
        first = {at, m.wake_serial, &m};
      }
    }
  }
  return first;
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
  m.paused_at.reset();
  m.waiting = {};
  m.addresses.clear();
  m.kept = {0, {}, m.kept.hold};
  m.lvsd_ready = m.core_armed = m.core_wanted = m.core_ahead = false;
}

void World::pause_machine(Node node) {
  Machine& m = machine(node);
  if (m.has_power && !m.paused_at && !m.is_frozen_for_good) {
    say(std::string(name(node)) + " paused");
    m.paused_at = now_;
  }
}

void World::resume_machine(Node node, bool clock_counts) {
  Machine& m = machine(node);
  if (!m.paused_at) {
    return;
  }
  const Duration pause = now_ - *m.paused_at;
  say(std::string(name(node)) + " resumed, its clock has " + (clock_counts ? "" : "not ") +
      "counted " + std::to_string(to_ms(pause).count()) + " ms");
  m.paused_at.reset();
  m.clock_behind += clock_counts ? Duration{0} : pause;
  for (const auto& [address, end] : std::map(m.addresses)) {
    if (end && *end <= m.clock(now_)) {
      drop_address(m, address);
    } else if (end) {
      expire(m, address, *end);
    }
  }
  catch_up(m);
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
  } else if (ready) {
    m.core_armed = m.core_ahead;
  }
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
    resume_machine(node, rng_.chance(0.5));
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
  const pulse::Status before = status(to);
  deliver(to, old.path, old.bytes);
  checkers_->after_attack(to, before, status(to));
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
  const pulse::Status before = status(to);
  feed(m, event_of(m, rng_.below(paths()), encode(forged, wrong_key)));
  checkers_->after_attack(to, before, status(to));
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
