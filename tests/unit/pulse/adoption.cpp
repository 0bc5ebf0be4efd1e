// An arbiter that is started again finds its addresses and must not lose them for being new.
#include <gmock/gmock.h>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0{1000s};

Settings settings(Node node) {
  Settings s;
  s.node = node;
  s.cluster_id = 7;
  s.keepalive = 100ms;
  s.deadtime = 300ms;
  s.addresses = {{*Address::parse("192.0.2.10"), "eth0", "eth0:1", 24}};
  return s;
}

// What a standby peer says that has heard `director`.
Heard able_standby(uint64_t incarnation_of_director, uint64_t sequence) {
  Heartbeat beat;
  beat.node = Node::backup;
  beat.cluster_id = 7;
  beat.my_incarnation = 99;
  beat.your_incarnation = incarnation_of_director;
  beat.sequence = sequence;
  beat.term = 1;
  return {0, beat};
}

TEST(Adoption, AnAdoptingDirectorDoesNotHandOverBecauseItsLvsdHasNotAnsweredYet) {
  Director director(settings(Node::primary), 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  director.step(able_standby(42, 1), t0 + 1ms);
  director.step(able_standby(42, 2), t0 + 2ms);
  EXPECT_EQ(director.status(t0 + 2ms).state, State::active);
  EXPECT_TRUE(director.status(t0 + 2ms).holding);
}

TEST(Adoption, AnAdoptingDirectorIsAbleUntilItsWitnessIsKnownToBeSilent) {
  Settings s = settings(Node::primary);
  s.witness = true;
  Director director(s, 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  EXPECT_EQ(director.status(t0).reasons, 0u);
  director.step(WitnessChanged{false}, t0 + 1ms);
  EXPECT_EQ(director.status(t0 + 1ms).reasons, uint32_t{kNoWitness});
}

TEST(Adoption, AnLvsdThatStaysAwayForItsGraceEndsAbilityAllTheSame) {
  Settings s = settings(Node::primary);
  s.lvsd_grace = 10s;
  Director director(s, 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  EXPECT_EQ(director.status(t0).reasons, 0u);
  director.step(TimerFired{}, t0 + 1s);
  director.step(TimerFired{}, t0 + 10s);
  EXPECT_EQ(director.status(t0 + 10s).reasons, uint32_t{kLvsdAway});
}

TEST(Adoption, AFreshDirectorWaitsForItsFirstLvsd) {
  Director director(settings(Node::primary), 42);
  director.step(Started{}, t0);
  EXPECT_EQ(director.status(t0).reasons, uint32_t{kLvsdStarting});
}

}  // namespace
}  // namespace lvs::pulse
