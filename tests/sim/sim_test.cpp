// Stories: one for each row of the failure table that concerns pulse, told to a pair of directors
// in virtual time; and seeds, each a history of random misfortunes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pulse/children.h"
#include "tests/sim/chaos.h"
#include "tests/sim/checkers.h"
#include "tests/sim/pair.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

using pulse::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

#ifdef __SANITIZE_ADDRESS__
constexpr uint64_t kFixedSeeds = 250;  // Each takes forty times as long.
#else
constexpr uint64_t kFixedSeeds = 1000;
#endif

TEST(Pair, PrimaryServesAfterBothBootTogether) {
  Pair pair(kSlow);
  EXPECT_EQ(pair.world.state(Node::primary), State::active);
  EXPECT_EQ(pair.world.state(Node::backup), State::standby);
}

TEST(Pair, LinkCutCostsDeadtimeAndTheReturningDirectorStaysPassive) {
  for (int i = 0; i < 20; ++i) {
    Pair pair(kFast);
    World& world = pair.world;
    world.cut(Node::primary, 1);  // One path only, and it dies with the link.
    world.cut(Node::backup, 1);
    world.run_for(1s + i * 5ms);
    world.set_carrier(Node::primary, false);
    world.run_for(3s);
    EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
    EXPECT_EQ(world.state(Node::primary), State::standby);
    EXPECT_LE(world.longest_silence(), 301ms);
    EXPECT_GE(world.longest_silence(), 200ms - 1ms);
    world.set_carrier(Node::primary, true);
    world.run_for(3s);
    EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  }
}

