// The law of reloads: what lvsd does about a change is what it would do if it looked at everything.
//
// Two worlds live the same life, step by step: random configurations from a small alphabet (so that
// keys collide and servers are shared), verdicts, roles, drift, refusals. In one of them each file
// also has another debug_level, which means nothing, but is a global: so that one looks at all of
// its services at every reload, the other only at those that changed. All they do must be the same.
#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

using Services = std::vector<config::VirtualService>;

constexpr int kLives = 400;
constexpr int kStepsOfALife = 25;

template <typename T>
T one_of(Rng& rng, std::initializer_list<T> choices) {
  return *(choices.begin() + rng.below(choices.size()));
}

config::RealServer random_server(Rng& rng) {
  auto server = real_server(static_cast<int>(1 + rng.below(4)), static_cast<int>(rng.below(3)));
  server.active = rng.chance(0.9);
  server.port = rng.chance(0.9) ? 80 : 81;
  server.port_given = rng.chance(0.8);
  if (rng.chance(0.1)) {
    server.forward = ipvs::Forward::direct;
  }
  return server;
}

config::VirtualService random_service(Rng& rng) {
  auto service = web(0);
  service.name = one_of<std::string>(rng, {"web", "shop", "mail"});
  service.active = rng.chance(0.85);
  service.address->address = address(one_of<std::string>(rng, {"192.0.2.1", "192.0.2.2"}));
  service.port = one_of<uint16_t>(rng, {80, 81});
  if (rng.chance(0.25)) {
    service.fwmark = static_cast<uint32_t>(1 + rng.below(2));
    service.mark_ports = {{"tcp", {{80, 80}}}};
  }
  for (uint64_t n = rng.below(5); n > 0; --n) {
    service.servers.push_back(random_server(rng));
  }
  service.check = one_of<config::Check>(
      rng, {config::TcpConnect{}, config::HttpCheck{}, config::NamedCheck{config::kNoCheck, {}}});
  service.interval = one_of<Duration>(rng, {5s, 7s});
  service.quorum = static_cast<int>(1 + rng.below(2));
  service.quiesce_server = rng.chance(0.3);
  service.drain = one_of<Duration>(rng, {0s, 20s});
  if (rng.chance(0.4)) {
    service.sorry_server = address(one_of<std::string>(rng, {"10.0.0.9", "10.0.0.1", "192.0.2.2"}));
  }
  return service;
}

void change_one_thing(config::VirtualService& service, Rng& rng) {
  const auto other = random_service(rng);
  switch (rng.below(9)) {
    case 0:
      service.active = !service.active;
      break;
    case 1:
      service.servers = other.servers;
      break;
    case 2:
      service.servers.push_back(random_server(rng));
      break;
    case 3:
      service.check = other.check;
      break;
    case 4:
      service.interval = other.interval;
      break;
    case 5:
      service.sorry_server = other.sorry_server;
      break;
    case 6:
      service.persistent = service.persistent > 0s ? 0s : 60s;
      break;
    case 7:
      service.address = other.address;
      break;
    case 8:
      service.drain = other.drain;
      break;
  }
}

void edit(Services& services, Rng& rng) {
  const size_t at = services.empty() ? 0 : rng.below(services.size());
  switch (services.empty() ? 0 : rng.below(5)) {
    case 0:
      services.insert(services.begin() + static_cast<std::ptrdiff_t>(at), random_service(rng));
      break;
    case 1:
      services.erase(services.begin() + static_cast<std::ptrdiff_t>(at));
      break;
    case 2:
      std::swap(services[at], services.back());  // Of two with one key the first counts.
      break;
    default:
      change_one_thing(services[at], rng);
      break;
  }
}

config::Config random_globals(Rng& rng) {
  config::Config globals;
  globals.core = one_of(rng, {config::CoreKind::embedded, config::CoreKind::kernel});
  globals.network = one_of(rng, {ipvs::Forward::masq, ipvs::Forward::direct});
  globals.syncdaemon = rng.chance(0.5);
  globals.service = rng.chance(0.05) ? config::ServiceMode::fos : config::ServiceMode::lvs;
  globals.standby_monitoring = rng.chance(0.8);
  return globals;
}

config::Config with_all(config::Config globals, const Services& services) {
  globals.virtuals = with(services).virtuals;
  return globals;
}

// A monitor as a value with the servers on it: without its id.
std::multiset<std::string> watched_by(const MonitorSet& set) {
  std::multiset<std::string> watched;
  for (const auto& [id, one] : set.watched()) {
    std::string text = to_string(one.monitor.target) + " check " +
                       std::to_string(one.monitor.check.index()) + " every " +
                       std::to_string(to_ms(one.monitor.interval).count());
    for (const auto& server : one.servers) {
      text += " " + to_string(server);
    }
    watched.insert(std::move(text));
  }
  return watched;
}

class Lives {
 public:
  explicit Lives(uint64_t seed) : rng_(seed), globals_(random_globals(rng_)) {
    both([](World& world) { world.own_addresses = {address("10.0.0.2")}; });
    edit(services_, rng_);
    edit(services_, rng_);
    thrifty.start(with_all(globals_, services_));
    thorough.start(inattentive());
  }

