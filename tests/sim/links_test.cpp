// Stories of carrier: service links, monitored links and the cable between the two.
#include "tests/sim/pair.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

using pulse::State;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Pair, OneOfTwoServiceLinksLostMovesTheServiceWithoutSilence) {
  Pair pair(with(true, false));
  World& world = pair.world;
  world.set_inner_carrier(Node::primary, false);
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.longest_silence(), 0ms);
  EXPECT_EQ(world.status(Node::primary).reasons, pulse::kServiceLinkDown);
}

TEST(Pair, WhoLacksAsMuchAsItsPeerServesOn) {
  Pair pair(with(true, false));
  World& world = pair.world;
  world.set_inner_carrier(Node::backup, false);
  world.run_for(10ms);
  world.set_inner_carrier(Node::primary, false);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_EQ(world.longest_silence(), 0ms);
  // And if it dies, in part is better than not at all.
  world.lose_power(Node::primary);
  world.run_for(6s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, ALinkThatFlapsForAMomentMovesNothing) {
  Pair pair(with(true, false));
  World& world = pair.world;
  for (int i = 0; i < 3; ++i) {
    world.set_carrier(Node::primary, false);
    world.set_inner_carrier(Node::primary, false);
    world.run_for(400ms);
    world.set_carrier(Node::primary, true);
    world.set_inner_carrier(Node::primary, true);
    world.run_for(5s);
  }
  EXPECT_EQ(world.state(Node::primary), State::active);
  EXPECT_EQ(world.state(Node::backup), State::standby);
  world.set_carrier(Node::primary, false);
  world.set_inner_carrier(Node::primary, false);
  world.run_for(1s);
  EXPECT_EQ(world.state(Node::primary), State::standby);
}

// By its link to the servers it still answers for the other address, and keeps the peer from taking
// over; by the other link it can neither hear nor say anything.
TEST(Pair, WhoIsCutOffFromClientsAndPeerLetsGo) {
  Timing timing = with(true, false);
  timing.one_path = true;
  Pair pair(timing);
  World& world = pair.world;
  world.set_carrier(Node::primary, false);
  world.run_for(5s + pulse::SplitGuard::freshness(5s) + 1s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.set_carrier(Node::primary, true);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_THAT(world.violations(), IsEmpty());
}

// Nobody can be asked: rather a part unserved than two that serve it.
TEST(Pair, WhoLetsGoWithoutTheGuardStaysPassive) {
  Timing timing = with(true, false);
  timing.one_path = true;
  timing.split_guard = false;
  Pair pair(timing);
  World& world = pair.world;
  world.set_carrier(Node::primary, false);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  world.set_carrier(Node::primary, true);
  world.run_for(10s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, WhoLetGoInVainServesWhatItCan) {
  Timing timing = with(true, false);
  timing.one_path = true;
  Pair pair(timing);
  World& world = pair.world;
  world.lose_power(Node::backup);
  world.set_carrier(Node::primary, false);
  world.run_for(12s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  const uint64_t takeovers = world.status(Node::primary).counters.takeovers;
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << "for good";
  EXPECT_EQ(world.status(Node::primary).counters.takeovers, takeovers);
}

// Frames that waited for the neighbour come all at once, the oldest first.
TEST(Pair, WhatALinkDeliversLateMakesNoSecondHolder) {
  for (int ms = 500; ms < 900; ms += 3) {
    Timing timing = kSlow;
    timing.keepalive = 100ms;
    timing.deadtime = 2s;
    Pair pair(timing);
    World& world = pair.world;
    for (int draws = ms; draws > 0; --draws) {
      world.rng().next();  // Other delays each time.
    }
    world.cut(Node::primary, 1);
    world.set_carrier(Node::primary, false);
    world.run_for(std::chrono::milliseconds{ms});
    world.set_carrier(Node::primary, true);
    for (int i = 0; i < 2000; ++i) {
      world.run_for(1ms);
      ASSERT_LE(world.holders().size(), 1U) << ms << "\n" << world.transcript();
    }
  }
}

TEST(Pair, ALinkThatFlapsForLongMovesTheService) {
  Pair pair(with(true, false));
  World& world = pair.world;
  for (int i = 0; i < 4; ++i) {
    world.set_inner_carrier(Node::primary, false);
    world.run_for(300ms);
    world.set_inner_carrier(Node::primary, true);
    world.run_for(500ms);
  }
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

Timing monitored() {
  Timing timing = kSlow;
  timing.monitored = true;
  return timing;
}

TEST(Pair, ADeadCableBetweenTheTwoKeepsNobodyFromServing) {
  World world(7, monitored());
  world.set_inner_carrier(Node::primary, false);
  world.set_inner_carrier(Node::backup, false);
  world.boot(Node::primary);
  world.boot(Node::backup);
  world.run_for(10s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << world.transcript();
  EXPECT_EQ(world.status(Node::primary).reasons, pulse::kLinkDown);
  EXPECT_THAT(world.violations(), IsEmpty());
}

TEST(Pair, AMonitoredLinkLostOnOneSideMovesTheServiceWithoutSilence) {
  Pair pair(monitored());
  World& world = pair.world;
  world.set_inner_carrier(Node::primary, false);
  world.run_for(3s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
  EXPECT_EQ(world.longest_silence(), 0ms);
}

// The two ends of a cable come back one after the other.
TEST(Pair, ACableThatReturnsMovesNothing) {
  for (const Node first : {Node::primary, Node::backup}) {
    Pair pair(monitored());
    World& world = pair.world;
    const Node second = first == Node::primary ? Node::backup : Node::primary;
    for (const bool up : {false, true}) {
      world.set_inner_carrier(first, up);
      world.run_for(200ms);
      world.set_inner_carrier(second, up);
      world.run_for(60s);
      EXPECT_THAT(world.holders(), ElementsAre(Node::primary)) << up;
    }
  }
}

TEST(Pair, APeerWhosePowerTakesTheCarrierOfTheirCableWithItIsTakenOverFrom) {
  Pair pair(monitored());
  World& world = pair.world;
  const TimePoint heard = world.now() - *world.status(Node::backup).peer.silent;
  world.lose_power(Node::primary);
  world.set_inner_carrier(Node::backup, false);
  world.run_until(heard + 5s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::backup));
}

TEST(Pair, WhoHearsAgainAfterItsLinksWereDownListensFirst) {
  Timing timing = monitored();
  timing.split_guard = false;
  Pair pair(timing);
  World& world = pair.world;
  world.set_carrier(Node::backup, false);
  world.set_inner_carrier(Node::backup, false);
  world.run_for(60s);
  world.set_carrier(Node::backup, true);
  world.run_for(60s);
  EXPECT_THAT(world.holders(), ElementsAre(Node::primary));
  EXPECT_THAT(world.violations(), IsEmpty());
}

}  // namespace
}  // namespace lvs::sim
