// Stories of the real servers: who serves when they, or the ways to them, fail for one or both of
// the directors.
#include "tests/sim/pair.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Pair, WhoHasNoWayToTheServersHandsOverToWhoHas) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_way(Node::primary, false);
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.status(Node::primary).reasons, pulse::kNoWay);
  EXPECT_EQ(world.longest_silence(), 0ms);
  // Nor has the other: nobody moves any more, and when one of them dies the other serves.
  world.set_way(Node::backup, false);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.lose_power(Node::backup);
  world.run_for(6s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// Which of the two finds out first is chance, both when they fail and when they come back.
TEST(Pair, ServersThatFailForBothMoveNobody) {
  for (const Node first : {Node::primary, Node::backup}) {
    const Node second = first == Node::primary ? Node::backup : Node::primary;
    Pair pair(kSlow);
    World& world = pair.world;
    for (const uint16_t failing : {uint16_t{3}, uint16_t{1}, uint16_t{0}}) {
      world.set_failing_services(first, failing);
      world.run_for(kVerdictSkew - 1s);
      world.set_failing_services(second, failing);
      world.run_for(60s);
      EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << failing;
    }
    EXPECT_THAT(world.violations(), IsEmpty());
  }
}

TEST(Pair, AStandbyThatStartsBesideServersThatFailSeemsNoBetter) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (const Node node : {Node::primary, Node::backup}) {
    world.set_failing_services(node, 2);
  }
  world.run_for(60s);
  world.restart_arbiter(Node::backup);
  world.run_for(60s);
  world.lose_power(Node::backup);
  world.run_for(10s);
  world.boot(Node::backup);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "it has not checked them yet";
  world.set_lvsd(Node::backup, false);
  world.run_for(1s);
  world.set_lvsd(Node::backup, true);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

TEST(Pair, WhoCannotReachTheServersHandsOverToWhoCan) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_failing_services(Node::primary, 1);
  world.run_for(kSeveralChecks - 1s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "they may just have failed";
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.longest_silence(), 0ms);
}

// Each director's checks meet failures of their own, as of a server with too much to do.
TEST(Pair, ChecksThatFailByChanceMoveNobody) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (int second = 0; second < 3600; ++second) {
    for (const Node node : {Node::primary, Node::backup}) {
      world.set_failing_services(node, world.rng().chance(0.2) ? 1 : 0);
    }
    world.run_for(1s);
    ASSERT_THAT(world.holders(), ElementsAre(Node::primary)) << "after " << second << " s";
  }
}

// Of different services, so that hardly a moment is without one.
TEST(Pair, ChanceFailuresOfManyServicesDoNotAddUp) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (int second = 0; second < 3600; ++second) {
    for (const Node node : {Node::primary, Node::backup}) {
      std::set<lvsd::ServiceId> failing;
      for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
        if (world.rng().chance(0.25)) {
          failing.insert(service);
        }
      }
      world.set_failing(node, failing);
    }
    world.run_for(1s);
    ASSERT_THAT(world.holders(), ElementsAre(Node::primary)) << "after " << second << " s";
  }
}

// Nor does what the standby misses by chance hide what fails for the holder alone.
TEST(Pair, ChanceFailuresOnTheStandbyKeepNoServiceUnserved) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_failing(Node::primary, {1});
  for (int second = 0; second < 40; ++second) {
    world.set_failing(Node::backup, {2 + static_cast<lvsd::ServiceId>(second / 2 % 3)});
    world.run_for(1s);
    world.set_failing(Node::backup, {});
    world.run_for(3s);
    if (second * 4s > kSeveralChecks + 10s) {
      ASSERT_THAT(world.holders(), ElementsAre(Node::backup)) << "after " << second * 4 << " s";
    }
  }
}

