#include "nanny/monitors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace lvs::nanny {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Plays the shell: keeps what is running, what was told, and moves time to the next deadline.
class World {
 public:
  explicit World(size_t probes_max = 1000, Announcer announcer = Announcer::nanny)
      : monitors_(probes_max, Rng{7}, announcer) {}

  void feed(const Event& event) {
    const Step step = monitors_.step(event, now);
    for (const Action& action : step.actions) {
      perform(action);
    }
    wake_at = step.wake_at;
    if (wake_at) {
      EXPECT_GT(*wake_at, now);
    }
  }

  void set(MonitorId id, int rise = 1, int fall = 1, Duration interval = 10s) {
    Monitor monitor;
    monitor.target = {*Address::parse("10.0.0.2"), static_cast<uint16_t>(id)};
    monitor.interval = interval;
    monitor.timeout = 1s;
    monitor.rise = rise;
    monitor.fall = fall;
    feed(SetMonitor{id, monitor});
  }

  // Advances to the next deadline; false when nothing is planned.
  bool wake() {
    if (!wake_at) {
      return false;
    }
    now = *wake_at;
    feed(Timer{});
    return true;
  }

  // Runs the one monitor's next check to its end with this result.
  void check(const ProbeResult& result) {
    if (running.empty()) {
      ASSERT_TRUE(wake());
    }
    ASSERT_THAT(running, SizeIs(1));
    finish(running.begin()->first, result);
  }

  void finish(ProbeId probe, const ProbeResult& result) {
    running.erase(probe);
    feed(ProbeDone{probe, result});
  }

  TimePoint now{1000s};
  std::optional<TimePoint> wake_at;
  std::map<ProbeId, uint16_t> running;  // To the port of the target.
  std::vector<ProbeId> cancelled;
  std::vector<Verdict> told;
  std::vector<LogEvent> log;

 private:
  void perform(const Action& action) {
    if (const auto* start = std::get_if<StartProbe>(&action)) {
      const bool fresh = running.emplace(start->probe, start->monitor->target.port).second;
      EXPECT_TRUE(fresh);
    } else if (const auto* cancel = std::get_if<CancelProbe>(&action)) {
      EXPECT_EQ(running.erase(cancel->probe), 1U);
      cancelled.push_back(cancel->probe);
    } else if (const auto* report = std::get_if<Report>(&action)) {
      told.push_back(report->verdict);
    } else {
      log.push_back(std::get<LogEvent>(action));
    }
  }

  Monitors monitors_;
};

const ProbeResult kWorks = works("connected");
const ProbeResult kFails = fails("connect: Connection refused");

TEST(Monitors, TheFirstCheckComesSoonAndItsVerdictIsTold) {
  World world;
  const TimePoint start = world.now;
  world.set(80, 3, 3);
  EXPECT_TRUE(world.running.empty() || world.now == start);
  world.check(kWorks);
  EXPECT_LT(world.now - start, 500ms);
  ASSERT_THAT(world.told, SizeIs(1));
  EXPECT_EQ(world.told[0], (Verdict{80, Health::up, "connected", 0s, true}));
}

TEST(Monitors, AVerdictIsToldOnChangeOnly) {
  World world;
  world.set(80, 2, 2);
  for (int i = 0; i < 5; ++i) {
    world.check(kWorks);
  }
  EXPECT_THAT(world.told, SizeIs(1));
  world.check(kFails);
  EXPECT_THAT(world.told, SizeIs(1));
  world.check(kFails);
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::down);
  EXPECT_EQ(world.told[1].reason, "connect: Connection refused");
}

TEST(Monitors, AServerThatIsDownForAnotherReasonIsToldAgain) {
  World world;
  world.set(80, 3, 1);
  world.check(kFails);
  world.check(kFails);
  EXPECT_THAT(world.told, SizeIs(1));
  world.check(fails("answer is not what was expected: \"12:00\""));
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::down);
  EXPECT_EQ(world.told[1].reason, "answer is not what was expected: \"12:00\"");
  world.check(fails("answer is not what was expected: \"12:01\""));
  EXPECT_THAT(world.told, SizeIs(2)) << "what it says each time is no other reason";
  world.check(kWorks);
  world.check(kFails);
  EXPECT_THAT(world.told, SizeIs(4)) << "it began to recover";
}

