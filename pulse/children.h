// The keeper's one decision: which of its two children runs, and when a dead one is started again.
// The arbiter comes first (it reads the configuration; when it refuses, nothing was touched), lvsd
// follows once the arbiter runs. A child that dies is started again at once; one that keeps dying
// waits longer each time, but is never given up. To stop: TERM to the arbiter (it hands over and
// removes the addresses), then TERM to lvsd, KILL for the one that ignores it.
//
//               Started         ChildReady(arbiter)   ChildExited            StopAsked       Timer
// starting      spawn arbiter   -> running, spawn lvsd  -> ended (status)    -> stopping
// running                                             start again later      -> stopping     start
// again stopping                                            next child, or ended KILL
#pragma once

#include <array>
#include <optional>
#include <variant>
#include <vector>

#include "common/log.h"
#include "common/time.h"

namespace lvs::pulse::keeper {

enum class Child { arbiter, lvsd };
const char* name_of(Child child);

constexpr Duration kFirstRestartDelay = std::chrono::milliseconds{50};
constexpr Duration kRestartDelayMax = std::chrono::seconds{2};
constexpr Duration kStableAfter =
    std::chrono::seconds{10};  // Ran that long: its next death is its first.
constexpr Duration kStopPatience = std::chrono::seconds{10};  // For each child, then KILL.

struct Started {};
struct ChildReady {
  Child child;
};
struct ChildExited {
  Child child;
  bool by_signal = false;
  int code = 0;  // Exit status or signal number.
};
struct TimerFired {};
struct StopAsked {
  int signal = 0;
};
struct ReloadAsked {};
using Event = std::variant<Started, ChildReady, ChildExited, TimerFired, StopAsked, ReloadAsked>;

struct SpawnChild {
  Child child;
  bool operator==(const SpawnChild&) const = default;
};
struct SignalChild {
  Child child;
  int signal;
  bool operator==(const SignalChild&) const = default;
};
// lvsd ended by itself (KILL and TERM come from somebody else): the arbiter counts these towards
// "not able".
struct ReportLvsdFailure {
  bool operator==(const ReportLvsdFailure&) const = default;
};
struct TellReady {
  bool operator==(const TellReady&) const = default;
};
struct TellStopping {
  bool operator==(const TellStopping&) const = default;
};
struct End {
  int status;
  bool operator==(const End&) const = default;
};
using Action = std::variant<SpawnChild, SignalChild, ReportLvsdFailure, TellReady, TellStopping,
                            End, LogEvent>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;
};

class Children {
 public:
  Step step(const Event& event, TimePoint now);
  int restarts(Child child) const { return life(child).restarts; }

 private:
  enum class Phase { starting, running, stopping, ended };
  struct Life {
    bool alive = false;
    TimePoint started_at;
    std::optional<TimePoint> restart_at;
    int deaths_in_a_row = 0;
    int restarts = 0;
  };

  void on(const Started&, TimePoint now);
  void on(const ChildReady& event, TimePoint now);
  void on(const ChildExited& event, TimePoint now);
  void on(const TimerFired&, TimePoint now);
  void on(const StopAsked& event, TimePoint now);
  void on(const ReloadAsked&, TimePoint now);
  void spawn(Child child, TimePoint now);
  void plan_restart(const ChildExited& event, TimePoint now);
  void stop_next(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  Life& life(Child child) { return lives_[static_cast<size_t>(child)]; }
  const Life& life(Child child) const { return lives_[static_cast<size_t>(child)]; }

  Phase phase_ = Phase::starting;
  std::array<Life, 2> lives_;
  std::optional<TimePoint> kill_at_;
  std::vector<Action> actions_;
};

}  // namespace lvs::pulse::keeper
