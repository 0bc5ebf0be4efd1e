// How what lvsd tells of servers that fail weighs in the arbitration.
#include "tests/unit/pulse/bench.h"

namespace lvs::pulse {
namespace {

Settings with_services(Node node) {
  Settings settings = some_settings(node);
  settings.services = 8;
  return settings;
}

ServicesChanged services(uint16_t if_active, uint16_t if_standby) {
  return {0, if_active, if_standby};
}

// A primary that serves, beside a passive peer that knows what it can serve.
Bench serving_beside(uint16_t peers_unserved, std::vector<ServiceId> peers_failing) {
  Bench bench(Node::primary, with_services(Node::primary));
  bench.start();
  bench.peer.unserved = peers_unserved;
  bench.peer.failing = std::move(peers_failing);
  bench.hear(Role::passive).feed(services(0, 0)).pass(5s, true);
  EXPECT_EQ(bench.state(), State::active);
  return bench;
}

// lvsd may not have read it yet: an active peer that has would compare its count with an old one.
TEST(FailingServices, WhatWasToldOfServicesIsNotToldOfANewConfiguration) {
  Bench bench = standby_backup();
  bench.feed(ServicesChanged{0, 0, 0});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 0);
  Settings next = some_settings(Node::backup);
  next.config_digest += 1;
  bench.feed(Reconfigured{next});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, std::nullopt);
  bench.hear(Role::active).pass(kServicesSettle - 1ms, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
  bench.pass(1ms, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 0);
}

TEST(FailingServices, AStandbyThatServedNobodyTellsSoUntilItKnowsMore) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active).feed(ServicesChanged{0, 8, 8}).pass(1s, true);
  Settings next = with_services(Node::backup);
  next.config_digest += 1;
  next.services = 9;
  bench.feed(Reconfigured{next});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 9);
  bench.feed(ServicesChanged{0, {}, {}}).hear(Role::active).pass(kServicesSettle, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 9) << "nanny is away";
  bench.feed(ServicesChanged{0, 1, 1});
  EXPECT_EQ(bench.director.status(bench.now).unserved, 1);
  bench.feed(ServicesChanged{0, {}, {}});
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
}

// With standby_monitoring = 0 it learns nothing more as long as it is passive.
TEST(FailingServices, AStandbyDoesNotServeNobodyForEver) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active).feed(ServicesChanged{0, 8, 8}).feed(ServicesChanged{});
  bench.pass(kNobodyKept - 1s, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, 8);
  bench.pass(1s, true);
  EXPECT_EQ(bench.director.status(bench.now).unserved, std::nullopt);
}

TEST(FailingServices, CountsFailingServicesAsItsRoleAsks) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active);
  ServicesChanged told = services(1, 3);
  told.failing = {5, 6, 7};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 3);
  EXPECT_THAT(bench.first<SendHeartbeat>().heartbeat.failing, ElementsAre(5U, 6U, 7U));
  bench.peer.goodbye = true;
  bench.hear(Role::passive);
  ASSERT_EQ(bench.state(), State::active);
  bench.feed(TimerFired{});
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.unserved, 1);
  EXPECT_THAT(bench.first<SendHeartbeat>().heartbeat.failing, testing::IsEmpty());
}

TEST(FailingServices, WhatItDoubtsItselfIsNotHeldAgainstThePeer) {
  for (const ServiceId doubted : {ServiceId{7}, ServiceId{8}}) {
    Bench bench = serving_beside(1, {7});
    ServicesChanged told = services(1, 2);
    told.doubtful = {doubted};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, doubted == 7);
  }
}

// Before who serves believes it. The file may differ: it is known by the same name.
TEST(FailingServices, AServerThatFailsForBothDoesNotHinderASwitchoverUnderOtherFiles) {
  Bench bench(Node::primary, with_services(Node::primary));
  bench.start();
  bench.peer.config_digest += 1;
  bench.peer.unserved = 8;
  bench.peer.failing = {1, 2, 3, 4, 5, 6, 7, 8};
  bench.hear(Role::passive).feed(services(0, 8)).pass(5s, true);
  bench.feed(Switchover{});
  EXPECT_EQ(bench.state(), State::active);
  ServicesChanged told = services(0, 8);
  told.doubtful = {1};
  bench.feed(told).feed(Switchover{});
  EXPECT_EQ(bench.state(), State::handing_over);
}

// Both read a new file; neither number is known, and a link is gone here.
TEST(FailingServices, AReloadMovesNothingToAPeerThatServesNobody) {
  Bench bench = serving_beside(8, {});
  Settings next = with_services(Node::primary);
  next.config_digest += 1;
  bench.peer.config_digest += 1;
  bench.feed(Reconfigured{next}).feed(LinkChanged{"eth1", false}).hear(Role::passive);
  bench.pass(kServicesSettle - 100ms, true);
  EXPECT_EQ(bench.state(), State::active);
}

