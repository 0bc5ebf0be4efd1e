#include "tests/sim/chaos.h"

#include "tests/sim/checkers.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

constexpr int kMisfortunes = 10;
constexpr Duration kAskingEnds = 2s;  // An operator's wish is forgotten after this.

Timing random_timing(Rng& rng) {
  static constexpr Timing kTimings[] = {
      {.keepalive = 2s, .deadtime = 6s},
      {.keepalive = 1s, .deadtime = 5s},
      {.keepalive = 1s, .deadtime = 3s},
  };
  static constexpr Timing kOften{.keepalive = 100ms, .deadtime = 300ms};
  static constexpr Timing kVeryOften[] = {
      {.keepalive = 10ms, .deadtime = 30ms},
      {.keepalive = 2ms, .deadtime = 6ms},
  };
  // The more often heartbeats come, the longer a history takes.
  Timing timing = rng.chance(0.001)   ? kVeryOften[rng.below(2)]
                  : rng.chance(0.125) ? kOften
                                      : kTimings[rng.below(3)];
  timing.split_guard = !rng.chance(0.2);
  timing.two_devices = rng.chance(0.3);
  timing.witness = rng.chance(0.3);
  timing.one_path = rng.chance(0.2);
  timing.monitored = rng.chance(0.3);
  return timing;
}

Node any_node(Rng& rng) {
  return rng.chance(0.5) ? Node::primary : Node::backup;
}

std::set<lvsd::ServiceId> some_services(Rng& rng) {
  std::set<lvsd::ServiceId> services;
  for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
    if (rng.chance(0.3)) {
      services.insert(service);
    }
  }
  return services;
}

void break_machine(World& world, Node node) {
  if (world.machine(node).paused_at) {
    return world.rng().chance(0.8) ? world.resume_machine(node, world.rng().chance(0.5))
                                   : world.lose_power(node);
  }
  switch (world.rng().below(17)) {
    case 0:
      world.lose_power(node);
      break;
    case 1:
      world.boot(node);
      break;
    case 2:
      world.kill_arbiter(node);
      break;
    case 3:
      world.start_arbiter(node);
      break;
    case 4:
      world.freeze_arbiter(node);
      break;
    case 5:
      world.thaw_arbiter(node);
      break;
    case 6:
      world.rng().chance(0.5) ? world.set_carrier(node, world.rng().chance(0.6))
                              : world.set_inner_carrier(node, world.rng().chance(0.6));
      break;
    case 7:
      world.set_lvsd(node, world.rng().chance(0.6), static_cast<int>(world.rng().below(4)));
      break;
    case 8:
      world.remove_address(node);
      break;
    case 9:
      world.rng().chance(0.5) ? world.stop_pulse(node) : world.switchover(node);
      break;
    case 10:
      world.change_key(node);
      break;
    case 11:
      world.set_witness(node, world.rng().chance(0.6));
      break;
    case 12:
      world.rng().chance(0.5) ? world.forget_peer(node) : world.learn_peer(node);
      break;
    case 13:
      world.rng().chance(0.6) ? world.hold(node) : world.release(node);
      break;
    case 14:
      world.set_way(node, world.rng().chance(0.6));
      break;
    case 15:
      world.set_failing(node, some_services(world.rng()));
      break;
    case 16:
      world.rng().chance(0.5) ? world.freeze_when_it_announces(node) : world.pause_machine(node);
      break;
  }
}

void break_network(World& world, Node node) {
  const size_t path = world.rng().below(kPaths);
  switch (world.rng().below(8)) {
    case 0:
      world.cut(node, path);
      break;
    case 1:
      world.mend(node, path);
      break;
    case 2:
      world.cut_paths();
      break;
    case 3:
      world.split();
      break;
    case 4:
      world.set_faults({.loss = 0.2, .duplication = 0.1, .delay_max = 20ms});
      break;
    case 5:
      world.set_faults({.duplication = 0.3, .delay_max = 5ms});
      break;
    case 6:
      world.replay_something(node);
      break;
    case 7:
      world.forge_something(node);
      break;
  }
}

