#include "pulse/children.h"

#include <gmock/gmock.h>

#include <csignal>

namespace lvs::pulse::keeper {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::VariantWith;

constexpr TimePoint t0{1000s};

template <typename A>
auto Has(const A& action) {
  return Contains(VariantWith<A>(action));
}

Children running_children() {
  Children children;
  children.step(Started{}, t0);
  children.step(ChildReady{Child::arbiter}, t0);
  return children;
}

ChildExited killed(Child child) {
  return {child, true, SIGKILL};
}

TEST(Children, ArbiterComesFirstAndLvsdOnceItRuns) {
  Children children;
  EXPECT_THAT(children.step(Started{}, t0).actions,
              testing::ElementsAre(VariantWith<SpawnChild>(SpawnChild{Child::arbiter})));
  const Step step = children.step(ChildReady{Child::arbiter}, t0 + 5ms);
  EXPECT_THAT(step.actions, Has(TellReady{}));
  EXPECT_THAT(step.actions, Has(SpawnChild{Child::lvsd}));
}

TEST(Children, AnArbiterThatRefusesToStartEndsTheKeeperWithItsStatus) {
  Children children;
  children.step(Started{}, t0);
  const Step step = children.step(ChildExited{Child::arbiter, false, 1}, t0 + 5ms);
  EXPECT_THAT(step.actions, Has(End{1}));
  EXPECT_THAT(step.actions, Not(Has(SpawnChild{Child::lvsd})));
}

TEST(Children, AnArbiterThatEndsQuietlyBeforeItRanIsAFailureToo) {
  Children children;
  children.step(Started{}, t0);
  EXPECT_THAT(children.step(ChildExited{Child::arbiter, false, 0}, t0).actions, Has(End{1}));
}

TEST(Children, AKilledArbiterIsBackAtOnce) {
  Children children = running_children();
  const Step step = children.step(killed(Child::arbiter), t0 + 1h);
  EXPECT_THAT(step.actions, Has(SpawnChild{Child::arbiter}));
  EXPECT_EQ(children.restarts(Child::arbiter), 1);
  EXPECT_EQ(children.restarts(Child::lvsd), 0);
}

TEST(Children, AChildThatKeepsDyingWaitsLongerEachTimeButIsNeverGivenUp) {
  Children children = running_children();
  TimePoint now = t0;
  Duration last{0};
  for (int death = 1; death <= 50; ++death) {
    const Step step = children.step(killed(Child::lvsd), now);
    const Duration delay = step.wake_at ? *step.wake_at - now : Duration{0};
    EXPECT_GE(delay, last);
    EXPECT_LE(delay, kRestartDelayMax);
    last = delay;
    now += delay;
    if (delay > 0s) {
      EXPECT_THAT(step.actions, Not(Has(SpawnChild{Child::lvsd})));
      EXPECT_THAT(children.step(TimerFired{}, now).actions, Has(SpawnChild{Child::lvsd}));
    }
  }
  EXPECT_EQ(last, kRestartDelayMax);
  EXPECT_EQ(children.restarts(Child::lvsd), 50);
}

TEST(Children, AChildThatRanLongEnoughStartsItsCountAgain) {
  Children children = running_children();
  children.step(killed(Child::lvsd), t0);
  const Step step = children.step(killed(Child::lvsd), t0 + kStableAfter);
  EXPECT_THAT(step.actions, Has(SpawnChild{Child::lvsd}));
}

TEST(Children, AnLvsdThatFailsByItselfIsReportedAndOneThatWasKilledIsNot) {
  Children children = running_children();
  EXPECT_THAT(children.step(killed(Child::lvsd), t0).actions, Not(Has(ReportLvsdFailure{})));
  EXPECT_THAT(children.step(ChildExited{Child::lvsd, false, 1}, t0).actions,
              Has(ReportLvsdFailure{}));
  EXPECT_THAT(children.step(ChildExited{Child::lvsd, true, SIGSEGV}, t0).actions,
              Has(ReportLvsdFailure{}));
  EXPECT_THAT(children.step(ChildExited{Child::arbiter, false, 1}, t0).actions,
              Not(Has(ReportLvsdFailure{})));
}

TEST(Children, OneChildsDeathsDoNotSlowTheOther) {
  Children children = running_children();
  children.step(killed(Child::lvsd), t0);
  children.step(killed(Child::lvsd), t0);
  EXPECT_THAT(children.step(killed(Child::arbiter), t0).actions, Has(SpawnChild{Child::arbiter}));
}

TEST(Children, ReloadReachesBoth) {
  Children children = running_children();
  const Step step = children.step(ReloadAsked{}, t0);
  EXPECT_THAT(step.actions, Has(SignalChild{Child::arbiter, SIGHUP}));
  EXPECT_THAT(step.actions, Has(SignalChild{Child::lvsd, SIGHUP}));
}

TEST(Children, ReloadPassesOverAChildThatIsDown) {
  Children children = running_children();
  children.step(killed(Child::lvsd), t0);
  children.step(killed(Child::lvsd), t0);
  EXPECT_THAT(children.step(ReloadAsked{}, t0).actions, Not(Has(SignalChild{Child::lvsd, SIGHUP})));
}

TEST(Children, StopLetsTheArbiterHandOverBeforeLvsdGoes) {
  Children children = running_children();
  const Step asked = children.step(StopAsked{SIGTERM}, t0);
  EXPECT_THAT(asked.actions, Has(SignalChild{Child::arbiter, SIGTERM}));
  EXPECT_THAT(asked.actions, Not(Has(SignalChild{Child::lvsd, SIGTERM})));
  const Step handed_over = children.step(ChildExited{Child::arbiter, false, 0}, t0 + 1s);
  EXPECT_THAT(handed_over.actions, Has(SignalChild{Child::lvsd, SIGTERM}));
  EXPECT_THAT(handed_over.actions, Not(Has(SpawnChild{Child::arbiter})));
  EXPECT_THAT(children.step(ChildExited{Child::lvsd, false, 0}, t0 + 2s).actions, Has(End{0}));
}

TEST(Children, AChildThatIgnoresTermIsKilled) {
  Children children = running_children();
  EXPECT_EQ(children.step(StopAsked{SIGTERM}, t0).wake_at, t0 + kStopPatience);
  const Step late = children.step(TimerFired{}, t0 + kStopPatience);
  EXPECT_THAT(late.actions, Has(SignalChild{Child::arbiter, SIGKILL}));
  const Step dead = children.step(killed(Child::arbiter), t0 + kStopPatience);
  EXPECT_EQ(dead.wake_at, t0 + kStopPatience + kStopPatience);
}

TEST(Children, StopWhileAChildWaitsForItsRestartDoesNotStartIt) {
  Children children = running_children();
  children.step(killed(Child::lvsd), t0);
  children.step(killed(Child::lvsd), t0);
  children.step(StopAsked{SIGTERM}, t0);
  EXPECT_THAT(children.step(TimerFired{}, t0 + 5s).actions, IsEmpty());
  EXPECT_THAT(children.step(ChildExited{Child::arbiter, false, 0}, t0 + 6s).actions, Has(End{0}));
}

}  // namespace
}  // namespace lvs::pulse::keeper