TEST(Monitors, AServerThatRecoversSaysHowFarItIs) {
  World world;
  world.set(80, 3, 1);
  world.check(kFails);
  world.check(kWorks);
  world.check(kWorks);
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[1].reason, "recovering, 1 of 3 checks passed");
  EXPECT_EQ(world.told[2].reason, "recovering, 2 of 3 checks passed");
  EXPECT_EQ(world.told[2].health, Health::recovering);
  world.check(kFails);
  EXPECT_EQ(world.told.back().reason, "connect: Connection refused");
  for (int i = 0; i < 3; ++i) {
    world.check(kWorks);
  }
  EXPECT_EQ(world.told.back(),
            (Verdict{80, Health::up, "connected", world.told.back().latency, true}));
}

TEST(Monitors, AServerThatRecoversIsNotDownBeforeItFailedOftenEnough) {
  World world;
  world.set(80, 9, 2);
  world.check(kFails);
  world.check(kWorks);
  world.check(kFails);
  EXPECT_EQ(world.told.back().health, Health::recovering);
  EXPECT_EQ(world.told.back().reason, kFails.reason);
  world.check(kFails);
  EXPECT_EQ(world.told.back().health, Health::down) << "although the trouble is the same";
}

// lvsd may use it already, for want of another.
TEST(Monitors, AServerThatRecoversStaysSoWhileItCannotBeChecked) {
  World world;
  world.set(80, 9, 1);
  world.check(kFails);
  world.check(kWorks);
  world.check({Outcome::undecided, "connect: Cannot assign requested address", ""});
  EXPECT_EQ(world.told.back().health, Health::recovering);
  world.check(cut("no route"));
  EXPECT_EQ(world.told.back().health, Health::cut);
  world.check(kWorks);
  EXPECT_EQ(world.told.back().reason, "recovering, 2 of 9 checks passed");
}

TEST(Monitors, LatencyIsThatOfTheDecidingCheck) {
  World world;
  world.set(80);
  ASSERT_TRUE(world.wake());
  world.now += 120ms;
  world.finish(world.running.begin()->first, kWorks);
  EXPECT_EQ(world.told[0].latency, 120ms);
}

TEST(Monitors, ThePauseCountsFromTheEndOfACheck) {
  World world;
  world.set(80, 1, 1, 10s);
  world.check(kWorks);
  ASSERT_TRUE(world.wake());
  world.now += 800ms;
  world.finish(world.running.begin()->first, kWorks);
  ASSERT_TRUE(world.wake_at);
  EXPECT_GT(*world.wake_at - world.now, 9s);
  EXPECT_LE(*world.wake_at - world.now, 10s);
}

TEST(Monitors, NeverTwoChecksOfOneMonitorAtOnce) {
  World world;
  world.set(80, 1, 1, 1s);
  ASSERT_TRUE(world.wake());
  EXPECT_THAT(world.running, SizeIs(1));
  for (int i = 0; i < 10; ++i) {
    world.now += 5s;
    world.feed(Timer{});
    world.set(80, 1, 1, 1s);
  }
  EXPECT_THAT(world.running, SizeIs(1));
  EXPECT_EQ(world.wake_at, std::nullopt);
}

TEST(Monitors, AThousandMonitorsDoNotStartInOneInstant) {
  World world;
  for (MonitorId id = 1; id <= 1000; ++id) {
    world.set(id);
  }
  size_t most_at_once = 0;
  size_t before = world.running.size();
  while (world.running.size() < 1000 && world.wake()) {
    most_at_once = std::max(most_at_once, world.running.size() - before);
    before = world.running.size();
  }
  EXPECT_THAT(world.running, SizeIs(1000));
  EXPECT_LT(most_at_once, 10U);
}

