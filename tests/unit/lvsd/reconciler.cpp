// The table: read, planned, changed, tried again, repaired.
#include "lvsd/reconciler.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Reconciler, MakesServicesAtOnceAndServersWhenTheyAnswer) {
  World world;
  world.start(with({web(2)}));
  EXPECT_TRUE(world.core.contains(web_key()));
  EXPECT_THAT(world.web_servers(), IsEmpty());
  world.say(2, Health::up);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
}

TEST(Reconciler, RemovesADeadServerAndTakesItBack) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(1, Health::down, "connect: Connection refused");
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
  world.say(1, Health::up);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1), server_at(2)));
}

TEST(Reconciler, PlansManyVerdictsTogether) {
  World world;
  world.start(with({web(200)}));
  world.ops.clear();
  const int applied = world.count("applied");
  world.all_up();
  EXPECT_THAT(world.ops, SizeIs(200));
  EXPECT_EQ(world.count("applied"), applied + 2) << "the first at once, the others together";
}

TEST(Reconciler, MakesALargeTableABatchAtATime) {
  std::vector<config::VirtualService> services;
  for (uint16_t port = 1; port <= 30; ++port) {
    auto service = web(100);
    service.port = port;
    service.check = config::NamedCheck{config::kNoCheck, {}};
    services.push_back(service);
  }
  World world;
  world.refused = {{service_key(services[3]), server_at(7)}};
  world.start(with(services));
  EXPECT_THAT(world.ops, SizeIs(30 * 101));
  EXPECT_THAT(world.batches, SizeIs(testing::Ge(3U)));
  EXPECT_THAT(world.batches, Each(testing::Le(kOpsAtOnce + 100)));
  EXPECT_THAT(world.core, SizeIs(30));
  world.refused.clear();
  world.pass(1min);
  EXPECT_THAT(world.ops, SizeIs(testing::Le(30 * 101 + 10U))) << "only what failed is tried again";
  EXPECT_EQ(world.core, world.lvsd.wanted().table);
}

// Operations that wait for their next attempt can fill a batch: others must not wait behind it.
TEST(Reconciler, ABatchOfWhatFailedBeforeHoldsNobodyElseUp) {
  World world;
  std::vector<config::VirtualService> services;
  const auto add = [&](uint16_t port) {
    auto service = web(200);
    service.port = port;
    service.check = config::NamedCheck{config::kNoCheck, {}};
    services.push_back(service);
    return service_key(service);
  };
  for (uint16_t port = 1; port <= 6; ++port) {
    const auto key = add(port);
    for (int host = 1; host <= 200; ++host) {
      world.refused.insert({key, server_at(host)});
    }
  }
  world.start(with(services));
  const auto last = add(7);
  auto config = with(services);
  config.debug_level = "1";  // A global: all services are looked at.
  world.reload(config);
  world.pass(kGather);
  EXPECT_THAT(world.core.at(last).dests, SizeIs(200));
}

TEST(Reconciler, AVerdictAfterAPauseWaitsForNothing) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.pass(1s);
  world.ops.clear();
  world.feed(VerdictHeard{{1, Health::down, "", 1ms}});
  EXPECT_THAT(world.ops, ElementsAre(ipvs::DelDest{web_key(), server_at(1)}));
  EXPECT_EQ(world.lvsd.writes(), 4U) << "the service, two servers, one of them gone";
}

TEST(Reconciler, TheTableComesBeforeMarksAndMonitors) {
  const TimePoint now{1h};
  Reconciler lvsd;
  Step step = lvsd.step(Started{with({web(1)}), {}, false}, now);
  EXPECT_THAT(step.actions, Contains(testing::VariantWith<ReadTable>(ReadTable{})));
  const auto has_begun = [&] {
    return std::any_of(step.actions.begin(), step.actions.end(), [](const auto& action) {
      return std::holds_alternative<ApplyMarks>(action) ||
             std::holds_alternative<StartNanny>(action);
    });
  };
  EXPECT_FALSE(has_begun());
  step = lvsd.step(TableRead{Snapshot{}}, now);
  EXPECT_FALSE(has_begun());
  step = lvsd.step(OpsDone{{ipvs::NewService{web_key(), {}}}, {std::nullopt}}, now);
  EXPECT_TRUE(has_begun());
}

