#include "pulse/children.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <set>

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

// An edited file counts when the operator says so. Who was not there to hear it reads the file.
TEST(Children, ARestartedChildGoesOnWithWhatRanUnlessItMissedAReload) {
  Children children = running_children();
  EXPECT_THAT(children.step(killed(Child::lvsd), t0 + 1h).actions,
              Has(SpawnChild{Child::lvsd, false}))
      << "none has run with it yet";
  children.step(PongHeard{Child::lvsd}, t0 + 1h);
  EXPECT_THAT(children.step(killed(Child::lvsd), t0 + 2h).actions,
              Has(SpawnChild{Child::lvsd, true}));
  children.step(killed(Child::lvsd), t0 + 2h);
  children.step(ReloadAsked{}, t0 + 2h);
  const TimePoint again = t0 + 2h + kRestartDelayMax;
  EXPECT_THAT(children.step(TimerFired{}, again).actions, Has(SpawnChild{Child::lvsd, false}));
  children.step(PongHeard{Child::lvsd}, again);
  EXPECT_THAT(children.step(killed(Child::lvsd), again + 1h).actions,
              Has(SpawnChild{Child::lvsd, true}));
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
  EXPECT_THAT(step.actions, Has(SpawnChild{Child::arbiter, true}));
  EXPECT_EQ(children.restarts(Child::arbiter), 1);
  EXPECT_EQ(children.restarts(Child::lvsd), 0);
}

// The keeper's world: children that answer their pings unless they are frozen, and die when killed
// unless the kernel holds them.
struct World {
  Children children{5s};
  TimePoint now = t0;
  std::set<Child> frozen;
  bool kill_works = true;
  bool spawn_works = true;
  std::vector<Action> seen;

  World() {
    feed(Started{});
    feed(ChildReady{Child::arbiter});
    pass(1min);
    seen.clear();
  }

  void feed(const Event& event) {
    const Step step = children.step(event, now);
    wake_at = step.wake_at;
    for (const Action& action : step.actions) {
      seen.push_back(action);
      if (const auto* ping = std::get_if<PingChild>(&action)) {
        answer(ping->child);
      } else if (const auto* signal = std::get_if<SignalChild>(&action)) {
        die_of(*signal);
      } else if (const auto* spawn = std::get_if<SpawnChild>(&action)) {
        start(spawn->child);
      }
    }
  }

  void pass(Duration span) {
    const TimePoint until = now + span;
    while (wake_at && *wake_at <= until) {
      now = std::max(now, *wake_at);
      feed(TimerFired{});
    }
    now = until;
  }

  template <typename A>
  long count(const A& action) const {
    return std::ranges::count_if(seen, [&](const Action& each) {
      return std::holds_alternative<A>(each) && std::get<A>(each) == action;
    });
  }
  long logged(const std::string& event) const {
    return std::ranges::count_if(seen, [&](const Action& each) {
      const auto* line = std::get_if<LogEvent>(&each);
      return line != nullptr && line->event == event;
    });
  }

 private:
  void answer(Child child) {
    if (!frozen.contains(child)) {
      feed(PongHeard{child});
    }
  }
  void die_of(const SignalChild& signal) {
    if (signal.signal == SIGKILL && kill_works) {
      frozen.erase(signal.child);
      feed(killed(signal.child));
    }
  }
  void start(Child child) {
    if (!spawn_works) {
      feed(SpawnFailed{child, "socket pair: Too many open files in system"});
    }
  }

  std::optional<TimePoint> wake_at;
};

TEST(Children, AChildThatKeepsDyingWaitsLongerEachTimeButIsNeverGivenUp) {
  World world;
  Duration last{0};
  for (int death = 1; death <= 50; ++death) {
    world.feed(killed(Child::lvsd));
    const TimePoint died = world.now;
    while (world.count(SpawnChild{Child::lvsd, true}) < death) {
      world.pass(1ms);
    }
    EXPECT_GE(world.now - died, last);
    last = world.now - died;
  }
  EXPECT_EQ(last, kRestartDelayMax);
  EXPECT_EQ(world.children.restarts(Child::lvsd), 50);
}

TEST(Children, AFrozenArbiterIsKilledAndBackBeforeItsAddressesExpire) {
  World world;
  world.frozen = {Child::arbiter};
  world.pass(kArbiterPingPause * kPingsUnanswered - 1ms);
  EXPECT_EQ(world.count(SignalChild{Child::arbiter, SIGKILL}), 0) << "patience";
  world.pass(kArbiterPingPause + 1ms);
  EXPECT_EQ(world.count(SignalChild{Child::arbiter, SIGKILL}), 1);
  EXPECT_EQ(world.count(SpawnChild{Child::arbiter, true}), 1);
  EXPECT_EQ(world.logged("child-frozen"), 1);
  world.pass(1h);
  EXPECT_EQ(world.count(SpawnChild{Child::arbiter, true}), 1) << "the new one answers";
}

TEST(Children, AFrozenLvsdIsKilledBeforeTheDirectorCountsAsNotAbleAndCountsAsFailed) {
  World world;
  world.frozen = {Child::lvsd};
  world.pass(7s);
  EXPECT_EQ(world.count(SpawnChild{Child::lvsd, true}), 1);
  EXPECT_EQ(world.count(ReportLvsdFailure{}), 1);
  EXPECT_EQ(world.count(SpawnChild{Child::arbiter, true}), 0);
}