TEST(Monitors, AtTheLimitTheLongestDueComesNext) {
  World world(2);
  for (MonitorId id = 1; id <= 4; ++id) {
    world.set(id);
  }
  while (world.wake()) {
  }
  EXPECT_THAT(world.running, SizeIs(2));
  world.now += 1s;
  world.feed(Timer{});
  EXPECT_THAT(world.running, SizeIs(2));
  std::set<uint16_t> served;
  for (int i = 0; i < 4; ++i) {
    served.insert(world.running.begin()->second);
    world.finish(world.running.begin()->first, kWorks);
    world.feed(Timer{});
    EXPECT_LE(world.running.size(), 2U);
  }
  EXPECT_THAT(served, SizeIs(4));
}

TEST(Monitors, RemovalCancelsTheRunningCheckAndItsEndIsIgnored) {
  World world;
  world.set(80);
  ASSERT_TRUE(world.wake());
  const ProbeId probe = world.running.begin()->first;
  world.feed(RemoveMonitor{80});
  EXPECT_THAT(world.cancelled, testing::ElementsAre(probe));
  world.feed(ProbeDone{probe, kFails});
  EXPECT_THAT(world.told, IsEmpty());
  EXPECT_EQ(world.wake_at, std::nullopt);
}

TEST(Monitors, RemovalOfAWaitingMonitorLeavesNothingPlanned) {
  World world;
  world.set(80);
  world.check(kWorks);
  world.feed(RemoveMonitor{80});
  EXPECT_EQ(world.wake_at, std::nullopt);
  EXPECT_THAT(world.cancelled, IsEmpty());
}

TEST(Monitors, RemovalOfWhatIsNotThereIsNothing) {
  World world;
  world.feed(RemoveMonitor{80});
  EXPECT_THAT(world.log, IsEmpty());
}

TEST(Monitors, TheSameOrderAgainChangesNothing) {
  World world;
  world.set(80);
  world.check(kWorks);
  const auto planned = world.wake_at;
  world.set(80);
  EXPECT_EQ(world.wake_at, planned);
  EXPECT_THAT(world.told, SizeIs(1));
}

TEST(Monitors, AChangedOrderCancelsAndStartsAnewAndIsToldAgain) {
  World world;
  world.set(80, 1, 1);
  world.check(kWorks);
  ASSERT_TRUE(world.wake());
  world.set(80, 3, 1);
  EXPECT_THAT(world.cancelled, SizeIs(1));
  EXPECT_THAT(world.running, IsEmpty());
  world.check(kWorks);
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::up);
}

TEST(Monitors, ErrorsOfThisMachineAloneSayNothingAboutAServer) {
  for (const int code :
       {EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN, EADDRNOTAVAIL, EAFNOSUPPORT, EPERM}) {
    EXPECT_EQ(system_error("connect", code).outcome, Outcome::undecided) << std::strerror(code);
  }
  // A router or the server itself may be meant: whether there is a way to it is looked at apart.
  for (const int code : {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT}) {
    EXPECT_EQ(system_error("connect", code).outcome, Outcome::fails) << std::strerror(code);
  }
}

TEST(Monitors, ACheckThatCouldNotBeMadeCountsNeitherWay) {
  World world;
  world.set(80, 2, 2);
  world.check(kWorks);
  world.check(kFails);
  world.check({Outcome::undecided, "socket: Too many open files", ""});
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::up);
  EXPECT_EQ(world.told[1].reason, "not checked: socket: Too many open files");
  world.check(kFails);
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[2].health, Health::down);
}

// It needs no re-entry time, of which 30 checks would be the default.
TEST(Monitors, AServerToWhichThereWasNoWayIsBackWithItsFirstAnswer) {
  World world;
  world.set(80, 30, 1);
  world.check(kWorks);
  for (int i = 0; i < 5; ++i) {
    world.check(cut("no route"));
  }
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::cut);
  EXPECT_EQ(world.told[1].reason, "not checked: no route");
  world.check(kWorks);
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[2].health, Health::up);
}