TEST(Reconciler, SpeaksPiranhasWords) {
  World world;
  world.start(with({web(1)}));
  world.say(1, Health::up);
  world.say(1, Health::down, "CONNECT timed out");
  world.reload(with({}));
  EXPECT_THAT(world.markers(),
              ElementsAre("starting virtual service web active: 80",
                          "create_monitor for web/rs1 running as pid 1001",
                          "[ active ] making 10.0.0.1:80 available",
                          "[inactive] shutting down 10.0.0.1:80 due to connection failure",
                          "rereading configuration file", "shutting down virtual service web"));
}

// Killed and started again: nothing is known, everything stays, not one operation.
TEST(Reconciler, AdoptsWhatAFormerLifeLeft) {
  World former;
  auto config = with({web(3)});
  config.virtuals.edit(0).sorry_server = address("10.0.0.99");
  former.start(config);
  former.all_up();
  former.say(2, Health::down);

  World world;
  world.core = former.core;
  world.start(config, former.saved);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  world.pass(20s);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.core, former.core);
}

TEST(Reconciler, LeavesForeignServicesAloneAlsoWhenOursGo) {
  const ipvs::ServiceKey foreign = ipvs::MarkKey{7, Family::v4};
  World world;
  world.core[foreign].dests[server_at(7)] = {};
  const ipvs::Entry as_it_was = world.core[foreign];
  world.start(with({web(1)}));
  world.all_up();
  world.reload(with({}));
  world.pass(30s);
  EXPECT_THAT(world.core, ElementsAre(testing::Pair(foreign, as_it_was)));
  EXPECT_EQ(world.lvsd.drifts(), 0U);
}

TEST(Reconciler, RemovesAServiceThatWasOursInAFormerLife) {
  const ipvs::ServiceKey old_key = ipvs::MarkKey{7, Family::v4};
  World world;
  world.core[old_key] = {};
  world.start(with({web(1)}), {{old_key}, {}});
  EXPECT_FALSE(world.core.contains(old_key));
  EXPECT_THAT(world.saved.services, ElementsAre(web_key()));
}

TEST(Reconciler, RecordsAServiceAsOursBeforeItMakesIt) {
  Reconciler lvsd;
  const TimePoint now{1h};
  lvsd.step(Started{with({web(1)}), {}, false}, now);
  const Step step = lvsd.step(TableRead{Snapshot{}}, now);
  std::vector<std::string> order;
  for (const auto& action : step.actions) {
    if (std::holds_alternative<SaveOwned>(action)) {
      order.emplace_back("save");
    } else if (std::holds_alternative<ApplyOps>(action)) {
      order.emplace_back("apply");
    }
  }
  EXPECT_THAT(order, ElementsAre("save", "apply"));
}

TEST(Reconciler, RepairsDriftAtTheNextCheck) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  const ipvs::Table as_wanted = world.core;
  world.core.clear();  // ipvsadm -C
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.core, as_wanted);
  EXPECT_EQ(world.lvsd.drifts(), 1U);
  EXPECT_EQ(world.lvsd.repairs(), 3U);
  EXPECT_EQ(world.count("drift"), 1);
  world.pass(60s);
  EXPECT_EQ(world.lvsd.drifts(), 1U);
}

TEST(Reconciler, AServerThatTheCoreRefusesHoldsNobodyElseUp) {
  World world;
  world.refused.insert({web_key(), server_at(1)});
  world.start(with({web(3)}));
  world.all_up();
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2), server_at(3)));
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  world.say(3, Health::down);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(2)));
}

