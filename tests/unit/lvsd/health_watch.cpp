// Monitors, verdicts and nanny's life, in the reconciler's small world.
#include "lvsd/health_watch.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(HealthWatch, KeepsVerdictsWhileNannyIsAway) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(1, Health::down);
  const ipvs::Table before = world.core;
  world.ops.clear();
  world.feed(NannyGone{"killed by signal 9"});
  world.pass(1s);
  EXPECT_EQ(world.nanny_starts, 2);
  EXPECT_THAT(world.monitors, SizeIs(2));
  EXPECT_EQ(world.core, before);
  EXPECT_THAT(world.ops, IsEmpty());
  world.say(1, Health::up);
  EXPECT_THAT(world.web_servers(), SizeIs(2));
}

TEST(HealthWatch, ServersThatCannotBeCheckedStayAndSayWhy) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(1, Health::down);
  const ipvs::Table before = world.core;
  world.ops.clear();
  world.feed(VerdictHeard{{2, Health::cut, "eth1 is down", 0s, false}});
  world.pass(1s);
  EXPECT_EQ(world.core, before);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.lvsd.health().health_of({web_key(), server_at(2)}), Health::cut);
  world.say(2, Health::up);
  EXPECT_THAT(world.ops, IsEmpty());
}

TEST(HealthWatch, WithoutAWayToAnyServerOfAServiceTheDirectorSaysSo) {
  World world;
  world.start(with({web(2)}));
  EXPECT_EQ(world.lvsd.health().has_way(), std::nullopt) << "no check has ended yet";
  world.all_up();
  EXPECT_EQ(world.lvsd.health().has_way(), true);
  world.feed(VerdictHeard{{1, Health::cut, "eth1 is down", 0s, false}});
  EXPECT_EQ(world.lvsd.health().has_way(), true) << "to one of two there is";
  world.feed(VerdictHeard{{2, Health::down, "eth1 is down", 0s, false}});
  EXPECT_EQ(world.lvsd.health().has_way(), false) << "that one was down before does not matter";
  world.say(1, Health::up);
  EXPECT_EQ(world.lvsd.health().has_way(), true);
}

// The first one that is checked again does not put the others out of the table.
TEST(HealthWatch, WhenTheWayIsBackServersStayUntilTheyAreChecked) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  for (const MonitorId id : {MonitorId{1}, MonitorId{2}}) {
    world.feed(VerdictHeard{{id, Health::cut, "eth1 is down", 0s, false}});
  }
  world.pass(1s);
  EXPECT_THAT(world.web_servers(), SizeIs(2)) << "nobody else could serve";
  EXPECT_THAT(world.ops, IsEmpty()) << "nor did any of them leave for a moment";
  for (const MonitorId id : {MonitorId{1}, MonitorId{2}}) {
    world.feed(VerdictHeard{{id, Health::cut, "not checked", 0s, true}});
  }
  EXPECT_EQ(world.lvsd.health().has_way(), true);
  world.say(1, Health::up);
  EXPECT_THAT(world.web_servers(), SizeIs(2)) << "the second is still to be checked";
  world.say(2, Health::down);
  EXPECT_THAT(world.web_servers(), SizeIs(1));
}

// An operator may switch the checks off so that the service stays where it is.
TEST(HealthWatch, WithoutAnyCheckNothingIsHeldAgainstTheDirector) {
  World world;
  config::VirtualService unchecked = web(1);
  world.start(with({unchecked}));
  world.feed(VerdictHeard{{1, Health::unknown, "no route", 0s, false}});
  EXPECT_EQ(world.lvsd.health().has_way(), false);
  unchecked.check = config::NamedCheck{config::kNoCheck, {}};
  world.feed(Configured{with({unchecked})});
  world.pass(1s);
  EXPECT_EQ(world.lvsd.health().has_way(), true);
}