TEST(Monitors, AServerThatHadFailedBeforeTheWayWasLostStaysDown) {
  World world;
  world.set(80, 3, 1);
  world.check(kWorks);
  world.check(kFails);
  world.check(cut("no route"));
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[2].health, Health::down);
  EXPECT_EQ(world.told[2].reason, "not checked: no route");
  world.check(kWorks);
  world.check(kWorks);
  EXPECT_EQ(world.told.back().health, Health::recovering);
  world.check(kWorks);
  EXPECT_EQ(world.told.back().health, Health::up);
}

TEST(Monitors, AServerThatDiedWhileThereWasNoWayToItIsDownWithItsFirstFailures) {
  World world;
  world.set(80, 1, 2);
  world.check(kWorks);
  world.check(cut("no route"));
  world.check(kFails);
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::cut, kFails.reason, 0s, true}));
  world.check(kFails);
  EXPECT_EQ(world.told.back().health, Health::down);
}

TEST(Monitors, WhyAServerWasNeverCheckedIsTold) {
  World world;
  world.set(80);
  const ProbeResult full{Outcome::undecided, "socket: Too many open files", ""};
  world.check(full);
  world.check(full);
  ASSERT_THAT(world.told, SizeIs(1)) << "once";
  EXPECT_EQ(
      world.told.back(),
      (Verdict{80, Health::unknown, "not checked: socket: Too many open files", 0s, true, false}));
  world.check(cut("no route"));
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::unknown, "not checked: no route", 0s, false}));
  world.check(kWorks);
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::up, "connected", 0s, true}));
}

TEST(Monitors, WhoLosesTheWayToAServerDoesNotWaitForItsChecksToFail) {
  World world;
  world.set(80, 1, 1, 1h);
  world.check(kWorks);
  const TimePoint lost_at = world.now;
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, false, "eth1 is down"});
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::cut, "not checked: eth1 is down", 0s, false}));
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, true, ""});
  EXPECT_EQ(world.told.back(),
            (Verdict{80, Health::cut, "not checked since the way is back", 0s, true}));
  EXPECT_THAT(world.running, SizeIs(1)) << "it is checked at once";
  world.check(kWorks);
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::up, "connected", 0s, true}));
  EXPECT_EQ(world.now, lost_at);
}

const ProbeResult kFlapped{Outcome::undecided, "eth1 had no carrier for a while", ""};

TEST(Monitors, ACheckThatALinkSpoiledSaysNothingOfTheWay) {
  World world;
  world.set(80);
  world.check(kWorks);
  world.check(kFlapped);
  EXPECT_EQ(world.told.back().health, Health::up) << "it stays where it serves";
  EXPECT_TRUE(world.told.back().has_way);
}

TEST(Monitors, AWayIsBackOnceACheckHasDecidedAgain) {
  World world;
  world.set(80);
  world.check(kWorks);
  world.check(cut("eth1 is down"));
  world.check(kFlapped);
  EXPECT_EQ(world.told.back(),
            (Verdict{80, Health::cut, "not checked: " + kFlapped.reason, 0s, false, false}));
  world.check(kFails);
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::down, kFails.reason, 0s, true}));
}

// It may have failed meanwhile, and lvsd has taken it out beside others that serve: neither a check
// that could not be made nor the first failure of several brings it back.
TEST(Monitors, AServerIsUpAgainBehindItsWayOnceACheckHasPassed) {
  World world;
  world.set(80, 1, 3);
  world.check(kWorks);
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, false, "eth1 is down"});
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, true, ""});
  world.check(kFlapped);
  EXPECT_EQ(world.told.back().health, Health::cut);
  EXPECT_TRUE(world.told.back().has_way);
  world.check(kFails);
  EXPECT_EQ(world.told.back(), (Verdict{80, Health::cut, kFails.reason, 0s, true}));
  world.check(kWorks);
  EXPECT_EQ(world.told.back().health, Health::up);
}

TEST(Monitors, ACheckUnderWayEndsWithTheWay) {
  World world;
  world.set(80);
  ASSERT_TRUE(world.wake());
  world.feed(WayChanged{{*Address::parse("10.0.0.3")}, false, "eth1 is down"});
  EXPECT_THAT(world.cancelled, IsEmpty()) << "another server's";
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, false, "eth1 is down"});
  EXPECT_THAT(world.cancelled, SizeIs(1));
  EXPECT_EQ(world.told.back().health, Health::unknown);
}

