#include "nanny/runner/runs.h"

#include <gmock/gmock.h>

namespace lvs::nanny::runner {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using Verb = ScriptRequest::Verb;

SetMonitor script(MonitorId id, const std::string& command = "check %h") {
  SetMonitor order{id, {}};
  order.monitor.target = {*Address::parse("10.0.0.2"), 80};
  order.monitor.check = config::ScriptCheck{command, "", false, "someone"};
  order.monitor.timeout = 5s;
  return order;
}

StartRun started(RunId run) {
  return {run, {{"check", "10.0.0.2"}, "someone", 5s}};
}

// The run of the only action, when it is a refusal.
std::optional<RunId> refused(const Actions& actions) {
  const auto* tell = actions.size() == 1 ? std::get_if<TellEnd>(&actions[0]) : nullptr;
  return tell != nullptr && tell->answer.end.how == ScriptEnd::How::refused
             ? std::optional(tell->answer.run)
             : std::nullopt;
}

TEST(Runs, WhatLvsdSaidIsRunAndNothingElse) {
  Runs runs;
  EXPECT_EQ(refused(runs.asked({Verb::run, 1, 7})), 1U);
  runs.set(script(7));
  EXPECT_EQ(runs.asked({Verb::run, 2, 7}), Actions{started(2)});
  runs.gone(2, true);
  SetMonitor other = script(7);
  other.monitor.check = config::TcpConnect{};
  runs.set(other);
  EXPECT_EQ(refused(runs.asked({Verb::run, 3, 7})), 3U);
  runs.set(script(7));
  runs.remove({7});
  EXPECT_EQ(refused(runs.asked({Verb::run, 4, 7})), 4U);
  runs.set(script(7, "  "));
  EXPECT_EQ(refused(runs.asked({Verb::run, 5, 7})), 5U);
}

TEST(Runs, OneThatCannotBeEndedIsNotPiledUp) {
  Runs runs;
  runs.set(script(7));
  runs.asked({Verb::run, 1, 7});
  EXPECT_EQ(refused(runs.asked({Verb::run, 2, 7})), 2U);
  runs.gone(1, true);
  EXPECT_EQ(runs.asked({Verb::run, 3, 7}), Actions{started(3)});
}

TEST(Runs, TheNextWaitsForTheEndOfACancelledOne) {
  Runs runs;
  runs.set(script(7));
  runs.asked({Verb::run, 1, 7});
  EXPECT_EQ(runs.asked({Verb::cancel, 1, 0}), Actions{StopRun{1}});
  EXPECT_THAT(runs.asked({Verb::cancel, 1, 0}), IsEmpty());
  EXPECT_THAT(runs.asked({Verb::run, 2, 7}), IsEmpty());
  EXPECT_EQ(refused(runs.asked({Verb::run, 3, 7})), 3U) << "one waits already";
  EXPECT_EQ(runs.gone(1, false), Actions{started(2)}) << "a cancelled run is not told of";
}

TEST(Runs, AKilledSupervisorIsTold) {
  Runs runs;
  runs.set(script(7));
  runs.asked({Verb::run, 1, 7});
  EXPECT_EQ(refused(runs.gone(1, false)), 1U);
  EXPECT_THAT(runs.gone(1, false), IsEmpty());
}

TEST(Runs, SoManyAtOnceAndTheOthersInTheirOrder) {
  Runs runs;
  for (MonitorId id = 1; id <= kScriptsAtOnce + 3; ++id) {
    runs.set(script(id));
    EXPECT_EQ(runs.asked({Verb::run, id, id}).size(), id <= kScriptsAtOnce ? 1U : 0U) << id;
  }
  EXPECT_THAT(runs.asked({Verb::cancel, kScriptsAtOnce + 1, 0}), IsEmpty());
  EXPECT_EQ(runs.gone(5, true), Actions{started(kScriptsAtOnce + 2)});
  runs.remove({kScriptsAtOnce + 3});
  EXPECT_EQ(refused(runs.gone(6, true)), kScriptsAtOnce + 3);
  EXPECT_THAT(runs.gone(7, true), IsEmpty());
}

}  // namespace
}  // namespace lvs::nanny::runner