TEST(HealthWatch, ANannyThatKnowsNothingYetDoesNotUndoWhatIsKnown) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.say(2, Health::down);
  const auto hears_no_way_to = [&](MonitorId id) {
    world.feed(VerdictHeard{{id, Health::unknown, "no route", 0s, false}});
    return world.lvsd.health().health_of({web_key(), server_at(static_cast<int>(id))});
  };
  EXPECT_EQ(hears_no_way_to(1), Health::cut);
  EXPECT_EQ(hears_no_way_to(1), Health::cut);
  EXPECT_EQ(hears_no_way_to(2), Health::down);
}

TEST(HealthWatch, ACheckThatCannotBeMadeIsNoVerdict) {
  World world;
  world.start(with({web(1)}));
  world.say(1, Health::unknown, "not checked: no such user");
  const HealthWatch& health = world.lvsd.health();
  EXPECT_EQ(health.has_way(), std::nullopt) << "no check has ended yet";
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  EXPECT_EQ(health.verdict_of(web_server(1)), nullptr);
  ASSERT_NE(health.told_of(web_server(1)), nullptr);
  EXPECT_EQ(health.told_of(web_server(1))->reason, "not checked: no such user");
  world.say(1, Health::up);
  EXPECT_EQ(health.told_of(web_server(1))->health, Health::up);
  world.say(1, Health::unknown, "not checked: no descriptors");
  EXPECT_EQ(health.health_of(web_server(1)), Health::up) << "of a nanny that is new";
  EXPECT_EQ(health.told_of(web_server(1))->reason, "not checked: no descriptors");
}

TEST(HealthWatch, AServerThatWasNeverCheckedForWantOfAWayAddsNothing) {
  World world;
  world.start(with({web(1)}));
  world.feed(VerdictHeard{{1, Health::unknown, "no route", 0s, false}});
  EXPECT_EQ(world.lvsd.health().has_way(), false);
  EXPECT_THAT(world.web_servers(), IsEmpty());
}

// The fields of what is told of failing services, or nothing.
std::optional<size_t> if_active(const World& world) {
  const auto failing = world.lvsd.health().unserved(world.now).failing;
  return failing ? std::optional(failing->if_serving) : std::nullopt;
}

std::optional<size_t> if_standby(const World& world) {
  const auto failing = world.lvsd.health().unserved(world.now).failing;
  return failing ? std::optional(failing->if_not) : std::nullopt;
}

// A service at a port of its own, whose only server is 10.0.0.HOST.
config::VirtualService alone(int host, Duration timeout = 10s) {
  config::VirtualService service = web(1);
  service.name = "alone-" + std::to_string(host);
  service.port = static_cast<uint16_t>(8000 + host);
  service.timeout = timeout;
  service.servers[0].address = address("10.0.0." + std::to_string(host));
  return service;
}

TEST(HealthWatch, CountsTheServicesThatItCannotServe) {
  World world;
  world.start(with({web(2)}));
  const auto cut = [&] { return world.lvsd.health().unserved(world.now).cut; };
  world.say(1, Health::down);
  EXPECT_EQ(if_standby(world), std::nullopt) << "the other one may work";
  world.say(2, Health::up);
  EXPECT_EQ(if_standby(world), 0U);
  world.say(2, Health::down);
  EXPECT_EQ(if_standby(world), 1U);
  EXPECT_EQ(if_active(world), 0U);
  world.pass(4 * 20s - 1s);
  EXPECT_EQ(if_active(world), 0U);
  world.pass(1s);
  EXPECT_EQ(if_active(world), 1U) << "after four checks with their time-outs";
  world.feed(VerdictHeard{{1, Health::recovering, "recovering, 1 of 9", 0s, true}});
  EXPECT_EQ(if_active(world), 0U) << "what passes again serves";
  world.feed(VerdictHeard{{1, Health::down, "no route", 0s, false}});
  EXPECT_EQ(if_standby(world), 1U) << "to one no way, the other down";
  EXPECT_EQ(cut(), 0U);
  world.feed(VerdictHeard{{2, Health::down, "no route", 0s, false}});
  EXPECT_EQ(if_standby(world), 0U);
  EXPECT_EQ(cut(), 1U);
  world.say(2, Health::up);
  world.feed(VerdictHeard{{2, Health::cut, "no route", 0s, false}});
  world.feed(VerdictHeard{{2, Health::cut, "not checked since the way is back", 0s, true}});
  EXPECT_EQ(if_standby(world), std::nullopt) << "not checked since";
}