TEST(FailingServices, AReloadOfItsPeerBringsNoRoleBackToOneThatServesNobody) {
  Settings settings = with_services(Node::primary);
  settings.failback.enabled = true;
  Bench bench(Node::primary, settings);
  bench.start();
  bench.peer.unserved = 0;
  bench.feed(services(8, 8)).hear(Role::active).pass(settings.failback.able_for, true);
  bench.peer.unserved.reset();
  bench.hear(Role::active).pass(kServicesSettle, true);
  bench.now += settings.keepalive;
  bench.feed(TimerFired{});
  EXPECT_FALSE(bench.first<SendHeartbeat>().heartbeat.asking);
}

// Servers that fail move nobody, and least of all to one that does not know.
TEST(FailingServices, OneThatServesNobodyDoesNotHandOverToOneThatDoesNotKnow) {
  Bench bench = serving_beside(0, {});
  bench.peer.unserved.reset();
  bench.hear(Role::passive).feed(services(8, 8));
  EXPECT_EQ(bench.state(), State::active);
}

TEST(FailingServices, AMomentsDoubtIsNoReasonToMoveToAPeerThatFailsTheServiceByItself) {
  for (const Duration alone : {kOwnAfter - 6s, kOwnAfter}) {
    Bench bench = serving_beside(1, {7});  // For five seconds.
    bench.pass(alone, true);
    ServicesChanged told = services(1, 2);
    told.doubtful = {7};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, alone < kOwnAfter);
  }
}

// What nobody sees to be served there is no reason to move.
TEST(FailingServices, WhatThePeerMayServeIsHeldAgainstItOnlyWhereItFailsHere) {
  struct Case {
    uint64_t may_serve;
    std::vector<ServiceId> certain;
    bool moves;
  };
  const std::vector<Case> cases = {
      {1, {8}, true}, {0, {8}, false}, {1, {7}, false}, {1, {}, false}};
  for (uint64_t Heartbeat::*which : {&Heartbeat::uncheckable, &Heartbeat::recovered}) {
    for (const auto& [may_serve, certain, moves] : cases) {
      Bench bench = serving_beside(1, {7});
      bench.peer.*which = may_serve;
      bench.hear(Role::passive).pass(1s, true);
      ServicesChanged told = services(1, 1);
      told.certain = certain;
      bench.feed(told);
      EXPECT_EQ(bench.state() == State::handing_over, moves)
          << may_serve << testing::PrintToString(certain);
    }
  }
}

TEST(FailingServices, WhatThePeerFailedByChanceIsNoTroubleOfItsOwn) {
  for (const bool has_recovered : {false, true}) {
    Bench bench = serving_beside(1, {7});
    bench.peer.recovered = has_recovered ? 1 : 0;
    bench.hear(Role::passive).pass(2 * kOwnAfter, true);
    bench.peer.recovered = 0;
    bench.hear(Role::passive);
    ServicesChanged told = services(1, 2);
    told.doubtful = {7};
    told.certain = {8};
    bench.feed(told);
    EXPECT_EQ(bench.state() == State::handing_over, has_recovered);
  }
}

// One of its services passes again.
TEST(FailingServices, WhoIsCutOffHandsOverToAPeerThatFailsTheRest) {
  for (const uint64_t recovered : {0, 1}) {
    Settings settings = with_services(Node::primary);
    settings.witness = true;
    Bench bench(Node::primary, settings);
    bench.peer.unserved = settings.services;
    bench.peer.failing = {1, 2, 3, 4, 5, 6, 7, 8};
    bench.peer.recovered = recovered;
    bench.start().feed(WitnessChanged{true}).hear(Role::passive).feed(services(0, 0));
    bench.pass(5s, true);
    ASSERT_EQ(bench.state(), State::active);
    bench.feed(WitnessChanged{false});
    EXPECT_EQ(bench.state() == State::handing_over, recovered == 1);
  }
}

TEST(FailingServices, TellsThePeerAtOnceWhichServicesItMayServe) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start().hear(Role::active);
  ServicesChanged told = services(0, 3);
  told.failing = {5, 6, 7};
  told.uncheckable = {6, 7};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.uncheckable, 6U) << "the second and the third";
  told.recovered = {5};
  bench.feed(told);
  EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.recovered, 1U);
}

