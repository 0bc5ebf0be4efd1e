#include "lvsd/unserved.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;

// What the reconciler wants of `web` with these verdicts, judged.
class Judged {
 public:
  explicit Judged(config::VirtualService service) : config_(with({std::move(service)})) {}

  Judged& say(int host, Verdict verdict) {
    heard_[server_at(host)] = std::move(verdict);
    return *this;
  }
  Judged& holds(int host, int32_t weight) {
    actual_[web_key()].dests[server_at(host)].weight = weight;
    return *this;
  }
  Unserved found() const {
    const auto health_of = [&](const ServerId& id) {
      const auto heard = heard_.find(id.server);
      return heard == heard_.end() ? Health::unknown : heard->second.health;
    };
    const auto wanted = want_service(config_, config_.virtuals[0], health_of, actual_, {});
    return why_unserved(config_.virtuals[0], wanted.entry, wanted.standings,
                        [&](const ipvs::DestKey& server) {
                          const auto heard = heard_.find(server);
                          return heard == heard_.end() ? nullptr : &heard->second;
                        });
  }

 private:
  config::Config config_;
  ipvs::Table actual_;
  std::map<ipvs::DestKey, Verdict> heard_;
};

const Verdict kUp{1, Health::up, "", 0s};
const Verdict kDown{1, Health::down, "refused", 0s};
const Verdict kCut{1, Health::cut, "not checked: no route", 0s, false};
const Verdict kNever{1, Health::unknown, "not checked: no such user", 0s};

config::VirtualService with_sorry(config::VirtualService service) {
  service.sorry_server = address("10.0.0.99");
  return service;
}

config::VirtualService of_weight(config::VirtualService service, int weight) {
  for (auto& server : service.servers) {
    server.weight = weight;
  }
  return service;
}

TEST(WhyUnserved, OneServerThatTakesConnectionsIsEnough) {
  EXPECT_EQ(Judged(web(2)).say(1, kUp).say(2, kDown).found(), Unserved{});
  EXPECT_EQ(Judged(with_sorry(web(1))).say(1, kDown).found(), Unserved{});
  EXPECT_EQ(Judged(with_sorry(web(0))).found(), Unserved{});
  EXPECT_EQ(Judged(web(1)).holds(1, 1).found(), Unserved{}) << "as it was found in the table";
  EXPECT_EQ(Judged(web(1)).holds(1, 1).say(1, kNever).found(), Unserved{});
}

TEST(WhyUnserved, EachCauseHasItsWords) {
  EXPECT_EQ(Judged(web(2)).say(1, kDown).say(2, kDown).found(),
            (Unserved{"all its servers are down", true}));
  EXPECT_EQ(Judged(web(2)).found(),
            (Unserved{"no server was ever checked: no check has ended yet", false}));
  EXPECT_EQ(Judged(web(2)).say(1, kNever).found(),
            (Unserved{"no server was ever checked: no such user", false}));
  EXPECT_EQ(Judged(web(2)).say(1, kNever).say(2, kNever).found(),
            (Unserved{"no server was ever checked: no such user", true}));
  EXPECT_EQ(Judged(web(1)).say(1, kCut).found(),
            (Unserved{"this director has no way to its servers", true}));
  EXPECT_EQ(Judged(of_weight(web(1), 0)).say(1, kUp).found(),
            (Unserved{"its servers have weight 0", true}));
  EXPECT_EQ(Judged(web(0)).found(), (Unserved{"it has no active server", true}));
  EXPECT_EQ(Judged(web(1)).holds(1, 0).say(1, kNever).found(),
            (Unserved{"no server was ever checked: no such user", true}));
}

TEST(WhyUnserved, SeveralCausesAreCounted) {
  EXPECT_EQ(Judged(web(3)).say(1, kDown).say(2, kDown).say(3, kNever).found(),
            (Unserved{"of its servers 2 down, 1 never checked (no such user)", true}));
}

TEST(WhyUnserved, ANameWithoutAnAddressIsTheCause) {
  auto service = web(1);
  service.servers[0].waits = true;
  EXPECT_EQ(Judged(service).found().why, "the names of its servers have no address yet");
}

std::vector<std::string> whys(const World& world) {
  std::vector<std::string> found;
  for (const auto& line : world.lines) {
    if (line.event == "service-unserved") {
      found.push_back(line.fields.at(2).second);
    }
  }
  return found;
}

TEST(UnservedWatch, AServiceWhoseChecksCannotBeMadeIsTold) {
  World world;
  world.start(with({web(1)}));
  EXPECT_EQ(world.count("service-unserved"), 0) << "its first check is under way";
  world.say(1, Health::unknown, "not checked: no such user");
  EXPECT_THAT(whys(world), testing::ElementsAre("no server was ever checked: no such user"));
  world.pass(1h);
  EXPECT_EQ(world.count("service-unserved"), 1) << "once";
  EXPECT_EQ(world.count("service-served"), 0);
  world.say(1, Health::up);
  EXPECT_EQ(world.count("service-served"), 1);
}

TEST(UnservedWatch, AFirstCheckThatDoesNotEndIsWaitedForAndThenTold) {
  World world;
  world.start(with({web(1)}));
  world.pass(59s);
  EXPECT_EQ(world.count("service-unserved"), 0);
  world.pass(2s);
  EXPECT_THAT(whys(world), testing::ElementsAre("no server was ever checked: no check has ended "
                                                "yet"));
}

TEST(UnservedWatch, WhatIsServedInTimeIsNeverTold) {
  World world;
  world.start(with({web(2)}));
  world.say(1, Health::up);
  world.pass(1h);
  EXPECT_EQ(world.count("service-unserved") + world.count("service-served"), 0);
  world.say(1, Health::down);
  EXPECT_EQ(world.count("service-unserved"), 0) << "nothing was heard of the second one";
  world.say(2, Health::down);
  EXPECT_THAT(whys(world), testing::ElementsAre("all its servers are down"));
}

TEST(UnservedWatch, AServiceThatLeavesIsNotTold) {
  World world;
  world.start(with({web(1)}));
  auto other = web(1);
  other.port = 81;
  world.reload(with({other}));
  world.say(1, Health::up);
  world.pass(1h);
  EXPECT_EQ(world.count("service-unserved"), 0);
}

// It was never told to monitor: it takes the servers for up.
TEST(UnservedWatch, AStandbyThatDoesNotMonitorTellsNothing) {
  auto config = with({web(1)});
  config.standby_monitoring = false;
  World world;
  world.start(config);
  world.pass(1h);
  EXPECT_EQ(world.count("service-unserved"), 0);
}

}  // namespace
}  // namespace lvs::lvsd