TEST(Pair, LinkCutIsKnownSoonWhereAnotherPathTells) {
  Pair pair(kSlow);
  pair.world.set_carrier(Node::primary, false);
  pair.world.run_for(10s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
  EXPECT_LE(pair.world.longest_silence(), pulse::kSettleMax + 5ms);
}

TEST(Pair, PowerLossIsTakenOverAtTheDeadlineAndTheReturningDirectorStaysPassive) {
  Pair pair(kSlow);
  World& world = pair.world;
  const TimePoint heard = world.now() - *world.status(Node::backup).peer.silent;
  world.lose_power(Node::primary);
  world.run_until(heard + 5s - 1ns);
  EXPECT_EQ(world.state(Node::backup), State::standby);
  world.run_until(heard + 5s);
  EXPECT_EQ(world.state(Node::backup), State::active);
  EXPECT_THAT(world.transcript(), HasSubstr("partner dead: activating lvs"));
  world.boot(Node::primary);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, StoppingPulseHandsOverWithoutSilence) {
  Pair pair(kSlow);
  pair.world.stop_pulse(Node::primary);
  pair.world.run_for(1s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
  EXPECT_FALSE(pair.world.machine(Node::primary).director);
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, StoppingPulseWithoutAnAbleSuccessorEndsAtOnce) {
  Pair pair(kSlow);
  pair.world.set_lvsd(Node::backup, false, 3);
  pair.world.run_for(2s);
  pair.world.stop_pulse(Node::primary);
  EXPECT_FALSE(pair.world.machine(Node::primary).director);
  EXPECT_THAT(pair.world.holders(), IsEmpty());
}

TEST(Pair, StoppingPulseWhileThePeerDoesNotAnswerTakesASecondAtMost) {
  Pair pair(kSlow);
  pair.world.freeze_arbiter(Node::backup);
  pair.world.stop_pulse(Node::primary);
  pair.world.run_for(1s);
  EXPECT_FALSE(pair.world.machine(Node::primary).director);
}

TEST(Pair, StoppingTheStandbyChangesNothing) {
  Pair pair(kSlow);
  pair.world.stop_pulse(Node::backup);
  pair.world.run_for(60s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, SwitchoverWorksFromEitherSideWithoutSilence) {
  for (const Node asked : {Node::primary, Node::backup}) {
    Pair pair(kSlow);
    pair.world.switchover(asked);
    pair.world.run_for(3s);
    EXPECT_EQ(pair.world.machine(asked).last_answer, true);
    EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
    EXPECT_EQ(pair.world.longest_silence(), 0ms);
  }
}

TEST(Pair, SwitchoverIsRefusedWhileThePeerCannotServe) {
  Pair pair(kSlow);
  pair.world.set_lvsd(Node::backup, false, 3);
  pair.world.run_for(2s);
  pair.world.switchover(Node::primary);
  EXPECT_EQ(pair.world.machine(Node::primary).last_answer, false);
  EXPECT_THAT(pair.world.transcript(), HasSubstr("it says lvsd-failing"));
}

// The old process's last words travel for longer than its successor's first.
TEST(Pair, AProcessAndItsSuccessorThatCrossEndWithTheSuccessor) {
  for (const Node restarted : {Node::primary, Node::backup}) {
    for (int i = 0; i < 200; ++i) {
      Pair pair(kSlow);
      World& world = pair.world;
      world.set_faults({.delay_max = 20ms});
      world.kill_arbiter(Node::primary);
      world.kill_arbiter(Node::backup);
      world.run_for(i * 1ms);
      world.start_arbiter(Node::primary);
      world.start_arbiter(Node::backup);
      world.run_for((i % 50) * 1ms);
      world.stop_pulse(restarted);
      world.kill_arbiter(restarted);
      world.start_arbiter(restarted);
      world.run_for(30s);
      EXPECT_EQ(world.holders().size(), 1U);
      world.checkers().at_the_end();
    }
  }
}

TEST(Pair, KilledArbiterIsReplacedAndAdoptsWithoutSilence) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.kill_arbiter(Node::primary);
  world.run_for(500ms);
  world.start_arbiter(Node::primary);
  EXPECT_EQ(world.state(Node::primary), State::adopting);
  world.run_for(60s);
  EXPECT_EQ(world.state(Node::primary), State::active);
  EXPECT_EQ(world.state(Node::backup), State::standby);
  EXPECT_EQ(world.status(Node::backup).counters.takeovers, 0U);
  EXPECT_EQ(world.longest_silence(), 0ms);
}

TEST(Pair, ReplacedArbiterThatFindsItsPeerActiveLetsGoAtOnce) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.split();
  world.run_for(10s);  // The backup took over behind the split: its term is higher.
  world.kill_arbiter(Node::primary);
  world.heal();
  world.run_for(10ms);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_THAT(world.transcript(), HasSubstr("reason=peer-active-with-higher-term"));
  world.run_for(10s);
}

TEST(Pair, AllProcessesKilledForGoodLoseTheAddressesAndThePeerTakesOver) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.kill_arbiter(Node::primary);
  world.run_for(5s + 2s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_LE(world.longest_silence(), 5s);
}

TEST(Pair, LvsdAwayWithinItsGraceChangesNothing) {
  Pair pair(kSlow);
  pair.world.set_lvsd(Node::primary, false);
  pair.world.run_for(9s);
  pair.world.set_lvsd(Node::primary, true);
  pair.world.run_for(10s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, LvsdAwayForLongerMovesTheService) {
  Pair pair(kSlow);
  pair.world.set_lvsd(Node::primary, false);
  pair.world.run_for(11s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, UnableActiveKeepsServingWhenThePeerIsUnableToo) {
  Pair pair(kSlow);
  pair.world.set_lvsd(Node::primary, false);
  pair.world.set_lvsd(Node::backup, false);
  pair.world.run_for(60s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, OneHeartbeatPathCutIsAnAlarmAndNoMore) {
  Pair pair(kSlow);
  pair.world.cut(Node::primary, 1);
  pair.world.run_for(60s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
  EXPECT_THAT(pair.world.transcript(), HasSubstr("backup event=path-dead path=private"));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, AllPathsCutOnOneSegmentAreHeldByTheSplitGuard) {
  for (const Timing& timing : {kFastest, kFaster, kFast, kSlow}) {
    Pair pair(timing);
    pair.world.cut_paths();
    pair.world.run_for(120s);
    EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
    EXPECT_EQ(pair.world.longest_silence(), 0ms);
    EXPECT_EQ(pair.world.status(Node::backup).counters.vetoes, 1U);
  }
}

TEST(Pair, SplitGuardEndsWithThePeersAnswers) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.cut_paths();
  world.run_for(60s);
  world.lose_power(Node::primary);
  world.run_for(pulse::SplitGuard::freshness(5s));
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, WithoutSplitGuardAllPathsCutMakeTwoHolders) {
  Timing timing = kSlow;
  timing.split_guard = false;
  Pair pair(timing);
  pair.world.cut_paths();
  pair.world.run_for(10s);
  EXPECT_EQ(pair.world.holders().size(), 2U);
}

TEST(Pair, PrimaryWinsAfterASplitAndAnnouncesAgain) {
  for (const Node first : {Node::primary, Node::backup}) {
    Pair pair(kSlow);
    World& world = pair.world;
    if (first == Node::backup) {
      world.switchover(Node::primary);
      world.run_for(5s);
    }
    world.split();
    world.run_for(10s);
    EXPECT_EQ(world.holders().size(), 2U);
    world.heal();
    world.run_for(1s + 10ms);  // One keepalive.
    EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
    EXPECT_TRUE(world.is_served());
    world.run_for(60s);
    EXPECT_THAT(world.transcript(), HasSubstr("partner active: deactivating LVS"));
  }
}

TEST(Pair, AddressRemovedByOthersComesBack) {
  Pair pair(kSlow);
  pair.world.remove_address(Node::primary);
  pair.world.run_for(1ms);
  EXPECT_EQ(pair.world.machine(Node::primary).addresses.size(), 2U);
  EXPECT_EQ(pair.world.status(Node::primary).counters.addresses_restored, 1U);
}

// Another key on one side, from the first minute or later: the segment tells them apart.
TEST(Pair, DirectorsWithDifferentKeysStillMakeOneHolder) {
  for (const Node changed : {Node::primary, Node::backup}) {
    for (int i = 0; i < 20; ++i) {
      World world(7 + i, kSlow);
      world.change_key(changed);
      world.boot(i % 2 == 0 ? Node::primary : Node::backup);
      world.run_for(i * 500ms);
      world.boot(Node::primary);
      world.boot(Node::backup);
      world.run_for(30s);
      ASSERT_EQ(world.holders().size(), 1U) << world.transcript();
      const Node holder = world.holders().front();
      const Node other = holder == Node::primary ? Node::backup : Node::primary;
      EXPECT_TRUE(world.is_served());
      EXPECT_EQ(world.status(other).peer.not_believed, pulse::Refusal::bad_hmac);
      EXPECT_THAT(world.transcript(), HasSubstr("event=peer-not-believed cause=bad-hmac"));
      world.lose_power(holder);
      world.run_for(2 * 5s);
      EXPECT_THAT(world.holders(), ElementsAre(other)) << world.transcript();
      EXPECT_THAT(world.violations(), IsEmpty());
    }
  }
}

TEST(Pair, AFirewallThatWasNeverOpenedStillMakesOneHolder) {
  for (int i = 0; i < 40; ++i) {
    World world(7 + i, kSlow);
    world.cut_paths();
    world.boot(i % 2 == 0 ? Node::primary : Node::backup);
    world.run_for((i / 2) * 500ms);
    world.boot(Node::primary);
    world.boot(Node::backup);
    world.run_for(30s);
    EXPECT_EQ(world.holders().size(), 1U) << world.transcript();
    EXPECT_TRUE(world.is_served());
  }
}

// The peer said goodbye, came back unheard behind a split, and serves on the segment as well now.
TEST(Pair, AStandbyThatLosesThePeersNameIsNoSecondHolder) {
  for (const Node standby : {Node::primary, Node::backup}) {
    Pair pair(kSlow);
    World& world = pair.world;
    if (standby == Node::primary) {
      world.switchover(Node::primary);
      world.run_for(3s);
    }
    world.machine(standby).kept.peer_macs.clear();
    world.forget_peer(standby);
    for (int i = 0; i < 600; ++i) {
      world.run_for(100ms);
      ASSERT_EQ(world.holders().size(), 1U) << world.transcript();
    }
    EXPECT_EQ(world.state(standby), State::listening);
    world.learn_peer(standby);
    world.run_for(10s);
    EXPECT_EQ(world.state(standby), State::standby);
    EXPECT_EQ(world.longest_silence(), standby == Node::backup ? 0s : world.longest_silence());
  }
}

TEST(Pair, TwoThatCannotNameEachOtherStillMakeOneHolder) {
  World world(7, kSlow);
  for (const Node node : {Node::primary, Node::backup}) {
    world.forget_peer(node);
    world.boot(node);
  }
  for (int i = 0; i < 600; ++i) {
    world.run_for(100ms);
    ASSERT_LE(world.holders().size(), 1U) << world.transcript();
  }
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  world.lose_power(Node::primary);
  world.run_for(10s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup)) << world.transcript();
}

TEST(Pair, AGoodbyeIsNotTheLastWord) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.stop_pulse(Node::primary);
  world.run_for(2s);
  world.split();
  world.start_arbiter(Node::primary);
  world.run_for(10s);
  EXPECT_EQ(world.holders().size(), 2U);
  world.heal_all_but_heartbeats();
  world.run_for(30s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_TRUE(world.is_served());
}

TEST(Pair, SwitchesThatAnswerForTheDeadDelayNoTakeover) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.suppress_arp();
  const TimePoint heard = world.now() - *world.status(Node::backup).peer.silent;
  world.lose_power(Node::primary);
  world.run_until(heard + 5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, AWitnessThatIsDeadForBothLeavesOneServing) {
  World world(7, with(false, true));
  world.set_witness(Node::primary, false);
  world.set_witness(Node::backup, false);
  world.boot(Node::primary);
  world.boot(Node::backup);
  world.run_for(10s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << world.transcript();
  world.switchover(Node::primary);
  world.run_for(5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.lose_power(Node::backup);
  world.run_for(6s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(Pair, WhoAloneLostTheWitnessIsCutOffAndDoesNotTakeOver) {
  Pair pair(with(false, true));
  World& world = pair.world;
  world.split();
  world.set_witness(Node::backup, false);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
}

TEST(Pair, WhoLosesTheWitnessHandsOverToWhoHasIt) {
  Pair pair(with(false, true));
  pair.world.set_witness(Node::primary, false);
  pair.world.run_for(3s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

Node holder_after_return(const config::Failback& failback, Duration wait) {
  Timing timing = kSlow;
  timing.failback = failback;
  Pair pair(timing);
  pair.world.lose_power(Node::primary);
  pair.world.run_for(20s);
  pair.world.boot(Node::primary);
  pair.world.run_for(wait);
  EXPECT_EQ(pair.world.holders().size(), 1U);
  return pair.world.holders().front();
}

TEST(Pair, FailbackHappensOnlyWhereConfigured) {
  EXPECT_EQ(holder_after_return({}, 600s), Node::backup);
  EXPECT_EQ(holder_after_return({.enabled = true, .able_for = 0s}, 5s), Node::primary);
  EXPECT_EQ(holder_after_return({.enabled = true, .able_for = 30s}, 29s), Node::backup);
  EXPECT_EQ(holder_after_return({.enabled = true, .able_for = 30s}, 31s), Node::primary);
}

TEST(Pair, FailbackDoesNotUndoTheOperatorsSwitchover) {
  Timing timing = kSlow;
  timing.failback = {.enabled = true, .able_for = 0s};
  Pair pair(timing);
  pair.world.switchover(Node::primary);
  pair.world.run_for(60s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, DirectorAloneServesAtOnceAndForGood) {
  Timing timing;
  timing.alone = true;
  World world(7, timing);
  world.boot(Node::primary);
  world.run_for(1ms);
  EXPECT_EQ(world.state(Node::primary), State::active);
  world.freeze_arbiter(Node::primary);
  world.run_for(1000s);
  world.thaw_arbiter(Node::primary);
  EXPECT_EQ(world.machine(Node::primary).addresses.size(), 2U);
  world.stop_pulse(Node::primary);
  EXPECT_THAT(world.holders(), IsEmpty());
}

TEST(Pair, AttacksChangeNothingAndAreCounted) {
  Pair pair(kSlow);
  for (int i = 0; i < 500; ++i) {
    pair.world.replay_something(i % 2 == 0 ? Node::primary : Node::backup);
    pair.world.forge_something(i % 2 == 0 ? Node::primary : Node::backup);
    pair.world.run_for(10ms);
  }
  const auto refused = pair.world.status(Node::backup).counters.refused;
  EXPECT_EQ(refused[static_cast<size_t>(pulse::Refusal::bad_hmac)], 250U);
  EXPECT_GT(refused[static_cast<size_t>(pulse::Refusal::replay)], 100U);
}

TEST(Histories, KeepEveryInvariant) {
  for (uint64_t seed = 1; seed <= kFixedSeeds; ++seed) {
    const auto world = live_through(seed);
    ASSERT_THAT(world->violations(), IsEmpty()) << "seed " << seed << "\n" << world->transcript();
  }
}

TEST(Histories, KeepEveryInvariantWithPiranhasHeartbeats) {
  for (uint64_t seed = 1; seed <= kFixedSeeds; ++seed) {
    const auto world = live_through(seed, true);
    ASSERT_THAT(world->violations(), IsEmpty()) << "seed " << seed << "\n" << world->transcript();
  }
}

TEST(Histories, AreTheSameForTheSameSeed) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const auto once = live_through(seed);
    const auto again = live_through(seed);
    EXPECT_EQ(once->transcript(), again->transcript());
    EXPECT_EQ(once->history_hash(), again->history_hash());
  }
  EXPECT_NE(live_through(1)->history_hash(), live_through(2)->history_hash());
}

}  // namespace
}  // namespace lvs::sim
