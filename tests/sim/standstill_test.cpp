// Stories of what stands still and goes on: an arbiter that is frozen, a machine that its
// hypervisor pauses, with a clock that counts the pause or not.
#include "pulse/children.h"
#include "tests/sim/pair.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

using pulse::State;
using testing::ElementsAre;

TEST(Pair, ArbiterFrozenPastItsLeaseNeverHoldsAfterThaw) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.freeze_arbiter(Node::primary);
  world.run_for(20s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.thaw_arbiter(Node::primary);
  EXPECT_EQ(world.state(Node::primary), State::standby);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.status(Node::primary).counters.leases_lost, 1U);
  EXPECT_LE(world.longest_silence(), 5s);
}

TEST(Pair, ArbiterFrozenForLessThanItsLeaseGoesOn) {
  Pair pair(kSlow);
  pair.world.freeze_arbiter(Node::primary);
  pair.world.run_for(2s);
  pair.world.thaw_arbiter(Node::primary);
  pair.world.run_for(60s);
  EXPECT_THAT(pair.world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(pair.world.longest_silence(), 0ms);
}

TEST(Pair, ArbiterThatItsKeeperReplacesBeforeTheLeaseEndsKeepsTheService) {
  Pair pair({.keepalive = 1s, .deadtime = 6s});
  World& world = pair.world;
  for (int i = 0; i < 50; ++i) {  // Wherever in its lease it is.
    world.freeze_arbiter(Node::primary);
    world.run_for(pulse::keeper::kArbiterPingPause * (pulse::keeper::kPingsUnanswered + 1));
    world.kill_arbiter(Node::primary);
    world.run_for(300ms);
    world.start_arbiter(Node::primary);
    world.run_for(10s + i * 30ms);
  }
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(world.longest_silence(), 0ms);
  EXPECT_EQ(world.status(Node::backup).counters.takeovers, 0U);
}

TEST(Pair, ArbiterThatFreezesBetweenAddingAndAnnouncingCostsNoMoreThanItsReplacement) {
  constexpr Duration kReplaced = pulse::keeper::kArbiterPingPause * pulse::keeper::kPingsUnanswered;
  Pair pair({.keepalive = 1s, .deadtime = 6s});
  World& world = pair.world;
  world.freeze_when_it_announces(Node::backup);
  world.lose_power(Node::primary);
  world.run_for(20s);
  EXPECT_TRUE(world.is_served());
  EXPECT_LE(world.longest_silence(), 6s + kReplaced + 300ms);
  EXPECT_GE(world.longest_silence(), 5s + kReplaced);
}

TEST(Pair, ArbiterThatAdoptsDoesNotAnnounceWhatItsUnheardPeerHolds) {
  Pair pair({.keepalive = 1s, .deadtime = 6s});
  World& world = pair.world;
  world.split();
  world.run_for(10s);  // Both serve now.
  world.kill_arbiter(Node::backup);
  world.heal_all_but_heartbeats();
  world.run_for(4s);
  EXPECT_EQ(world.state(Node::backup), State::adopting);
}

TEST(Pair, FrozenStandbyDoesNotTakeItsOwnAbsenceForThePeers) {
  Pair pair(kSlow);
  for (int i = 0; i < 20; ++i) {  // Timer and sockets in either order.
    pair.world.freeze_arbiter(Node::backup);
    pair.world.run_for(30s);
    pair.world.thaw_arbiter(Node::backup);
    pair.world.run_for(10s);
  }
  EXPECT_EQ(pair.world.status(Node::backup).counters.takeovers, 0U);
}

TEST(Pair, APausedMachineThatDoesNotKnowHowLongItWasGoneIsNoSecondHolderAfterAHeartbeat) {
  for (const Node holder : {Node::primary, Node::backup}) {
    const Node standby = holder == Node::primary ? Node::backup : Node::primary;
    Pair pair(kSlow);
    World& world = pair.world;
    if (holder == Node::backup) {
      world.switchover(Node::primary);
      world.run_for(10s);
    }
    world.pause_machine(holder);
    world.run_for(60s);
    EXPECT_THAT(world.holders(), ElementsAre(standby));
    world.resume_machine(holder, false);
    world.run_for(1s);
    EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "of two actives the primary stays";
    world.run_for(60s);
    EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
    EXPECT_TRUE(world.is_served());
  }
}

TEST(Pair, APausedMachineWhoseClockWentOnHasLostItsAddresses) {
  Pair pair(kSlow);
  World& world = pair.world;
  world.pause_machine(Node::primary);
  world.run_for(60s);
  world.resume_machine(Node::primary, true);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_LE(world.longest_silence(), 5s);
}

TEST(Pair, AStandbyWhoseMachineWasPausedDoesNotTakeThatForItsPeersSilence) {
  for (const bool clock_counts : {false, true}) {
    Pair pair(kSlow);
    World& world = pair.world;
    world.pause_machine(Node::backup);
    world.run_for(60s);
    world.resume_machine(Node::backup, clock_counts);
    world.run_for(60s);
    EXPECT_EQ(world.status(Node::backup).counters.takeovers, 0U);
    EXPECT_EQ(world.longest_silence(), 0s);
  }
}

}  // namespace
}  // namespace lvs::sim