Verdict unchecked(MonitorId id, Health health) {
  return {id, health, "not checked: socket: Too many open files", 0s, true, false};
}

// 10.0.0.1 and 10.0.0.2 have the monitors 1 and 2.
TEST(HealthWatch, AServiceWhoseChecksCannotBeMadeIsToldAsThat) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.say(2, Health::up);
  world.feed(VerdictHeard{unchecked(1, Health::unknown)});
  const auto uncheckable = [&] {
    return world.lvsd.health().unserved(world.now).failing->uncheckable.size();
  };
  world.pass(70s);
  EXPECT_EQ(uncheckable(), 0U) << "a check that follows may be made";
  world.pass(10s);
  EXPECT_EQ(uncheckable(), 1U);
  EXPECT_EQ(if_standby(world), 1U);
  EXPECT_EQ(if_active(world), 0U);
  const auto doubts = world.lvsd.health().doubts(world.now);
  ASSERT_THAT(doubts, SizeIs(1));
  EXPECT_EQ(to_words(doubts.front().second), "cannot be checked");
  world.say(1, Health::up);
  EXPECT_EQ(if_standby(world), 0U);
  EXPECT_EQ(uncheckable(), 0U);
  EXPECT_THAT(world.lvsd.health().doubts(world.now), IsEmpty());
}

TEST(HealthWatch, WhoCanMakeNoCheckAtAllSaysSo) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  const auto is_each_impossible = [&] {
    return world.lvsd.health().is_each_check_impossible(world.now);
  };
  world.feed(VerdictHeard{unchecked(1, Health::up)});
  world.pass(80s);
  EXPECT_FALSE(is_each_impossible());
  world.feed(VerdictHeard{unchecked(2, Health::up)});
  world.pass(70s);
  EXPECT_FALSE(is_each_impossible());
  world.pass(10s);
  EXPECT_TRUE(is_each_impossible());
  EXPECT_EQ(if_standby(world), std::nullopt) << "nothing is known";
  world.say(1, Health::up);
  EXPECT_FALSE(is_each_impossible());
}

TEST(HealthWatch, AServiceThatStaysDownUncheckedIsNotServed) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  world.say(1, Health::down);
  world.feed(VerdictHeard{unchecked(1, Health::down)});
  world.pass(80s);
  EXPECT_EQ(if_active(world), 1U) << "its server is out of the table";
}

TEST(HealthWatch, AServiceOfWhichOneServerPassesNeedsNoOtherToBeChecked) {
  World world;
  world.start(with({web(2)}));
  world.say(1, Health::up);
  world.feed(VerdictHeard{unchecked(2, Health::unknown)});
  world.pass(80s);
  EXPECT_EQ(if_standby(world), 0U);
}

// pulse compares with a peer that may have checked all of them.
TEST(HealthWatch, AServiceThatAReloadAddsIsUnknownForItselfAlone) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  world.say(1, Health::down);
  world.pass(70s);
  world.reload(with({alone(3, 30s), alone(1), alone(2)}));
  world.pass(10s);
  EXPECT_EQ(if_active(world), 1U) << "the doubt of another goes on";
  EXPECT_EQ(if_standby(world), 2U) << "nobody is moved here before it is checked";
  EXPECT_EQ(world.lvsd.health().unserved(world.now).failing->doubtful.size(), 1U);
  world.say(3, Health::down);
  EXPECT_EQ(if_active(world), 1U) << "it has a patience of its own";
  world.say(1, Health::up);
  world.say(1, Health::down);
  world.pass(80s);
  EXPECT_EQ(if_active(world), 1U) << "and delays no other";
  world.say(3, Health::up);
  world.reload(with({alone(3, 30s), alone(2)}));
  EXPECT_EQ(if_active(world), 0U) << "a service that is removed";
}