TEST(Children, AChildThatStartsMayTakeItsTime) {
  World world;
  world.feed(killed(Child::lvsd));
  world.frozen = {Child::lvsd};
  world.seen.clear();
  world.pass(kStartPatience - 1s);
  EXPECT_EQ(world.count(SignalChild{Child::lvsd, SIGKILL}), 0);
  world.pass(2s);
  EXPECT_EQ(world.count(SignalChild{Child::lvsd, SIGKILL}), 1) << "but not for ever";
}

TEST(Children, AKeeperThatWasFrozenItselfBlamesNobody) {
  World world;
  world.frozen = {Child::arbiter, Child::lvsd};
  world.pass(kArbiterPingPause * kPingsUnanswered - 1ms);
  world.now += 1h;
  world.frozen.clear();
  world.feed(TimerFired{});
  world.pass(1min);
  EXPECT_EQ(world.logged("child-frozen"), 0);
}

TEST(Children, NobodyWhoIsToldToStopIsPinged) {
  World world;
  world.frozen = {Child::arbiter};
  world.feed(StopAsked{SIGTERM});
  world.seen.clear();
  world.pass(kStopPatience - 1ms);
  EXPECT_EQ(world.count(SignalChild{Child::arbiter, SIGKILL}), 0) << "it may be handing over";
}

TEST(Children, AChildThatCannotBeStartedIsTriedAgain) {
  World world;
  world.spawn_works = false;
  world.feed(killed(Child::arbiter));
  world.pass(10s);
  EXPECT_GE(world.logged("spawn-failed"), 5);
  world.spawn_works = true;
  world.seen.clear();
  world.pass(kRestartDelayMax);
  EXPECT_EQ(world.count(SpawnChild{Child::arbiter, true}), 1);
}

TEST(Children, AFirstArbiterThatCannotBeStartedIsTheEnd) {
  Children children;
  children.step(Started{}, t0);
  EXPECT_THAT(children.step(SpawnFailed{Child::arbiter, "fork"}, t0).actions, Has(End{1}));
}

TEST(Children, TheWatchdogIsFedWhileChildrenDieAndComeBack) {
  World world;
  for (int minute = 0; minute < 10; ++minute) {
    world.feed(ChildExited{Child::lvsd, false, 1});
    world.pass(1min);
  }
  EXPECT_EQ(world.count(FeedWatchdog{}), 120);
}

TEST(Children, TheWatchdogIsNotFedForAChildThatCannotBeStarted) {
  World world;
  world.spawn_works = false;
  world.feed(killed(Child::lvsd));
  world.pass(kHelplessAfter + 5s);
  world.seen.clear();
  world.pass(1min);
  EXPECT_EQ(world.count(FeedWatchdog{}), 0);
  world.spawn_works = true;
  world.pass(10s);
  EXPECT_GT(world.count(FeedWatchdog{}), 0) << "until it can";
}

TEST(Children, TheWatchdogIsNotFedForAChildThatCannotBeKilled) {
  World world;
  world.kill_works = false;
  world.frozen = {Child::arbiter};
  world.pass(3s + kHelplessAfter + 5s);
  world.seen.clear();
  world.pass(1min);
  EXPECT_EQ(world.count(FeedWatchdog{}), 0);
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
  EXPECT_THAT(children.step(killed(Child::arbiter), t0).actions,
              Has(SpawnChild{Child::arbiter, true}));
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
}

// It may hold addresses still, and nobody else takes them off.
TEST(Children, AnArbiterThatDiesWhileItStopsIsReplacedOnceAndTheNextOneToldToStop) {
  Children children = running_children();
  children.step(StopAsked{SIGTERM}, t0);
  const Step dead = children.step(killed(Child::arbiter), t0 + 1s);
  EXPECT_THAT(dead.actions, Has(SpawnChild{Child::arbiter, true}));
  EXPECT_THAT(dead.actions, Not(Has(SignalChild{Child::lvsd, SIGTERM})));
  EXPECT_THAT(children.step(ChildReady{Child::arbiter}, t0 + 2s).actions, IsEmpty());
  EXPECT_THAT(children.step(PongHeard{Child::arbiter}, t0 + 2s).actions,
              Has(SignalChild{Child::arbiter, SIGTERM}));
  const Step again = children.step(killed(Child::arbiter), t0 + 3s);
  EXPECT_THAT(again.actions, Not(Has(SpawnChild{Child::arbiter, true})));
  EXPECT_THAT(again.actions, Has(SignalChild{Child::lvsd, SIGTERM}));
}

TEST(Children, AnArbiterThatCannotBeReplacedDoesNotHoldUpTheStop) {
  Children children = running_children();
  children.step(StopAsked{SIGTERM}, t0);
  children.step(killed(Child::arbiter), t0 + 1s);
  EXPECT_THAT(children.step(SpawnFailed{Child::arbiter, "no memory"}, t0 + 1s).actions,
              Has(SignalChild{Child::lvsd, SIGTERM}));
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
