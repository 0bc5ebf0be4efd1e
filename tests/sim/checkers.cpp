#include "tests/sim/checkers.h"

#include <algorithm>

namespace lvs::sim {
namespace {

bool holds(pulse::State state) {
  return state == pulse::State::adopting || state == pulse::State::active ||
         state == pulse::State::handing_over;
}

bool is_passive(pulse::State state) {
  return !holds(state);
}

}  // namespace

void Checkers::after_step(const StepReport& report) {
  if (!report.machine.has_started) {
    return;
  }
  if (report.was_accepted) {
    after_accepted(report.machine.node, report.event);
  }
  check_addresses(report);
  check_hold(report);
  const bool serves =
      report.after == pulse::State::active || report.after == pulse::State::handing_over;
  if (serves != (report.machine.told == pulse::Notice::master)) {
    world_.violated("master-is-told-of-who-serves");
  }
  if (is_passive(report.before) && report.after == pulse::State::active) {
    check_takeover(report);
  }
  check_adoption(report);
  if (report.lease_was_over && holds(report.after)) {
    world_.violated("a-frozen-arbiter-past-its-lease-lets-go");
  }
}

void Checkers::after_accepted(Node to, const pulse::Event& event) {
  if (const auto* heard = std::get_if<pulse::Heard>(&event)) {
    after_delivery(to, std::get<pulse::Heartbeat>(heard->decoded));
    return;
  }
  LastHeard& heard = heard_[index(to)];
  heard.at = world_.now();
  heard.role = std::get<pulse::HeardWord>(event).word == pulse::Word::running
                   ? pulse::Role::active
                   : pulse::Role::passive;
}

// Kept apart from pulse::Peer on purpose: the newest heartbeat of the newest process.
void Checkers::after_delivery(Node to, const pulse::Heartbeat& heartbeat) {
  LastHeard& heard = heard_[index(to)];
  if (heard.incarnation == heartbeat.my_incarnation && heartbeat.sequence <= heard.sequence) {
    return;
  }
  heard = {heard.started_at, world_.now(),     heartbeat.sequence, heartbeat.my_incarnation,
           heartbeat.role,   heartbeat.able(), heartbeat.goodbye};
}

void Checkers::check_addresses(const StepReport& report) {
  const Machine& m = report.machine;
  if (is_passive(report.after) && !m.addresses.empty()) {
    world_.violated("a-standby-holds-no-address");
  }
  const bool wanted = report.after == pulse::State::active;
  const size_t at_once = std::min<size_t>(world_.timing().added_at_once, 2);
  if (wanted && is_passive(report.before) && m.addresses.size() < at_once) {
    world_.violated("an-active-director-holds-every-address");
  }
  if (wanted && is_asked_to_let_go(report) && m.addresses.size() != 2) {
    world_.violated("a-predecessor-serves-until-every-address-is-there");
  }
  if (wanted && report.before != report.after && m.lvsd_ready && !m.core_armed) {
    world_.violated("an-active-director-has-its-core-armed");
  }
}

// Says that it is active to a peer that hands over.
bool Checkers::is_asked_to_let_go(const StepReport& report) const {
  const Node peer = report.machine.node == Node::primary ? Node::backup : Node::primary;
  const auto says_active = [](const pulse::Action& action) {
    const auto* beat = std::get_if<pulse::SendHeartbeat>(&action);
    return beat != nullptr && beat->heartbeat.role == pulse::Role::active;
  };
  const auto& director = world_.machine(peer).director;
  return report.after == pulse::State::active && director.has_value() &&
         director->state() == pulse::State::handing_over &&
         std::ranges::any_of(report.step.actions, says_active) &&
         world_.status(report.machine.node).reason == "handover";
}

// By what the machine asked of the segment.
void Checkers::check_adoption(const StepReport& report) {
  const Node peer = report.machine.node == Node::primary ? Node::backup : Node::primary;
  const bool is_adopted =
      report.before == pulse::State::adopting && report.after == pulse::State::active;
  if (is_adopted && world_.status(report.machine.node).reason == "unclaimed" &&
      world_.machine(peer).holds() && report.machine.last_asked_all && world_.is_segment_whole()) {
    world_.violated("what-the-peer-holds-is-not-taken-for-unclaimed");
  }
}

// By what the machine has written down: the core's own idea of it might be wrong.
void Checkers::check_hold(const StepReport& report) {
  if (!report.machine.kept.hold || world_.timing().alone) {
    return;
  }
  const bool prepares = report.before != report.after && report.after == pulse::State::preparing;
  if (prepares || (is_passive(report.before) && report.after == pulse::State::active)) {
    world_.violated("a-held-director-does-not-take-over");
  }
  const bool hands_over =
      report.before == pulse::State::active && report.after == pulse::State::handing_over;
  if (hands_over && !std::holds_alternative<pulse::Stop>(report.event)) {
    world_.violated("a-held-director-hands-over-only-to-stop");
  }
}

void Checkers::check_takeover(const StepReport& report) {
  const LastHeard& heard = heard_[index(report.machine.node)];
  if (world_.timing().alone) {
    return;
  }
  if (!heard.at) {
    if (world_.now() < heard.started_at + world_.timing().deadtime) {
      world_.violated("a-new-process-listens-for-a-deadtime");
    }
    return;
  }
  const bool is_fresh = world_.now() < *heard.at + world_.timing().deadtime;
  const bool peer_serves = heard.role == pulse::Role::active || heard.role == pulse::Role::adopting;
  if (is_fresh && peer_serves && !heard.goodbye) {
    world_.violated("nobody-takes-over-from-a-peer-it-hears-active");
  }
  const uint32_t reasons = world_.status(report.machine.node).reasons;
  if (pulse::fitness_of(reasons) == pulse::Fitness::none) {
    world_.violated("only-an-able-director-takes-over");
  }
}

void Checkers::after_attack(Node, const pulse::Status& before, const pulse::Status& after) {
  const auto refused = [](const pulse::Status& s) {
    uint64_t sum = 0;
    for (const uint64_t count : s.counters.refused) {
      sum += count;
    }
    return sum;
  };
  const bool is_counted = refused(after) == refused(before) + 1 ||
                          after.counters.beats_accepted == before.counters.beats_accepted + 1;
  if (before.state != after.state || before.term != after.term ||
      before.peer.silent != after.peer.silent || before.peer.role != after.peer.role ||
      before.peer.macs != after.peer.macs || !is_counted) {
    world_.violated("attacks-change-nothing-and-are-counted");
  }
}

void Checkers::after_event() {
  if (!world_.has_two_holders() || !world_.is_healthy()) {
    two_holders_since_.reset();
    return;
  }
  if (!two_holders_since_) {
    two_holders_since_ = world_.now();
  }
  const Timing& timing = world_.timing();
  const Duration limit = timing.legacy ? 2 * timing.keepalive : timing.deadtime + timing.keepalive;
  if (world_.now() > *two_holders_since_ + limit) {
    world_.violated("at-most-one-holder-in-health");
    two_holders_since_.reset();
  }
}

// An operator's wish that waits for its moment may move the service afterwards.
void Checkers::healed() {
  const auto is_active = [this](Node node) {
    return world_.machine(node).is_running() && world_.state(node) == pulse::State::active &&
           !world_.status(node).switching;
  };
  both_active_when_healed_ = is_active(Node::primary) && is_active(Node::backup);
}

void Checkers::at_the_end() {
  if (world_.holders().size() != 1 || !world_.is_served()) {
    world_.violated("one-holder-serves-in-the-end");
    return;
  }
  for (const Node node : {Node::primary, Node::backup}) {
    const Machine& m = world_.machine(node);
    if (m.core_armed != m.holds()) {
      world_.violated("the-core-is-armed-where-it-serves-in-the-end");
    }
    const pulse::Status status = world_.status(node);
    const bool all_alive = std::all_of(status.paths.begin(), status.paths.end(),
                                       [](const pulse::PathStatus& path) { return path.alive; });
    if (!status.peer.alive || !all_alive) {
      world_.violated("who-is-heard-is-believed-in-the-end");
    }
  }
  if (both_active_when_healed_ && world_.holders().front() != Node::primary) {
    world_.violated("the-primary-wins-after-a-split");
  }
}

}  // namespace lvs::sim