TEST(HealthWatch, TheDoubtOfAServiceOutlivesAnotherNameAndItsNeighbours) {
  World world;
  world.start(with({alone(1), alone(2), alone(3)}));
  world.all_up();
  world.say(2, Health::down);
  world.pass(60s);
  config::VirtualService renamed = alone(2);
  renamed.name = "another";
  world.reload(with({alone(4), renamed, alone(3)}));
  world.say(4, Health::up);
  world.pass(20s);
  EXPECT_EQ(if_active(world), 1U);
  EXPECT_EQ(if_standby(world), 1U);
  world.say(2, Health::up);
  EXPECT_EQ(if_active(world), 0U);
}

TEST(HealthWatch, ServicesAreNamedAlikeOnBothDirectorsAndDifferently) {
  const auto names = [](const std::vector<config::VirtualService>& services, int down) {
    World world;
    world.start(with(services));
    world.all_up();
    world.say(down, Health::down);
    return world.lvsd.health().unserved(world.now).failing->failing;
  };
  const auto one = names({alone(1), alone(2)}, 1);
  EXPECT_THAT(one, SizeIs(1));
  EXPECT_EQ(names({alone(2), alone(1)}, 1), one);
  EXPECT_NE(names({alone(1), alone(2)}, 2), one);
}

TEST(HealthWatch, AServiceWhoseOnlyWorkingServerHasNoWeightIsNotServed) {
  World world;
  config::VirtualService service = web(2);
  service.servers[1].weight = 0;
  world.start(with({service}));
  world.say(1, Health::down);
  world.say(2, Health::up);
  EXPECT_EQ(if_standby(world), 1U);
  service.servers[0].weight = 0;
  world.reload(with({service}));
  world.pass(80s);
  EXPECT_EQ(if_standby(world), 0U) << "whoever set that wants it so";
}

TEST(HealthWatch, AServerThatServesBeforeItsReEntryTimeIsToldOfOnce) {
  World world;
  world.start(with({web(2)}));
  world.say(1, Health::down);
  world.say(2, Health::down);
  const auto made_available = [&] {
    return std::ranges::count(world.markers(), "[ active ] making 10.0.0.1:80 available");
  };
  for (const char* reason : {"recovering, 1 of 9", "recovering, 2 of 9"}) {
    world.say(1, Health::recovering, reason);
    EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1)));
    EXPECT_EQ(made_available(), 1);
  }
  EXPECT_EQ(world.count("early"), 1);
  world.say(1, Health::down);
  EXPECT_THAT(world.web_servers(), IsEmpty());
}

class Flapping : public testing::Test {
 protected:
  void start(config::VirtualService service) {
    const auto servers = static_cast<int>(service.servers.size());
    world_.start(with({std::move(service)}));
    for (int host = 1; host <= servers; ++host) {
      world_.say(host, Health::down);
    }
  }
  void pass(int host) { world_.say(host, Health::recovering, "recovering"); }
  void fail(int host) { world_.say(host, Health::down); }
  std::vector<ipvs::DestKey> serving() const { return world_.web_servers(); }

  World world_;
};

TEST_F(Flapping, AServerThatFailsAgainBesideOneThatServesWaitsForItsReEntry) {
  start(web(2));
  pass(1);
  pass(2);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2))) << "after an outage all share";
  for (int i = 0; i < 3; ++i) {
    fail(2);
    pass(2);
    EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  }
  world_.say(2, Health::up);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2)));
  fail(1);
  fail(2);
  pass(2);
  pass(1);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2))) << "another outage";
}

TEST_F(Flapping, OfTwoThatFailInTurnOneServes) {
  start(web(2));
  pass(1);
  pass(2);
  for (int i = 0; i < 3; ++i) {
    fail(1);
    EXPECT_THAT(serving(), ElementsAre(server_at(2)));
    pass(1);
    EXPECT_THAT(serving(), ElementsAre(server_at(2)));
    fail(2);
    EXPECT_THAT(serving(), ElementsAre(server_at(1))) << "it is the only hope";
    pass(2);
    EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  }
}

