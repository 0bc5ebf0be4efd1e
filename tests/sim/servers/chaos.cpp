#include "tests/sim/servers/chaos.h"

#include <algorithm>
#include <array>

#include "tests/sim/servers/wish.h"

namespace lvs::sim::servers {
namespace {

using namespace std::chrono_literals;

constexpr int kMisfortunes = 8;
constexpr Duration kRestWithin = 55s;  // The longest backoff of all, and what is found out then.
constexpr Duration kRestWithNames = 75s;
constexpr Duration kChecksEnd = 3s;  // Those that began before.
constexpr Duration kLook = 1s;
constexpr Duration kRest = 8s;         // In which nothing may be written.
constexpr Duration kRestart = 20s;     // Longer than a frozen nanny is believed to live.
constexpr Duration kReaction = 400ms;  // What gathering, packets and requests take.

using Misfortune = void (*)(World& world, Rng& rng);

Duration draw(Rng& rng, Duration limit) {
  return Duration{static_cast<Duration::rep>(rng.below(static_cast<uint64_t>(limit.count())))};
}

void change_servers(World& world, Rng& rng) {
  for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
    const Condition condition =
        rng.chance(0.5) ? Condition::works : static_cast<Condition>(1 + rng.below(3));
    world.set_condition(1 + rng.below(kHosts), condition);
  }
}

void flap(World& world, Rng& rng) {
  const size_t host = 1 + rng.below(kHosts);
  for (uint64_t n = 2 + rng.below(5); n > 0; --n) {
    world.set_condition(host, rng.chance(0.5) ? Condition::works : Condition::refuses);
    world.run_for(draw(rng, 2500ms));
  }
}

void end_nanny(World& world, Rng& rng) {
  world.let_nanny_start(rng.chance(0.8));
  world.kill_nanny();
}

void freeze_nanny(World& world, Rng& rng) {
  world.freeze_nanny();
  world.run_for(draw(rng, rng.chance(0.3) ? Duration{20s} : Duration{3s}));
  world.thaw_nanny();
}

void spoil_the_line(World& world, Rng& rng) {
  if (rng.chance(0.5)) {
    world.deafen_nanny();
  } else {
    world.mute_nanny();
  }
}

void end_lvsd(World& world, Rng& rng) {
  if (rng.chance(0.5)) {
    world.kill_lvsd_in_its_next_batch();
    change_servers(world, rng);
  } else {
    world.kill_lvsd();
  }
}

void freeze_lvsd(World& world, Rng& rng) {
  world.freeze_lvsd();
  change_servers(world, rng);
  world.run_for(draw(rng, 8s));
  world.thaw_lvsd();
}

void edit(World& world, Rng& rng) {
  if (rng.chance(0.3)) {
    world.set_connections();
  }
  world.edit();
  if (rng.chance(0.85)) {
    world.reload();
  }
}

void edit_often(World& world, Rng& rng) {
  for (uint64_t n = 2 + rng.below(3); n > 0; --n) {
    world.edit();
    world.reload();
    world.run_for(draw(rng, 60ms));
  }
}

void refuse_a_reload(World& world, Rng&) {
  world.refuse_reload();
}

void refuse_changes(World& world, Rng& rng) {
  world.refuse_something();
  world.edit();
  world.reload();
  world.run_for(draw(rng, rng.chance(0.2) ? Duration{15s} : Duration{2s}));
  if (rng.chance(0.7)) {
    world.core().heal();
  }
}

void lose_answers(World& world, Rng& rng) {
  world.core().loses_answers = 0.5;
  world.edit();
  world.reload();
  world.run_for(draw(rng, 2s));
  world.core().loses_answers = 0;
}

void lose_the_core(World& world, Rng& rng) {
  world.lose_core();
  world.run_for(draw(rng, 6s));
  world.find_core(rng.chance(0.5));
}

void meddle(World& world, Rng&) {
  world.drift();
}

void meddle_elsewhere(World& world, Rng&) {
  world.change_foreign();
}

void change_role(World& world, Rng& rng) {
  world.core().refuses_to_arm = rng.chance(0.2);
  world.silence_pulse(rng.chance(0.2));
  world.say_role(rng.chance(0.6));
}

void lose_a_way(World& world, Rng& rng) {
  const size_t device = rng.below(kDevices);
  world.set_device(device, false);
  world.run_for(draw(rng, rng.chance(0.4) ? Duration{700ms} : Duration{6s}));
  if (rng.chance(0.8)) {
    world.set_device(device, true);
  }
}

void change_a_name(World& world, Rng& rng) {
  const std::string name = rng.chance(0.5) ? "dyn0.example" : "dyn1.example";
  if (rng.chance(0.3)) {
    world.resolve(name, {});
  } else {
    world.resolve(name, {host_address(1 + rng.below(kHosts))});
  }
}

void hinder_checks(World& world, Rng& rng) {
  world.hinder_nanny(true);
  world.run_for(draw(rng, 6s));
  world.hinder_nanny(rng.chance(0.2));
}

void trouble_the_host(World& world, Rng& rng) {
  world.hinder_sysctls(rng.chance(0.5));
  world.hinder_marks(rng.chance(0.5));
  world.touch_sysctls();
}

constexpr std::array<Misfortune, 24> kAll = {
    change_servers, change_servers,  change_servers, flap,
    end_nanny,      freeze_nanny,    spoil_the_line, end_lvsd,
    end_lvsd,       freeze_lvsd,     edit,           edit,
    edit_often,     refuse_a_reload, refuse_changes, lose_answers,
    lose_the_core,  meddle,          meddle,         meddle_elsewhere,
    change_role,    lose_a_way,      hinder_checks,  trouble_the_host};

void cause_chaos(World& world) {
  Rng& rng = world.rng();
  for (int i = 0; i < kMisfortunes; ++i) {
    world.laws().between_misfortunes();
    if (world.has_names() && rng.chance(0.1)) {
      change_a_name(world, rng);
    } else {
      kAll[rng.below(kAll.size())](world, rng);
    }
    world.run_for(draw(rng, rng.chance(0.2) ? Duration{6s} : Duration{1s}));
  }
}

// The table is as the file asks for, in time, and then nothing is written.
void expect_rest(World& world) {
  const Duration limit = world.has_names() ? kRestWithNames : kRestWithin;
  const TimePoint until = world.now() + limit;
  world.run_for(kChecksEnd);
  do {
    world.run_for(kLook);
  } while (world.now() < until && (world.has_names() || !world.laws().lacks_rest().empty()));
  for (const auto& lack : world.laws().lacks_rest()) {
    world.violated(lack);
  }
  if (!world.violations().empty()) {
    return;
  }
  const uint64_t changes = world.core().changes;
  world.run_for(kRest);
  if (world.core().changes != changes || !world.laws().lacks_rest().empty()) {
    world.violated("a-table-at-rest-is-not-written");
  }
}

struct Watched {
  size_t host;
  Duration to_fail{0};
  Duration to_return{0};
};

// What finding out about a host takes at most, by the checks of all services that have it.
std::optional<Watched> choose_host(World& world) {
  std::map<size_t, Watched> hosts;
  for (const auto& [key, service] : services_in_use(world.running())) {
    if (!has_check(*service)) {
      continue;
    }
    const Duration interval = service->interval.value_or(service->timeout);
    for (const auto& [server, real] : servers_in_use(*service)) {
      Watched& watched = hosts
                             .try_emplace(Network::host_of(server.address),
                                          Watched{Network::host_of(server.address)})
                             .first->second;
      const auto takes = [&](int checks) {
        return service->timeout + checks * (interval + service->timeout) + kReaction;
      };
      watched.to_fail = std::max(watched.to_fail, takes(service->fall));
      watched.to_return = std::max(watched.to_return, takes(service->rise.value_or(1)));
    }
  }
  if (hosts.empty()) {
    return std::nullopt;
  }
  return std::next(hosts.begin(), static_cast<std::ptrdiff_t>(world.rng().below(hosts.size())))
      ->second;
}

void expect_reaction(World& world) {
  const auto host = choose_host(world);
  if (!host || !world.laws().is_monitored()) {
    return;
  }
  const bool works = Network::can_work(world.network().hosts[host->host]);
  Rng& rng = world.rng();
  world.set_condition(host->host, !works            ? Condition::works
                                  : rng.chance(0.5) ? Condition::silent
                                                    : Condition::refuses);
  world.run_for(works ? host->to_fail : host->to_return);
  if (!world.laws().is_table_right()) {
    world.violated(works ? "who-fails-is-taken-out-in-time" : "who-works-is-taken-in-in-time",
                   to_string(host_address(host->host)));
  }
}

void end_or_freeze_one(World& world) {
  Rng& rng = world.rng();
  switch (rng.below(5)) {
    case 0:
      world.kill_nanny();
      break;
    case 1:
      world.freeze_nanny();
      break;
    case 2:
      world.kill_lvsd();
      break;
    case 3:
      spoil_the_line(world, rng);
      break;
    default:
      world.freeze_lvsd();
      world.run_for(draw(rng, 10s));
      world.thaw_lvsd();
      break;
  }
}

void expect_indifference(World& world) {
  const uint64_t changes = world.core().changes;
  end_or_freeze_one(world);
  world.run_for(kRestart);
  if (world.core().changes != changes || !world.laws().is_table_right()) {
    world.violated("who-dies-or-freezes-changes-nothing");
  }
}

}  // namespace

std::unique_ptr<World> live_through(uint64_t seed, bool tells) {
  auto world = std::make_unique<World>(seed, tells);
  Rng& rng = world->rng();
  world->core().armed = rng.chance(0.3);
  if (rng.chance(0.4)) {
    world->change_foreign();
  }
  if (rng.chance(0.9)) {
    if (rng.chance(0.3)) {
      world->core().own_addresses = {host_address(1 + rng.below(kHosts))};
    }
    world->say_role(rng.chance(0.7));
  }
  world->start_lvsd(false);
  world->run_for(draw(rng, 4s));
  cause_chaos(*world);
  world->heal();
  expect_rest(*world);
  if (!world->violations().empty()) {
    return world;
  }
  if (rng.chance(0.5)) {
    expect_reaction(*world);
  } else {
    world->run_for(20s);
    world->laws().expect_what_pulse_is_told();
    expect_indifference(*world);
  }
  return world;
}

}  // namespace lvs::sim::servers
