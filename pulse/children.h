// The keeper's one decision: which of its two children runs, and when a dead one is started again.
// The arbiter comes first (it reads the configuration; when it refuses, nothing was touched), lvsd
// follows once the arbiter runs. A child that dies is started again at once; one that keeps dying
// waits longer each time, but is never given up. To stop: TERM to the arbiter (it hands over and
// removes the addresses), then TERM to lvsd, KILL for the one that ignores it.
//
// A child that does not answer its pings is frozen: it is killed, and then is one that died.
//   arbiter  1.8 s and at most one pause more. It never waits for anything. With deadtime = 6 s and
//            more it is back while its addresses live: they have at least three quarters of the
//            lease (deadtime - 1 s), less the second that the kernel rounds away. It adopts them,
//            and the service does not move. What its predecessor may not have announced, it does.
//   lvsd     6 s. Forwarding needs no lvsd, health checks do. It is back before the director counts
//            as not able (lvsd_grace, 10 s after 3 s without an answer), so the service does not
//            move.
// The init system's watchdog is fed as long as each child runs or is started again. A child that
// can neither be started nor killed for kHelplessAfter is beyond us: perhaps a new keeper can.
//
//               Started         ChildReady(arbiter)   ChildExited            StopAsked       Timer
// starting      spawn arbiter   -> running, spawn lvsd  -> ended (status)    -> stopping
// running                                             start again later      -> stopping     start
// again stopping                                            next child, or ended KILL
#pragma once

#include <array>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/liveness.h"
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

constexpr Duration kStartPatience = std::chrono::seconds{60};  // Until the first answer.
constexpr Duration kArbiterPingPause = std::chrono::milliseconds{300};
constexpr Duration kLvsdPingPause = std::chrono::seconds{1};
constexpr int kPingsUnanswered = 6;
constexpr Duration kHelplessAfter = std::chrono::seconds{15};

struct Started {};
struct SpawnFailed {
  Child child;
  std::string error;
};
struct ChildReady {
  Child child;
};
struct PongHeard {
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
using Event = std::variant<Started, SpawnFailed, ChildReady, PongHeard, ChildExited, TimerFired,
                           StopAsked, ReloadAsked>;

struct SpawnChild {
  Child child;
  // With the configuration that its predecessor ran with: a file that is being edited counts when
  // the operator says so, not when a process happens to die.
  bool goes_on = false;
  bool operator==(const SpawnChild&) const = default;
};
struct PingChild {
  Child child;
  bool operator==(const PingChild&) const = default;
};
struct FeedWatchdog {
  bool operator==(const FeedWatchdog&) const = default;
};
struct SignalChild {
  Child child;
  int signal;
  bool operator==(const SignalChild&) const = default;
};
// lvsd ended by itself (KILL and TERM come from somebody else) or froze: the arbiter counts these
// towards "not able".
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
using Action = std::variant<SpawnChild, PingChild, SignalChild, ReportLvsdFailure, TellReady,
                            TellStopping, FeedWatchdog, End, LogEvent>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;
};

class Children {
 public:
  // `feed_pause`: between two feedings of the watchdog, where there is one.
  explicit Children(std::optional<Duration> feed_pause = {}) : feed_pause_(feed_pause) {}
  Step step(const Event& event, TimePoint now);
  int restarts(Child child) const { return life(child).restarts; }

 private:
  enum class Phase { starting, running, stopping, ended };
  struct Life {
    bool alive = false;
    Liveness liveness;
    std::optional<TimePoint> out_of_hand_since;  // Cannot be started, or not be killed.
    TimePoint started_at;
    std::optional<TimePoint> restart_at;
    int deaths_in_a_row = 0;
    int restarts = 0;
    bool reads_the_file = true;  // When it is started next: none has run with it yet.
  };

  static Liveness liveness_of(Duration pause) {
    return {{pause, kPingsUnanswered}, {pause, static_cast<int>(kStartPatience / pause)}};
  }
  void on(const Started&, TimePoint now);
  void on(const SpawnFailed& event, TimePoint now);
  void on(const ChildReady& event, TimePoint now);
  void on(const PongHeard& event, TimePoint now);
  void on(const ChildExited& event, TimePoint now);
  void on(const TimerFired&, TimePoint now);
  void on(const StopAsked& event, TimePoint now);
  void on(const ReloadAsked&, TimePoint now);
  void spawn(Child child, TimePoint now);
  void take_leave(const ChildExited& event, TimePoint now);
  Duration plan_restart(Child child, TimePoint now);
  void restart_when_due(Child child, TimePoint now);
  void ask_whether_it_lives(Child child, TimePoint now);
  void feed_watchdog(TimePoint now);
  void kill_who_ignores_term(TimePoint now);
  void replace_arbiter(const ChildExited& event, TimePoint now);
  void stop_next(TimePoint now);
  std::optional<TimePoint> next_deadline() const;
  Life& life(Child child) { return lives_[static_cast<size_t>(child)]; }
  const Life& life(Child child) const { return lives_[static_cast<size_t>(child)]; }

  Phase phase_ = Phase::starting;
  std::array<Life, 2> lives_{Life{.liveness = liveness_of(kArbiterPingPause)},
                             Life{.liveness = liveness_of(kLvsdPingPause)}};
  std::optional<Duration> feed_pause_;
  std::optional<TimePoint> feed_at_;
  std::optional<TimePoint> kill_at_;
  bool is_arbiter_replaced_ = false;  // While it was to stop.
  std::vector<Action> actions_;
};

}  // namespace lvs::pulse::keeper