TEST_F(Flapping, AServerThatIsAloneIsUsedWheneverItPasses) {
  start(web(1));
  for (int i = 0; i < 3; ++i) {
    pass(1);
    EXPECT_THAT(serving(), ElementsAre(server_at(1)));
    fail(1);
    EXPECT_THAT(serving(), IsEmpty());
  }
}

TEST_F(Flapping, OneThatFailsBesideAServerWithoutWeightIsAloneAsWell) {
  auto service = web(3);
  service.servers[2].weight = 0;
  start(service);
  world_.say(3, Health::up);
  pass(1);
  fail(1);
  pass(2);
  pass(1);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2), server_at(3)));
}

TEST_F(Flapping, AReloadForgetsOnlyServersThatLeave) {
  start(web(3));
  for (const int host : {1, 2, 3}) {
    pass(host);
  }
  fail(2);
  fail(3);
  world_.reload(with({web(2)}));
  pass(2);
  EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  world_.reload(with({web(3)}));
  fail(3);
  pass(3);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(3))) << "a new one";
}

TEST_F(Flapping, OneThatCannotBeCheckedHasNotFailed) {
  start(web(2));
  pass(1);
  pass(2);
  world_.feed(VerdictHeard{{2, Health::recovering, "not checked: connect: no port", 0s, true}});
  pass(2);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2)));
  world_.feed(VerdictHeard{{2, Health::cut, "no route", 0s, false}});
  world_.pass(2 * kGatherCut);
  EXPECT_THAT(serving(), ElementsAre(server_at(1)));
  world_.feed(VerdictHeard{{2, Health::cut, "not checked since the way is back", 0s, true}});
  pass(2);
  world_.pass(2 * kGatherCut);
  EXPECT_THAT(serving(), ElementsAre(server_at(1), server_at(2)));
}

TEST(HealthWatch, AFrozenNannyIsReplacedAndItsVerdictsKept) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.pass(10min);
  EXPECT_EQ(world.nanny_starts, 1) << "one that answers is left alone";
  const ipvs::Table before = world.core;
  world.nanny_is_frozen = true;
  world.pass(kPingPause * kPingsUnanswered);
  EXPECT_EQ(world.nanny_stops, 0) << "patience";
  world.pass(2 * kPingPause);
  EXPECT_EQ(world.nanny_stops, 1);
  EXPECT_EQ(world.nanny_starts, 2);
  EXPECT_EQ(world.core, before);
  EXPECT_EQ(world.lvsd.health().nanny_end(),
            "frozen (it, or its script runner): did not answer 12 pings, killed");
  EXPECT_EQ(world.count("nanny-gone"), 1);
  world.say(1, Health::down);
  EXPECT_THAT(world.web_servers(), SizeIs(1)) << "the new one is heard";
}

// What it said last of servers is no news of them: who has only that must not seem the better
// director.
TEST(HealthWatch, ANannyThatCannotBeStartedLeavesNothingKnown) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  const auto& health = world.lvsd.health();
  EXPECT_EQ(if_standby(world), 0U);
  world.nanny_works = false;
  world.feed(NannyGone{"killed by signal 9"});
  EXPECT_EQ(if_standby(world), 0U) << "it may be back at once";
  world.pass(kVerdictsHold);
  EXPECT_EQ(if_standby(world), std::nullopt);
  EXPECT_FALSE(health.are_checks_stopped(world.now));
  world.pass(kNannyAway);
  EXPECT_TRUE(health.are_checks_stopped(world.now));
  world.nanny_works = true;
  world.pass(kNannyRestartMax);
  world.all_up();
  EXPECT_EQ(if_standby(world), 0U);
  EXPECT_FALSE(health.are_checks_stopped(world.now));
}

TEST(HealthWatch, WhatFailedOrNobodySawIsNoReasonForAMoveWhenNannyIsBack) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  world.say(1, Health::down);
  world.pass(79s);
  world.nanny_works = false;
  world.feed(NannyGone{"killed by signal 9"});
  world.pass(1min);
  EXPECT_EQ(if_active(world), std::nullopt);
  world.nanny_works = true;
  world.pass(kNannyRestartMax);
  EXPECT_EQ(if_active(world), 0U);
  EXPECT_EQ(if_standby(world), 1U) << "as it was seen last";
  world.pass(80s);
  EXPECT_EQ(if_active(world), 1U);
}