Duration up_to(Rng& rng, Duration limit) {
  return Duration{static_cast<int64_t>(rng.below(static_cast<uint64_t>(limit.count())))};
}

// A process ends and its successor starts in the same instant, perhaps more than once, perhaps as
// it thaws, perhaps on both machines: frames of all of them are under way at once, and on two paths
// the oldest may come last.
void race_incarnations(World& world, Node node) {
  Rng& rng = world.rng();
  world.set_faults({.duplication = 0.1, .delay_max = rng.chance(0.5) ? 2ms : 20ms});
  if (rng.chance(0.5)) {
    world.freeze_arbiter(node);
    if (rng.chance(0.5)) {
      world.stop_pulse(node);
    }
    world.run_for(up_to(rng, 2 * world.timing().deadtime));
    world.thaw_arbiter(node);
  }
  for (uint64_t successors = 1 + rng.below(3); successors > 0; --successors) {
    const bool on_both = rng.chance(0.3);
    for (const Node each : {Node::primary, Node::backup}) {
      if (each == node || on_both) {
        world.restart_arbiter(each);
      }
    }
    world.run_for(up_to(rng, 5ms));
  }
}

bool is_any_paused(const World& world) {
  return world.machine(Node::primary).paused_at || world.machine(Node::backup).paused_at;
}

// Both work, on one segment, and cannot hear or believe each other, for whatever reason the chaos
// left or this adds: still one of them serves, and only one.
void demand_one_holder_without_heartbeats(World& world) {
  if (world.can_hear()) {
    world.rng().chance(0.3)   ? world.forget_peer(any_node(world.rng()))
    : world.rng().chance(0.5) ? world.cut_paths()
                              : world.change_key(any_node(world.rng()));
  }
  world.heal_all_but_heartbeats();
  world.run_for(kAskingEnds);
  world.start_arbiter(Node::primary);
  world.start_arbiter(Node::backup);
  world.run_for(3 * world.timing().deadtime + 30s);
  if (world.holders().size() != 1 || !world.is_served()) {
    world.violated("one-holder-serves-without-heartbeats");
  }
}

// The holder loses power: the other one must serve exactly `deadtime` after it last heard it, and
// the one that comes back must leave it at that.
void demand_one_exact_takeover(World& world) {
  const Timing& timing = world.timing();
  const Node holder = world.holders().front();
  const Node standby = holder == Node::primary ? Node::backup : Node::primary;
  world.run_for(up_to(world.rng(), timing.keepalive));
  const TimePoint heard = world.now() - *world.status(standby).peer.silent;
  world.lose_power(holder);
  // One cable between the two: the other loses its carrier too.
  if (!world.timing().two_devices && !world.timing().one_path && world.rng().chance(0.5)) {
    world.set_inner_carrier(standby, false);
  }
  // What was under way when the power failed may still arrive.
  world.run_for(1ms);
  const auto silent = world.status(standby).peer.silent;
  const TimePoint deadline = (silent ? world.now() - *silent : heard) + world.timing().deadtime;
  world.run_until(deadline - 1ns);
  if (world.state(standby) == pulse::State::active) {
    world.violated("no-takeover-before-the-deadline");
  }
  // Between heartbeats that come every two milliseconds the peer may have answered for its address.
  const bool asks_between = timing.deadtime / 2 < timing.keepalive + 2ms;
  world.run_until(deadline + (asks_between ? pulse::SplitGuard::freshness(timing.deadtime) : 0ms));
  if (world.state(standby) != pulse::State::active) {
    world.violated("takeover-at-the-deadline");
  }
  world.boot(holder);
  world.set_inner_carrier(standby, true);
  world.run_for(2 * world.timing().deadtime);
  if (world.holders() != std::vector<Node>{standby}) {
    world.violated("who-returns-stays-passive");
  }
}