  void go_on() {
    switch (rng_.below(8)) {
      case 0:
      case 1:
      case 2:
        return reload();
      case 3:
      case 4: {
        const int host = static_cast<int>(1 + rng_.below(4));
        const Health health = rng_.chance(0.7) ? Health::up : Health::down;
        return both([&](World& world) { world.say(host, health); });
      }
      case 5: {
        const bool active = rng_.chance(0.5);
        return both([&](World& world) { world.feed(RoleSaid{active}); });
      }
      case 6: {
        const auto time = std::chrono::milliseconds{rng_.below(12'000)};
        return both([&](World& world) { world.pass(time); });
      }
      case 7:
        return disturb();
    }
  }

  void calm_down() {
    both([](World& world) {
      world.refused.clear();
      world.connections.clear();
      world.sysctls_error.clear();
      world.pass(2min);
    });
  }

  World thrifty;   // Looks at what changed.
  World thorough;  // Looks at everything.

 private:
  template <typename Story>
  void both(const Story& story) {
    story(thrifty);
    story(thorough);
  }

  config::Config inattentive() {
    auto config = with_all(globals_, services_);
    config.debug_level = std::to_string(++files_);
    return config;
  }

  void reload() {
    for (uint64_t edits = rng_.below(3); edits > 0; --edits) {
      edit(services_, rng_);
    }
    if (rng_.chance(0.1)) {
      const auto core = globals_.core;  // Another core needs a restart.
      globals_ = random_globals(rng_);
      globals_.core = core;
    }
    thrifty.reload(with_all(globals_, services_));
    thorough.reload(inattentive());
  }

  void disturb() {
    const ServerId server{web_key(), server_at(static_cast<int>(1 + rng_.below(4)))};
    const uint64_t what = rng_.below(5);
    both([&](World& world) {
      switch (what) {
        case 0:
          world.core.erase(server.service);
          break;
        case 1:
          world.refused = {{server.service, server.server}};
          break;
        case 2:
          world.refused = {{{}, {}, ipvs::DaemonRole::backup}};
          break;
        case 3:
          world.connections[server] = 3;
          break;
        case 4:
          world.sysctls_error = world.sysctls_error.empty() ? "Permission denied" : "";
          break;
      }
    });
  }

  Rng rng_;
  config::Config globals_;
  Services services_;
  int files_ = 0;
};

// For whoever has to find the difference.
std::vector<std::string> words_of(const World& world) {
  std::vector<std::string> words;
  for (const auto& op : world.ops) {
    words.push_back(ipvs::to_string(op));
  }
  for (const auto& line : world.lines) {
    words.push_back(to_line(line));
  }
  return words;
}

void expect_the_same(const World& thrifty, const World& thorough) {
  if (thrifty.ops != thorough.ops || thrifty.lines != thorough.lines) {
    ADD_FAILURE() << "they said and did different things";
    EXPECT_EQ(words_of(thrifty), words_of(thorough));
  }
  EXPECT_EQ(thrifty.core, thorough.core);
  EXPECT_EQ(thrifty.monitors, thorough.monitors);
  EXPECT_EQ(thrifty.saved, thorough.saved);
  EXPECT_EQ(thrifty.sysctls, thorough.sysctls);
  EXPECT_EQ(thrifty.marks, thorough.marks);
  EXPECT_EQ(thrifty.lvsd.armed(), thorough.lvsd.armed());
}

TEST(ReloadLaw, WhatChangedIsTreatedAsEverythingWouldBe) {
  for (uint64_t seed = 1; seed <= kLives && !HasFailure(); ++seed) {
    Lives lives(seed);
    for (int i = 0; i < kStepsOfALife && !HasFailure(); ++i) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(i));
      lives.go_on();
      expect_the_same(lives.thrifty, lives.thorough);
    }
  }
}

// And what it came to be piece by piece is what a new lvsd makes of the last file.
TEST(ReloadLaw, NothingIsLeftToDoThatANewLifeWouldDo) {
  for (uint64_t seed = 1; seed <= kLives && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Lives lives(seed);
    for (int i = 0; i < kStepsOfALife; ++i) {
      lives.go_on();
    }
    lives.calm_down();
    const World& old = lives.thrifty;
    EXPECT_EQ(old.core, old.lvsd.wanted().table);
    EXPECT_THAT(old.lvsd.pending(), IsEmpty());

    World fresh;
    fresh.own_addresses = old.own_addresses;
    fresh.core = old.core;
    fresh.armed_at_start = old.lvsd.armed();
    fresh.daemons = old.daemons;
    fresh.start(old.lvsd.config(), old.saved);
    if (old.lvsd.role()) {
      fresh.feed(RoleSaid{*old.lvsd.role()});
    }
    EXPECT_EQ(watched_by(fresh.lvsd.health().monitors()), watched_by(old.lvsd.health().monitors()));
    for (const auto& [id, watched] : old.lvsd.health().monitors().watched()) {
      const ServerId& server = watched.servers.front();
      const Health health = old.lvsd.health().health_of(server);
      fresh.feed(
          VerdictHeard{{*fresh.lvsd.health().monitors().monitor_of(server), health, "", 1ms}});
    }
    fresh.pass(1min);
    EXPECT_THAT(fresh.ops, IsEmpty());
    EXPECT_EQ(fresh.lvsd.wanted().table, old.lvsd.wanted().table);
  }
}

}  // namespace
}  // namespace lvs::lvsd