// The time in which it was restarted is none in which nothing was seen.
TEST(HealthWatch, ANannyThatIsBackAtOnceLeavesTheDoubtAsItWas) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  world.say(1, Health::down);
  world.pass(70s);
  world.feed(NannyGone{"killed by signal 9"});
  world.pass(10s);
  EXPECT_EQ(world.nanny_starts, 2);
  EXPECT_EQ(if_active(world), 1U);
}

TEST(HealthWatch, WhatAFrozenNannyDidNotSeeIsNoReasonForAMove) {
  World world;
  world.start(with({alone(1), alone(2)}));
  world.all_up();
  world.say(1, Health::down);
  world.pass(75s);
  world.nanny_is_frozen = true;
  world.pass(5s);
  EXPECT_EQ(if_active(world), std::nullopt);
  world.pass(30s);
  EXPECT_EQ(world.nanny_starts, 2);
  EXPECT_EQ(if_active(world), 0U);
}

TEST(HealthWatch, AServiceWhoseSorryServerServesIsNotServed) {
  World world;
  config::VirtualService service = web(2);
  service.sorry_server = address("10.0.0.99");
  service.quorum = 2;
  world.start(with({service}));
  world.say(1, Health::up);
  world.say(2, Health::down);
  EXPECT_EQ(if_standby(world), 1U);
}

// As when one of two servers is given weight 0 to be mended: the sorry server serves on either
// director, and neither has lost a way for that.
TEST(HealthWatch, AQuorumThatIsOutOfReachIsNoLostWay) {
  World world;
  config::VirtualService service = web(1);
  service.sorry_server = address("10.0.0.99");
  service.quorum = 2;
  config::VirtualService other = web(0);
  other.port = 81;
  other.servers = {real_server(2), real_server(3)};
  world.start(with({service, other}));
  world.all_up();
  world.feed(VerdictHeard{{2, Health::cut, "eth1 is down", 0s, false}});
  EXPECT_EQ(world.lvsd.health().has_way(), true);
  EXPECT_EQ(world.lvsd.health().unserved(world.now).cut, 0U);
  EXPECT_EQ(if_standby(world), 0U);
  world.say(1, Health::down);
  EXPECT_EQ(if_standby(world), 1U);
}

TEST(HealthWatch, AnLvsdThatWasAwayItselfBlamesNobody) {
  World world;
  world.start(with({web(1)}));
  world.nanny_is_frozen = true;
  world.pass(kPingPause * kPingsUnanswered);
  world.now += 1h;
  world.feed(Timer{});
  world.feed(PongHeard{6});  // It waited in the socket.
  world.nanny_is_frozen = false;
  world.pass(1min);
  EXPECT_EQ(world.nanny_stops, 0);
}

TEST(HealthWatch, StartsABrokenNannyLessAndLessOften) {
  World world;
  world.nanny_works = false;
  world.start(with({web(1)}));
  world.pass(1min);
  // 0.1 0.2 0.4 0.8 1.6 3.2 s, then every 5 s.
  EXPECT_GE(world.nanny_starts, 14);
  EXPECT_LE(world.nanny_starts, 18);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
}