// All servers missed one check of the standby.
TEST(Pair, WhoIsCutOffLetsAStandbyServeThatFailedByChance) {
  Timing timing = kSlow;
  timing.witness = true;
  Pair pair(timing);
  World& world = pair.world;
  world.set_failing(Node::backup, {1, 2, 3, 4});
  world.run_for(1s);
  world.set_failing(Node::backup, {});
  world.set_witness(Node::primary, false);
  world.run_for(5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

// A slow one, say, which the holder still doubts.
TEST(Pair, AServiceThatFailsForBothHidesNoneThatFailsForTheHolderAlone) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_failing(Node::primary, {1});
  world.run_for(kSeveralChecks - 1s);
  world.set_failing(Node::primary, {1, 2});
  world.set_failing(Node::backup, {2});
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.longest_silence(), 0ms);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

// For a cause on the standby itself: a program, a user or a port that it has not.
TEST(Pair, ChecksThatCannotBeMadeOnTheStandbyHideNothingAndMoveNobody) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_uncheckable(Node::backup, {4});
  world.run_for(kSeveralChecks + 2s);
  world.set_failing(Node::primary, {4});
  world.run_for(kSeveralChecks + 60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "it may fail there as well";
  world.set_failing(Node::primary, {4, 1});
  world.run_for(kSeveralChecks + 2s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << "one is served there for sure";
  EXPECT_EQ(world.longest_silence(), 0ms);
}

TEST(Pair, TheOperatorMaySwitchToWhoCannotCheckOneService) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_uncheckable(Node::backup, {4});
  world.run_for(kSeveralChecks + 2s);
  world.switchover(Node::primary);
  world.run_for(5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.run_for(kSeveralChecks + 60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << "and it stays";
}

TEST(Pair, AStandbyThatCanMakeNoCheckIsNotAble) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_uncheckable(Node::backup, {1, 2, 3, 4});
  world.run_for(kSeveralChecks + 2s);
  EXPECT_EQ(world.status(Node::backup).reasons, pulse::kChecksStopped);
  world.set_failing(Node::primary, {1});
  world.run_for(kSeveralChecks + 60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  world.lose_power(Node::primary);
  world.run_for(2 * world.timing().deadtime);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << "better than nobody";
}

TEST(Pair, WhoServesAndCanMakeNoCheckGoesOn) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_uncheckable(Node::primary, {1, 2, 3, 4});
  world.run_for(kSeveralChecks + 60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

TEST(Pair, NobodyIsMovedToWhoHasNotCheckedWhatIsServed) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (int round = 0; round < 20; ++round) {
    world.set_failing(Node::backup, {1, 2});
    world.set_lvsd(Node::backup, false);
    world.run_for(1s);
    world.set_failing(Node::primary, {1});
    world.run_for(kSeveralChecks - 3s);
    world.set_lvsd(Node::backup, true);
    world.run_for(20s);
    EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
    world.set_failing_services(Node::primary, 0);
    world.run_for(10s);
  }
}

TEST(Pair, ServersThatComeAndGoForOneDirectorAloneMoveTheServiceToo) {
  Pair pair(kSlow);
  World& world = pair.world;
  for (int round = 0; round < 24 && world.holders().front() == Node::primary; ++round) {
    world.set_failing_services(Node::primary, 1);
    world.run_for(3s);
    world.set_failing_services(Node::primary, 0);
    world.run_for(2s);
  }
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, FaultsThatAlternateMoveTheServiceOnceInAWhile) {
  Pair pair(kSlow);
  World& world = pair.world;
  const uint64_t before = world.status(Node::primary).term;
  for (int round = 0; round < 10; ++round) {
    world.set_failing_services(Node::primary, round % 2 == 0 ? 1 : 0);
    world.set_failing_services(Node::backup, round % 2 == 0 ? 0 : 1);
    world.run_for(2 * kSeveralChecks + 6s);
  }
  EXPECT_LE(world.status(Node::primary).term, before + 6) << "in 300 s";
}

TEST(Pair, FaultsThatAlternateBesideADeadWitnessMoveItNoMoreOften) {
  Timing timing = kSlow;
  timing.witness = true;
  Pair pair(timing);
  World& world = pair.world;
  for (const Node node : {Node::primary, Node::backup}) {
    world.set_witness(node, false);
  }
  world.run_for(10s);
  const uint64_t before = world.status(Node::primary).term;
  for (int round = 0; round < 10; ++round) {
    world.set_failing_services(Node::primary, round % 2 == 0 ? 1 : 0);
    world.set_failing_services(Node::backup, round % 2 == 0 ? 0 : 1);
    world.run_for(2 * kSeveralChecks + 6s);
  }
  EXPECT_LE(world.status(Node::primary).term, before + 6) << "in 300 s";
}

TEST(Pair, FailbackDoesNotGoBackAtOnceToWhoLostItsServers) {
  Timing timing = kSlow;
  timing.failback = {.enabled = true, .able_for = 0s};
  Pair pair(timing);
  World& world = pair.world;
  const uint64_t before = world.status(Node::primary).term;
  for (int round = 0; round < 10; ++round) {
    world.set_failing_services(Node::primary, 1);
    world.run_for(kSeveralChecks + 3s);
    world.set_failing_services(Node::primary, 0);
    world.run_for(15s);
  }
  EXPECT_LE(world.status(Node::primary).term, before + 12) << "in 300 s";
}

// The rest after a move is for the like of what it was for.
TEST(Pair, WhoWasJustMovedToAndLosesMoreMovesItBack) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.set_failing_services(Node::primary, 1);
  world.run_for(kSeveralChecks + 3s);
  ASSERT_THAT(world.holders(), ElementsAre(Node::backup));
  world.set_failing_services(Node::primary, 0);
  world.set_failing_services(Node::backup, 1);
  world.run_for(kSeveralChecks + 15s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << "as many fail here as did there";
  EXPECT_EQ(world.status(Node::backup).unserved, 1) << "which is told all the same";
  world.set_failing_services(Node::backup, 2);
  world.run_for(kSeveralChecks + 3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

// It may be cut off from all its clients.
TEST(Pair, WhoHearsNoWitnessIsNotMovedToForTheSakeOfAService) {
  Timing timing = kSlow;
  timing.witness = true;
  Pair pair(timing);
  World& world = pair.world;
  world.set_witness(Node::backup, false);
  world.set_failing_services(Node::primary, 1);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  world.set_witness(Node::backup, true);
  world.run_for(5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.set_failing_services(Node::primary, 2);
  world.set_witness(Node::backup, false);
  world.run_for(5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "nor stayed with";
  world.set_failing_services(Node::primary, 4);
  world.run_for(90s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << "unless the other serves nobody";
}

// A service that hardly anybody needs must not keep a director that serves nothing.
TEST(Pair, WhoServesMoreServicesServes) {
  Timing timing = kSlow;
  timing.two_devices = true;
  for (const bool fails_for_both : {false, true}) {
    for (const bool loses_its_way : {false, true}) {
      Pair pair(timing);
      World& world = pair.world;
      world.set_failing_services(Node::backup, 1);
      world.set_failing_services(Node::primary, fails_for_both ? 1 : 0);
      world.run_for(60s);
      EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
      if (loses_its_way) {
        world.set_failing_services(Node::primary, 0);  // Those without a way are counted as that.
        world.set_way(Node::primary, false);
      } else {
        world.set_carrier(Node::primary, false);
        world.set_inner_carrier(Node::primary, false);
      }
      world.run_for(10s);
      EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << fails_for_both << loses_its_way;
    }
  }
}

TEST(Pair, ADirectorThatIsReadyLateAsksTheSegmentFirst) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.cut_paths();
  world.set_lvsd(Node::backup, false);
  world.run_for(30s);
  world.set_lvsd(Node::backup, true);
  world.run_for(1s);
  EXPECT_EQ(world.status(Node::backup).counters.takeovers, 0U);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

}  // namespace
}  // namespace lvs::sim