TEST(Reconciler, AServiceThatTheCoreRefusesHoldsNoOtherServiceUp) {
  auto other = web(1);
  other.port = 8080;
  const ipvs::ServiceKey other_key = service_key(other);
  World world;
  world.refused.insert({web_key(), {}});
  world.start(with({web(1), other}));
  world.all_up();
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_THAT(world.core.at(other_key).dests, SizeIs(1));
  EXPECT_EQ(world.count("change-failed"), 1);
}

// A core that refuses everything is not asked twice for the servers of a service with an edit.
TEST(Reconciler, ServersFailForThemselvesWhenTheirServiceIsThere) {
  World world;
  auto service = web(1);
  world.start(with({service}));
  world.all_up();
  world.refused = {{web_key(), {}}, {web_key(), server_at(1)}};
  world.ops.clear();
  service.scheduler = "rr";
  service.servers[0].weight = 2;
  world.reload(with({service}));
  EXPECT_THAT(world.ops, SizeIs(2)) << "the edit and the server, each once";
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(2));
}

TEST(Reconciler, RetriesWithGrowingPausesUntilItSucceeds) {
  World world;
  world.refused.insert({web_key(), server_at(1)});
  world.start(with({web(1)}));
  world.all_up();
  world.ops.clear();
  world.pass(3s);  // 200 + 400 + 800 + 1600 ms
  EXPECT_THAT(world.ops, SizeIs(testing::AllOf(testing::Ge(3U), testing::Le(4U))));
  EXPECT_EQ(world.count("change-failed"), 1) << "told once, not at each attempt";
  world.refused.clear();
  world.pass(kRetryMax);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
}

// Somebody made our service by hand between two reads: EEXIST, read again, go on from what is
// there.
TEST(Reconciler, ReadsAgainWhenTheTableIsNotAsItBelieved) {
  World world;
  world.start(with({}));
  world.core[web_key()].dests[server_at(9)] = {};
  world.reload(with({web(1)}));
  world.all_up();
  world.pass(1s);
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
  EXPECT_EQ(world.lvsd.drifts(), 0U);
}

TEST(Reconciler, ReadsTheTableAtOnceWhenAnswersAreLost) {
  World world;
  world.loses_answers = true;
  world.start(with({web(7)}));
  world.all_up();
  EXPECT_THAT(world.web_servers(), SizeIs(7)) << "without waiting as for a failure";
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
  EXPECT_EQ(world.count("change-failed"), 0);
  EXPECT_EQ(world.lvsd.drifts(), 0U);
  EXPECT_GT(world.count("answers-lost"), 0);
}

TEST(Reconciler, IsNotReadyWhileTheCoreCannotBeRead) {
  World world;
  world.start(with({web(1)}));
  world.all_up();
  world.readable = false;
  world.pass(kDriftCheck + 1s);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  EXPECT_EQ(world.count("core-unreadable"), 1);
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

// What fails because the core is going says nothing about a service.
TEST(Reconciler, ACoreThatCannotBeReadIsTheOnlyFailureThatIsShown) {
  World world;
  world.start(with({web(1)}));
  world.refused = {{web_key(), server_at(1)}};
  world.say(1, Health::up);
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
  world.readable = false;
  world.pass(kDriftCheck + kReadRetry);
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
  EXPECT_NE(world.lvsd.core_error(), "");
}

TEST(Reconciler, AsksACoreThatCannotBeReadLessAndLessOften) {
  World world;
  world.readable = false;
  world.start(with({web(1)}));
  world.reads = 0;
  world.pass(10min);
  EXPECT_LE(world.reads, 10min / kReadRetryMax + 5);
  EXPECT_EQ(world.count("core-unreadable"), 1);
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.core.contains(web_key()));
  EXPECT_EQ(world.count("core-readable"), 1);
}

// As ip_vs does that is unloaded and loaded again.
TEST(Reconciler, PutsTheWholeTableBackIntoACoreThatReturnsEmpty) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  const ipvs::Table before = world.core;
  world.readable = false;
  world.core.clear();
  world.pass(kDriftCheck);
  world.ops.clear();
  world.say(1, Health::down);
  world.say(1, Health::up);
  world.pass(1min);
  EXPECT_THAT(world.ops, IsEmpty()) << "nothing is asked of a core that cannot be read";
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_EQ(world.core, before);
}