TEST(Monitors, AServerThatTheOperatorHoldsIsNotCheckedBecauseItsWayChanged) {
  World world;
  world.set(80);
  world.feed(Hold::up);
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, false, "eth1 is down"});
  world.feed(WayChanged{{*Address::parse("10.0.0.2")}, true, ""});
  EXPECT_THAT(world.running, IsEmpty());
  EXPECT_THAT(world.told, SizeIs(1));
}

TEST(Monitors, ForcedDownHoldsWithoutChecksUntilReleased) {
  World world;
  world.set(80, 5, 5);
  world.check(kWorks);
  ASSERT_TRUE(world.wake());
  world.feed(Hold::down);
  EXPECT_THAT(world.running, IsEmpty());
  EXPECT_EQ(world.wake_at, std::nullopt);
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::down);

  world.feed(Hold::none);
  EXPECT_THAT(world.running, SizeIs(1));
  world.check(kWorks);
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[2].health, Health::up);
}

TEST(Monitors, ForcedUpHoldsAServerThatFails) {
  World world;
  world.set(80);
  world.check(kFails);
  world.feed(Hold::up);
  ASSERT_THAT(world.told, SizeIs(2));
  EXPECT_EQ(world.told[1].health, Health::up);
  world.set(81);
  ASSERT_THAT(world.told, SizeIs(3));
  EXPECT_EQ(world.told[2], (Verdict{81, Health::up, "held up", 0s}));
}

TEST(Monitors, ReleaseWithoutAHoldChangesNothing) {
  World world;
  world.set(80);
  world.check(kWorks);
  const auto planned = world.wake_at;
  world.feed(Hold::none);
  EXPECT_EQ(world.wake_at, planned);
}

TEST(Monitors, TransitionsAreLoggedWithPiranhasWords) {
  World world;
  world.set(80);
  world.check(kWorks);
  EXPECT_EQ(world.log[0].marker, "[ active ] making 10.0.0.2:80 available");
  EXPECT_EQ(world.log[0].event, "server-up");
  EXPECT_EQ(world.log[0].level, Level::notice);
  world.check(connect_timed_out({*Address::parse("10.0.0.2"), 80}));
  ASSERT_THAT(world.log, SizeIs(3));
  EXPECT_EQ(world.log[1].marker, "CONNECT to 10.0.0.2:80 timed out");
  EXPECT_EQ(world.log[2].marker, "[inactive] shutting down 10.0.0.2:80 due to connection failure");
}

// lvsd says Piranha's words for each service: a log that both write to must hold them once.
TEST(Monitors, ForLvsdTransitionsAreDebugEventsWithoutPiranhasWords) {
  World world(1000, Announcer::lvsd);
  world.set(80);
  world.check(kWorks);
  world.check(connect_timed_out({*Address::parse("10.0.0.2"), 80}));
  world.feed(Hold::up);
  ASSERT_THAT(world.log, SizeIs(5));
  for (const size_t transition : {0, 2, 4}) {
    EXPECT_EQ(world.log[transition].marker, "");
    EXPECT_EQ(world.log[transition].level, Level::debug);
  }
  EXPECT_EQ(world.log[0].event, "server-up");
  EXPECT_EQ(world.log[1].marker, "CONNECT to 10.0.0.2:80 timed out");
  EXPECT_EQ(world.log[2].event, "server-down");
}

TEST(Monitors, ALastingTroubleIsLoggedOnceAndAgainWhenItChanges) {
  World world;
  world.set(80, 1, 9);
  world.check(kWorks);
  world.check(kFails);
  world.check(kFails);
  EXPECT_THAT(world.log, SizeIs(2));
  world.check(fails("read: timed out"));
  EXPECT_THAT(world.log, SizeIs(3));
  world.check(kWorks);
  world.check(fails("read: timed out"));
  EXPECT_THAT(world.log, SizeIs(4));
}

}  // namespace
}  // namespace lvs::nanny
