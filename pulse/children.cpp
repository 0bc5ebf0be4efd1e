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
  spawn(Child::arbiter, now);
}

void Children::on(const ChildReady& event, TimePoint now) {
  if (phase_ != Phase::starting || event.child != Child::arbiter) {
    return;
  }
  phase_ = Phase::running;
  actions_.push_back(TellReady{});
  spawn(Child::lvsd, now);
}

void Children::on(const ChildExited& event, TimePoint now) {
  life(event.child).alive = false;
  switch (phase_) {
    case Phase::starting:
      phase_ = Phase::ended;
      actions_.push_back(End{!event.by_signal && event.code != 0 ? event.code : 1});
      return;
    case Phase::running:
      plan_restart(event, now);
      return;
    case Phase::stopping:
      stop_next(now);
      return;
    case Phase::ended:
      return;
  }
}

void Children::on(const TimerFired&, TimePoint now) {
  if (phase_ == Phase::running) {
    for (const Child child : kAll) {
      if (life(child).restart_at && *life(child).restart_at <= now) {
        ++life(child).restarts;
        spawn(child, now);
      }
    }
    return;
  }
  if (kill_at_ && *kill_at_ <= now) {
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
    }
  }
}

void Children::spawn(Child child, TimePoint now) {
  life(child).alive = true;
  life(child).started_at = now;
  life(child).restart_at.reset();
  actions_.push_back(SpawnChild{child});
}

void Children::plan_restart(const ChildExited& event, TimePoint now) {
  Life& dead = life(event.child);
  const Duration ran = now - dead.started_at;
  dead.deaths_in_a_row = ran >= kStableAfter ? 1 : dead.deaths_in_a_row + 1;
  const Duration delay = restart_delay(dead.deaths_in_a_row);
  actions_.push_back(child_died(event, ran, delay));
  if (event.child == Child::lvsd && ended_by_itself(event)) {
    actions_.push_back(ReportLvsdFailure{});
  }
  if (delay == Duration{0}) {
    ++dead.restarts;
    spawn(event.child, now);
    return;
  }
  dead.restart_at = now + delay;
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
  for (const Life& each : lives_) {
    if (each.restart_at && (!next || *each.restart_at < *next)) {
      next = each.restart_at;
    }
  }
  return next;
}

}  // namespace lvs::pulse::keeper