TEST(Reconciler, SetsTimeOutsThatDifferAndRepairsThem) {
  auto config = with({web(1)});
  config.tcp_timeout = 1200;
  config.udp_timeout = 300;
  World world;
  world.start(config);
  EXPECT_THAT(world.ops, Contains(ipvs::Request(ipvs::SetConfig{{1200, 0, 0}})));
  EXPECT_EQ(world.timeouts, (ipvs::Timeouts{1200, 120, 300}));
  world.ops.clear();
  world.pass(20s);
  world.reload(config);
  EXPECT_THAT(world.ops, IsEmpty());
  config.tcp_timeout = 600;
  world.reload(config);
  EXPECT_THAT(world.ops, ElementsAre(ipvs::Request(ipvs::SetConfig{{600, 0, 0}})));
  world.timeouts.udp = 10;
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.timeouts, (ipvs::Timeouts{600, 120, 300}));
}

TEST(Reconciler, PutsTheCoresOwnTimeOutBackWhenItsKeyLeavesTheFile) {
  auto config = with({web(1)});
  config.tcp_timeout = 1200;
  World world;
  world.start(config);
  world.ops.clear();
  config.tcp_timeout = 0;
  world.reload(config);
  EXPECT_THAT(world.ops, ElementsAre(ipvs::Request(ipvs::SetConfig{{900, 0, 0}})));
  world.timeouts.tcp = 77;
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.timeouts.tcp, 77U) << "from then on it is the administrator's";
}

// Whatever happens, in whatever order, on either core: once the world is calm the table is the
// desired one, foreign services are untouched, and nothing is left to do.
TEST(Reconciler, ConvergesAfterAnyDisorder) {
  const ipvs::ServiceKey foreign = ipvs::MarkKey{77, Family::v4};
  for (uint64_t seed = 1; seed <= 300 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    World world;
    world.core[foreign].dests[server_at(7)] = {};
    world.own_addresses = {address("10.0.0.3")};
    const auto on_a_core = [&](config::Config config) {
      return seed % 2 == 0 ? on_the_kernel(std::move(config)) : config;
    };
    world.start(on_a_core(with({web(3)})));
    for (int i = 0; i < 60; ++i) {
      const int host = static_cast<int>(1 + rng.below(4));
      switch (rng.below(10)) {
        case 0:
          world.say(host, Health::up);
          break;
        case 1:
          world.say(host, Health::down);
          break;
        case 2:
          world.reload(on_a_core(with({web(static_cast<int>(rng.below(5)))})));
          break;
        case 3:
          world.reload(on_a_core(draining_web(static_cast<int>(rng.below(5)))));
          break;
        case 4:
          world.feed(NannyGone{"killed"});
          break;
        case 5:
          world.refused = {{web_key(), server_at(host)}};
          break;
        case 6:
          world.core.erase(web_key());
          break;
        case 7:
          world.feed(RoleSaid{rng.chance(0.5)});
          break;
        case 8:
          world.pass(std::chrono::milliseconds{rng.below(3000)});
          break;
        case 9:
          world.readable = rng.chance(0.5);
          break;
      }
    }
    world.refused.clear();
    world.readable = true;
    world.pass(2min);
    EXPECT_THAT(world.lvsd.pending(), IsEmpty());
    EXPECT_TRUE(world.core.contains(foreign));
    ipvs::Table ours = world.core;
    ours.erase(foreign);
    EXPECT_EQ(ours, world.lvsd.wanted().table);
    EXPECT_EQ(world.lvsd.actual(), world.core);
    EXPECT_THAT(world.lvsd.plan_for(world.lvsd.config()), IsEmpty())
        << "what came piece by piece differs from the whole";
  }
}

}  // namespace
}  // namespace lvs::lvsd
