// A standby whose peer is nearly silent for long enough has its core armed before it takes over.
#include "tests/unit/pulse/bench.h"

namespace lvs::pulse {
namespace {

using testing::Not;

const auto kArmed = Contains(VariantWith<ArmAhead>(ArmAhead{true}));
const auto kDisarmed = Contains(VariantWith<ArmAhead>(ArmAhead{false}));

TEST(ArmingAhead, ComesMillisecondsBeforeTheDeadlineAndCostsNothingThen) {
  Bench bench = standby_backup();
  bench.pass(5s - kAheadMax - 1ns);
  EXPECT_THAT(bench.step.actions, Not(kArmed));
  bench.pass(1ns);
  EXPECT_THAT(bench.step.actions, kArmed);
  EXPECT_EQ(bench.state(), State::standby);
  bench.pass(kAheadMax);
  EXPECT_EQ(bench.state(), State::active);
  EXPECT_THAT(bench.step.actions, Not(kDisarmed));
}

TEST(ArmingAhead, LeavesAFastPairMostOfItsDeadtime) {
  Settings fast = some_settings(Node::backup);
  fast.keepalive = 10ms;
  fast.deadtime = 30ms;
  Bench bench(Node::backup, fast);
  bench.start().hear(Role::active).pass(20ms - 1ns);
  EXPECT_THAT(bench.step.actions, Not(kArmed));
  EXPECT_THAT(bench.pass(1ns).step.actions, kArmed);
}

TEST(ArmingAhead, IsTakenBackWhenThePeerIsHeardAndNotDoneAgainForAWhile) {
  Bench bench = standby_backup();
  bench.pass(5s - kAheadMax).hear(Role::active);
  EXPECT_THAT(bench.step.actions, kDisarmed);
  bench.pass(5s - kAheadMax);
  EXPECT_THAT(bench.step.actions, Not(kArmed));
  bench.hear(Role::active).pass(4s);
  bench.hear(Role::active).pass(5s - kAheadMax);
  EXPECT_THAT(bench.step.actions, kArmed);
}

TEST(ArmingAhead, IsNotForADirectorThatWillNotTakeOver) {
  Bench held = standby_backup();
  held.feed(HoldRole{{"operator", 1}}).pass(5s);
  EXPECT_THAT(held.step.actions, Not(kArmed));
  Bench vetoed = standby_backup();
  vetoed.pass(5s - kAheadMax - 1ms).feed(AddressClaimed{kVip, kPeerMac}).pass(1ms);
  EXPECT_THAT(vetoed.step.actions, Not(kArmed)) << "the peer's kernel answers for the address";
}

TEST(ArmingAhead, EndsWithASilenceThatIsNoEvidenceAnyMore) {
  Bench bench = standby_backup();
  bench.pass(5s - kAheadMax).feed(AddressClaimed{kVip, kPeerMac});
  EXPECT_THAT(bench.step.actions, kDisarmed);
}

}  // namespace
}  // namespace lvs::pulse
