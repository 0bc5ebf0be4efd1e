#include "pulse/children.h"

#include <algorithm>
#include <csignal>
#include <string>

namespace lvs::pulse::keeper {
namespace {

constexpr std::array kAll = {Child::arbiter, Child::lvsd};

// 0, 50, 100, 200 ... ms: the first death costs nothing, a child that cannot live does not burn the
// machine.
Duration restart_delay(int deaths_in_a_row) {
  if (deaths_in_a_row <= 1) {
    return Duration{0};
  }
  const int doublings = std::min(deaths_in_a_row - 2, 16);
  return std::min(kFirstRestartDelay * (1 << doublings), kRestartDelayMax);
}

LogEvent child_died(const ChildExited& event, Duration ran, Duration delay) {
  const std::string how = event.by_signal ? "signal" : "status";
  return {Level::error,
          "child-died",
          "",
          {{"child", name_of(event.child)},
           {how, std::to_string(event.code)},
           {"ran_ms", std::to_string(to_ms(ran).count())},
           {"restart_in_ms", std::to_string(to_ms(delay).count())}}};
}

bool ended_by_itself(const ChildExited& event) {
  return !event.by_signal || (event.code != SIGKILL && event.code != SIGTERM);
}

}  // namespace

const char* name_of(Child child) {
  return child == Child::arbiter ? "arbiter" : "lvsd";
}

Step Children::step(const Event& event, TimePoint now) {
  actions_.clear();
  std::visit([&](const auto& e) { on(e, now); }, event);
  return {actions_, next_deadline()};
}

void Children::on(const Started&, TimePoint now) {
  if (feed_pause_) {
    feed_at_ = now + *feed_pause_;
  }
  spawn(Child::arbiter, now);
}

void Children::on(const ChildReady& event, TimePoint now) {
  life(event.child).reads_the_file = false;
  if (phase_ != Phase::starting || event.child != Child::arbiter) {
    return;
  }
  phase_ = Phase::running;
  actions_.push_back(TellReady{});
  spawn(Child::lvsd, now);
}

void Children::on(const PongHeard& event, TimePoint) {
  life(event.child).reads_the_file = false;
  life(event.child).liveness.answered_next();
  life(event.child).out_of_hand_since.reset();
  if (phase_ == Phase::stopping && event.child == Child::arbiter && is_arbiter_replaced_) {
    life(event.child).liveness.gone();
    actions_.push_back(SignalChild{event.child, SIGTERM});
  }
}

void Children::on(const SpawnFailed& event, TimePoint now) {
  Life& missing = life(event.child);
  missing.alive = false;
  missing.liveness.gone();
  if (!missing.out_of_hand_since) {
    missing.out_of_hand_since = now;
  }
  LogEvent failed{
      Level::error, "spawn-failed", "", {{"child", name_of(event.child)}, {"error", event.error}}};
  if (phase_ == Phase::running) {
    const Duration delay = plan_restart(event.child, now);
    failed.fields.emplace_back("again_in_ms", std::to_string(to_ms(delay).count()));
  }
  actions_.push_back(std::move(failed));
  if (phase_ == Phase::starting) {
    phase_ = Phase::ended;
    actions_.push_back(End{1});
  } else if (phase_ == Phase::stopping) {
    stop_next(now);
  }
}

void Children::on(const ChildExited& event, TimePoint now) {
  life(event.child).alive = false;
  life(event.child).liveness.gone();
  life(event.child).out_of_hand_since.reset();
  switch (phase_) {
    case Phase::starting:
      phase_ = Phase::ended;
      actions_.push_back(End{!event.by_signal && event.code != 0 ? event.code : 1});
      return;
    case Phase::running:
      take_leave(event, now);
      return;
    case Phase::stopping:
      if (event.child == Child::arbiter && (event.by_signal || event.code != 0) &&
          !is_arbiter_replaced_) {
        return replace_arbiter(event, now);
      }
      stop_next(now);
      return;
    case Phase::ended:
      return;
  }
}

// It died before it had let go of its addresses. The next one finds them, and is told to stop as
// soon as it hears.
void Children::replace_arbiter(const ChildExited& event, TimePoint now) {
  is_arbiter_replaced_ = true;
  actions_.push_back(child_died(event, now - life(Child::arbiter).started_at, Duration{0}));
  spawn(Child::arbiter, now);
  kill_at_ = now + kStopPatience;
}

void Children::on(const TimerFired&, TimePoint now) {
  feed_watchdog(now);
  kill_who_ignores_term(now);
  for (const Child child : kAll) {
    restart_when_due(child, now);
    ask_whether_it_lives(child, now);
  }
}

void Children::restart_when_due(Child child, TimePoint now) {
  if (life(child).restart_at && *life(child).restart_at <= now) {
    ++life(child).restarts;
    spawn(child, now);
  }
}

void Children::ask_whether_it_lives(Child child, TimePoint now) {
  Life& asked = life(child);
  switch (asked.liveness.due(now)) {
    case Liveness::Due::nothing:
      return;
    case Liveness::Due::ping:
      actions_.push_back(PingChild{child});
      return;
    case Liveness::Due::frozen:
      actions_.push_back(LogEvent{Level::error,
                                  "child-frozen",
                                  "",
                                  {{"child", name_of(child)},
                                   {"unanswered", std::to_string(asked.liveness.unanswered())},
                                   {"action", "killed"}}});
      asked.liveness.gone();
      asked.out_of_hand_since = now;
      actions_.push_back(SignalChild{child, SIGKILL});
      if (child == Child::lvsd) {
        actions_.push_back(ReportLvsdFailure{});
      }
  }
}

void Children::feed_watchdog(TimePoint now) {
  if (!feed_at_ || *feed_at_ > now) {
    return;
  }
  feed_at_ = now + *feed_pause_;
  for (const Child child : kAll) {
    const auto since = life(child).out_of_hand_since;
    if (since && now - *since >= kHelplessAfter) {
      actions_.push_back(
          LogEvent{Level::error, "watchdog-not-fed", "", {{"child", name_of(child)}}});
      return;
    }
  }
  actions_.push_back(FeedWatchdog{});
}

void Children::kill_who_ignores_term(TimePoint now) {
  if (!kill_at_ || *kill_at_ > now) {
    return;
  }
  kill_at_.reset();
  for (const Child child : kAll) {
    if (life(child).alive) {
      actions_.push_back(
          LogEvent{Level::error, "child-ignores-term", "", {{"child", name_of(child)}}});
      actions_.push_back(SignalChild{child, SIGKILL});
      return;
    }
  }
}

void Children::on(const StopAsked& event, TimePoint now) {
  if (phase_ == Phase::stopping || phase_ == Phase::ended) {
    return;
  }
  phase_ = Phase::stopping;
  actions_.push_back(LogEvent{
      Level::notice, "stop", "Terminating due to signal " + std::to_string(event.signal), {}});
  actions_.push_back(TellStopping{});
  for (const Child child : kAll) {
    life(child).restart_at.reset();
    life(child).liveness.gone();  // From here on it has its ten seconds.
  }
  stop_next(now);
}

void Children::on(const ReloadAsked&, TimePoint) {
  if (phase_ != Phase::running) {
    return;
  }
  for (const Child child : kAll) {
    if (life(child).alive) {
      actions_.push_back(SignalChild{child, SIGHUP});
    } else {
      life(child).reads_the_file = true;
    }
  }
}

void Children::spawn(Child child, TimePoint now) {
  life(child).alive = true;
  life(child).started_at = now;
  life(child).restart_at.reset();
  life(child).liveness.born(now);
  actions_.push_back(SpawnChild{child, !life(child).reads_the_file});
}

void Children::take_leave(const ChildExited& event, TimePoint now) {
  const Duration ran = now - life(event.child).started_at;
  const Duration delay = plan_restart(event.child, now);
  actions_.push_back(child_died(event, ran, delay));
  if (event.child == Child::lvsd && ended_by_itself(event)) {
    actions_.push_back(ReportLvsdFailure{});
  }
  if (delay == Duration{0}) {
    restart_when_due(event.child, now);
  }
}

Duration Children::plan_restart(Child child, TimePoint now) {
  Life& dead = life(child);
  dead.deaths_in_a_row = now - dead.started_at >= kStableAfter ? 1 : dead.deaths_in_a_row + 1;
  const Duration delay = restart_delay(dead.deaths_in_a_row);
  dead.restart_at = now + delay;
  return delay;
}

// The arbiter goes first: as long as it holds addresses, lvsd keeps the table behind them.
void Children::stop_next(TimePoint now) {
  for (const Child child : kAll) {
    if (life(child).alive) {
      actions_.push_back(SignalChild{child, SIGTERM});
      kill_at_ = now + kStopPatience;
      return;
    }
  }
  kill_at_.reset();
  phase_ = Phase::ended;
  actions_.push_back(End{0});
}

std::optional<TimePoint> Children::next_deadline() const {
  std::optional<TimePoint> next = kill_at_;
  const auto take = [&next](const std::optional<TimePoint>& at) {
    if (at && (!next || *at < *next)) {
      next = at;
    }
  };
  take(feed_at_);
  for (const Life& each : lives_) {
    take(each.restart_at);
    take(each.liveness.wake_at());
  }
  return next;
}

}  // namespace lvs::pulse::keeper