TEST(HealthWatch, IsReadyWhenEveryMonitorHasAnswered) {
  World world;
  world.start(with({web(2)}));
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  world.say(1, Health::down);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  world.say(2, Health::up);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

TEST(HealthWatch, IsReadyAfterABoundWhenMonitorsAreSlow) {
  World world;
  world.start(with({web(1)}));
  world.pass(kFirstVerdicts);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
}

// Without its mark a packet is refused: who is not ready does not become active.
TEST(HealthWatch, IsReadyOnlyWhenTheRulesOfItsMarksStandOrCannot) {
  auto marked = web(1);
  marked.fwmark = 80;
  marked.mark_ports = {{"tcp", {{80, 80}}}};
  World world;
  world.marks_take_long = true;
  world.start(with({marked}));
  world.pass(kFirstVerdicts * 2);
  EXPECT_FALSE(world.lvsd.is_ready(world.now));
  world.feed(MarksDone{Error{ENOENT, "iptables-restore"}});
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  World without;
  without.marks_take_long = true;
  without.start(with({web(1)}));
  without.pass(kFirstVerdicts * 2);
  EXPECT_TRUE(without.lvsd.is_ready(without.now)) << "no rule is wanted";
}

TEST(HealthWatch, MonitorsOnlyOnTheActiveWhenTold) {
  auto config = with({web(1)});
  config.standby_monitoring = false;
  World world;
  world.start(config);
  EXPECT_EQ(world.nanny_starts, 0);
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  EXPECT_THAT(world.web_servers(), SizeIs(1)) << "the first takeover refuses nobody";
  world.feed(RoleSaid{true});
  world.feed(Timer{});
  EXPECT_EQ(world.nanny_starts, 1);
  world.all_up();
  world.feed(RoleSaid{false});
  world.feed(Timer{});
  EXPECT_EQ(world.nanny_stops, 1);
  EXPECT_THAT(world.web_servers(), SizeIs(1)) << "the standby stays warm";
}

// It gave the service up for that reason; without checks it would seem fit again at once, and two
// such directors would hand over to each other for ever.
TEST(HealthWatch, AStandbyWithoutAWayMonitorsUntilItHasOneAgain) {
  auto config = with({web(1)});
  config.standby_monitoring = false;
  World world;
  world.start(config);
  world.feed(RoleSaid{true});
  world.feed(Timer{});
  world.all_up();
  world.feed(VerdictHeard{{1, Health::cut, "no route", 0s, false}});
  world.feed(RoleSaid{false});
  world.pass(1s);
  EXPECT_EQ(world.nanny_stops, 0);
  EXPECT_EQ(world.lvsd.health().has_way(), false);
  world.feed(VerdictHeard{{1, Health::up, "", 1ms}});
  world.feed(Timer{});
  EXPECT_EQ(world.nanny_stops, 1);
  EXPECT_EQ(world.lvsd.health().has_way(), true);
}

// What was heard before it was standby says nothing of today.
TEST(HealthWatch, EveryTakeoverHearsAnewWhenTheStandbyDoesNotMonitor) {
  auto config = with({web(2)});
  config.standby_monitoring = false;
  World world;
  world.start(config);
  for (int takeovers = 0; takeovers < 2; ++takeovers) {
    world.feed(RoleSaid{true});
    world.feed(Timer{});
    EXPECT_FALSE(world.lvsd.is_ready(world.now)) << takeovers;
    world.all_up();
    EXPECT_TRUE(world.lvsd.is_ready(world.now)) << takeovers;
    world.feed(RoleSaid{false});
    world.pass(1h);
    EXPECT_EQ(world.lvsd.health().health_of(web_server(1)), Health::unknown);
    EXPECT_THAT(world.web_servers(), SizeIs(2)) << "the standby stays warm";
  }
}

// With the kernel's core nothing says which it was; a service all of whose servers are down stays
// without them.
TEST(HealthWatch, AnActiveOneStartedAnewTakesNoServerForUpBeforeItKnowsItsRole) {
  auto config = on_the_kernel(with({web(2)}));
  config.standby_monitoring = false;
  World world;
  world.core[web_key()].service.scheduler = "wlc";
  world.start(config, {{web_key()}, {}, {}});
  EXPECT_THAT(world.web_servers(), IsEmpty());
  world.feed(RoleSaid{true});
  world.pass(1s);
  EXPECT_THAT(world.web_servers(), IsEmpty());
  world.feed(RoleSaid{false});
  world.pass(1s);
  EXPECT_THAT(world.web_servers(), SizeIs(2)) << "the standby is warm";
}

TEST(HealthWatch, IgnoresVerdictsOfMonitorsItDoesNotKnow) {
  World world;
  world.start(with({web(1)}));
  world.feed(VerdictHeard{{999, Health::up, "", 1ms}});
  world.pass(10ms);
  EXPECT_THAT(world.web_servers(), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