// Servers fail and come back; each director's checks find out when it is their turn.
void demand_no_move_for_servers_that_fail(World& world) {
  const std::vector<Node> before = world.holders();
  for (const uint16_t failing : {uint16_t{2}, uint16_t{0}}) {
    const Node first = any_node(world.rng());
    world.set_failing_services(first, failing);
    world.run_for(up_to(world.rng(), kVerdictSkew - 1s));
    world.set_failing_services(first == Node::primary ? Node::backup : Node::primary, failing);
    world.run_for(up_to(world.rng(), 3 * kSeveralChecks));
    if (world.holders() != before) {
      world.violated("servers-that-fail-for-both-move-nobody");
    }
  }
  world.run_for(kSeveralChecks + 1s);
}

// Those of one service fail for the holder alone: it cannot reach them.
void demand_a_move_to_who_reaches_the_servers(World& world) {
  const std::vector<Node> before = world.holders();
  const Node standby = before.front() == Node::primary ? Node::backup : Node::primary;
  world.set_uncheckable(standby, {kServices});  // Which hides nothing.
  world.run_for(kSeveralChecks + 2s);
  if (world.holders() != before) {
    world.violated("what-cannot-be-checked-moves-nobody");
  }
  world.set_failing_services(before.front(), 1);
  world.run_for(kSeveralChecks + 2s);
  if (world.holders() == before) {  // The holder may have been moved to for the same reason.
    world.run_for(pulse::kServicesRest);
  }
  if (world.holders().size() != 1 || world.holders() == before) {
    world.violated("who-reaches-the-servers-serves");
  }
  world.set_failing_services(before.front(), 0);
  world.run_for(2 * kSeveralChecks);
  if (world.holders().size() != 1 || world.holders() == before) {
    world.violated("who-reached-the-servers-goes-on");
  }
  world.set_uncheckable(standby, {});
}

}  // namespace

void cause_chaos(World& world, int misfortunes, Duration pause_max) {
  for (int i = 0; i < misfortunes; ++i) {
    const Node node = any_node(world.rng());
    if (world.rng().chance(0.1) && !is_any_paused(world)) {
      race_incarnations(world, node);
    } else if (world.rng().chance(0.6)) {
      break_machine(world, node);
    } else {
      break_network(world, node);
    }
    world.run_for(up_to(world.rng(), pause_max));
  }
}

std::unique_ptr<World> live_through(uint64_t seed, bool legacy) {
  Rng rng(seed);
  Timing timing = random_timing(rng);
  timing.legacy = legacy;
  timing.added_at_once = seed % 2 == 0 ? 1 : 64;
  auto world = std::make_unique<World>(rng.next(), timing);
  if (world->rng().chance(0.2)) {
    world->suppress_arp();
  }
  world->boot(Node::primary);
  world->run_for(up_to(world->rng(), timing.deadtime));
  world->boot(Node::backup);
  world->run_for(2 * timing.deadtime);
  cause_chaos(*world, kMisfortunes, timing.deadtime);
  world->run_for(kAskingEnds);
  if (timing.split_guard && world->rng().chance(0.3)) {
    demand_one_holder_without_heartbeats(*world);
  }
  world->heal();
  // One that was told to stop while it was frozen hands over and ends only now.
  world->run_for(kAskingEnds);
  world->start_arbiter(Node::primary);
  world->start_arbiter(Node::backup);
  world->run_for(2 * timing.deadtime + timing.keepalive + 2s);
  world->checkers().at_the_end();
  const bool serves_calmly =
      world->violations().empty() && !timing.failback.enabled && world->rng().chance(0.3);
  if (serves_calmly) {
    demand_no_move_for_servers_that_fail(*world);
  }
  if (serves_calmly && !legacy) {  // Piranha's do not tell of servers.
    demand_a_move_to_who_reaches_the_servers(*world);
  }
  if (world->violations().empty()) {
    demand_one_exact_takeover(*world);
  }
  return world;
}

}  // namespace lvs::sim