TEST(FailingServices, FailbackIsAskedForThoughAServiceMayNotBeServed) {
  using List = std::vector<ServiceId> ServicesChanged::*;
  for (const List which : {List{}, &ServicesChanged::uncheckable, &ServicesChanged::recovered}) {
    Settings settings = with_services(Node::primary);
    settings.failback.enabled = true;
    Bench bench(Node::primary, settings);
    bench.start();
    bench.peer.unserved = 0;
    bench.feed(services(0, 2)).hear(Role::active).pass(2s, true);
    ServicesChanged told = services(0, 1);
    told.failing = {7};
    if (which != nullptr) {
      told.*which = {7};
    }
    bench.feed(told);
    EXPECT_EQ(bench.first<SendHeartbeat>().heartbeat.asking, which != nullptr);
  }
}

// It took over where it heard nobody; clients are with the other one, and stay.
TEST(FailingServices, OfTwoThatServeWhoServesNobodyYieldsAlsoThePrimary) {
  for (const Node node : {Node::primary, Node::backup}) {
    for (const uint16_t fails_on_primary : {7, 8}) {
      for (const uint16_t fails_on_backup : {7, 8}) {
        const bool is_primary = node == Node::primary;
        const uint16_t own = is_primary ? fails_on_primary : fails_on_backup;
        Bench bench(node, with_services(node));
        bench.start().pass(20s);
        ASSERT_EQ(bench.state(), State::active);
        bench.feed(services(own, own));
        ASSERT_EQ(bench.director.status(bench.now).unserved, own);
        bench.peer.unserved = is_primary ? fails_on_backup : fails_on_primary;
        bench.hear(Role::active);
        const bool backup_is_to_stay = fails_on_primary == 8 && fails_on_backup == 7;
        EXPECT_EQ(bench.state() == State::active, is_primary != backup_is_to_stay)
            << name(node) << " " << fails_on_primary << " " << fails_on_backup;
      }
    }
  }
}

// What the peer fails by chance passes again soon.
TEST(FailingServices, ASwitchoverWaitsForAMomentInWhichThePeerServesAsMuch) {
  for (const bool it_recovers : {true, false}) {
    Bench bench(Node::primary, with_services(Node::primary));
    bench.start();
    bench.peer.unserved = 1;
    bench.hear(Role::passive).feed(services(0, 0)).pass(5s, true);
    bench.feed(Switchover{});
    EXPECT_TRUE(bench.first<Answer>().ok);
    EXPECT_EQ(bench.state(), State::active);
    EXPECT_TRUE(bench.director.status(bench.now).switching);
    bench.pass(2s, true);
    EXPECT_EQ(bench.state(), State::active);
    bench.peer.unserved = it_recovers ? 0 : 1;
    bench.hear(Role::passive).pass(it_recovers ? 0ms : 4s, true);
    EXPECT_EQ(bench.state(), it_recovers ? State::handing_over : State::active);
    EXPECT_FALSE(bench.director.status(bench.now).switching);
  }
}

// The servers of one service just failed for both: for the one that serves that does not count yet.
TEST(FailingServices, AStandbyThatIsAskedForComparesAsTheOneThatServesDoes) {
  for (const uint16_t failing_for_long : {0, 1}) {
    Bench bench(Node::backup, with_services(Node::backup));
    bench.start();
    bench.peer.unserved = 0;
    bench.hear(Role::active).feed(services(failing_for_long, 1)).feed(Switchover{});
    EXPECT_TRUE(bench.first<Answer>().ok);
    bench.pass(3s, true);
    EXPECT_EQ(bench.director.status(bench.now).switching, failing_for_long == 1)
        << "fewer services: it asks for longer, for a moment in which they pass";
    bench.pass(3s, true);
    EXPECT_FALSE(bench.director.status(bench.now).switching);
  }
}

// Two that excuse each other would wait for each other for ever.
TEST(FailingServices, OfTwoThatDoubtTheSameThePrimaryServes) {
  Bench bench(Node::primary, with_services(Node::primary));
  ServicesChanged told = services(0, 1);
  told.failing = told.doubtful = {7};
  bench.start().feed(told);
  bench.peer.unserved = 1;
  bench.peer.failing = {7};
  EXPECT_EQ(bench.hear(Role::passive).state(), State::active);
}

TEST(FailingServices, WhoTookOverForServersThatFailRestsThoughItDoubtsOthers) {
  Bench bench(Node::backup, with_services(Node::backup));
  bench.start();
  bench.peer.unserved = 1;
  bench.hear(Role::active);
  ServicesChanged told = services(0, 1);
  told.failing = told.doubtful = {7};
  bench.feed(told).hear(Role::handing_over).feed(CoreArmed{});
  ASSERT_EQ(bench.state(), State::active);
  bench.peer.unserved = 0;
  bench.hear(Role::passive).feed(services(1, 1)).pass(30s, true);
  EXPECT_EQ(bench.state(), State::active) << "as many fail here as did there";
  bench.feed(services(2, 2));
  EXPECT_EQ(bench.state(), State::handing_over);
}

}  // namespace
}  // namespace lvs::pulse
