// All monitors of a nanny as one core: which check starts when, what its end means, what to tell
// lvsd.
//
//            SetMonitor                ProbeDone                     Hold RemoveMonitor
//   absent   -> waiting (first delay)  -                             -                        -
//   waiting  same: stay; else anew     -                             none: stay; else held    ->
//   absent probing  same: stay; else cancel,  count; -> waiting (pause)     none: stay; else
//   cancel, cancel, -> absent
//            anew                                                    held
//   held     told at once              -                             none: -> waiting (now)   ->
//   absent
//
// WayChanged: what waits or is probing and lost its way is as if the check had failed so; what has
// it again is checked now. What was in use before stays told as cut, with a way, until a check has
// passed or it is down: one that could not be made, or a first failure, does not make it up.
//
// A check that could not be decided leaves the verdict as it was: an answering server is told as
// cut where this machine has no way to it, one that was not heard of yet as unknown, and every
// verdict is told again with the reason why it stands, and once more when a check decides again.
// So nobody waits for a first verdict without being told why there is none.
//
// A monitor has at most one check at a time, and all of them at most `probes_max`: the rest wait,
// the one that is due for longest first. A server that is down for another reason than before, or
// recovers from check to check, is reported again. A check that was cancelled cannot speak any
// more: its number is forgotten.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "common/log.h"
#include "common/monitor.h"
#include "common/rng.h"
#include "nanny/health.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kMonitorsMax = 100'000;

using ProbeId = uint64_t;

// What happens to the monitors.
struct ProbeDone {
  ProbeId probe;
  ProbeResult result;
};
enum class Hold { none, up, down };  // The operator's word for all servers; none: checks decide.
// This machine lost its way to these servers, or has it again.
struct WayChanged {
  std::vector<Address> servers;
  bool has_way;
  std::string reason;  // Why there is none.
};
struct Timer {};
using Event = std::variant<SetMonitor, RemoveMonitor, ProbeDone, Hold, WayChanged, Timer>;

// What is to be done.
struct StartProbe {
  ProbeId probe;
  MonitorId id;
  std::shared_ptr<const Monitor> monitor;
};
struct CancelProbe {
  ProbeId probe;
};
struct Report {
  Verdict verdict;
};
using Action = std::variant<StartProbe, CancelProbe, Report, LogEvent>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;
};

// Who tells the log that a server came or went: nanny by hand in Piranha's words; for lvsd, which
// says them itself for each service concerned, only at debug level.
enum class Announcer { nanny, lvsd };

class Monitors {
 public:
  Monitors(size_t probes_max, Rng rng, Announcer announcer)
      : probes_max_(probes_max), rng_(std::move(rng)), announcer_(announcer) {}
  Step step(const Event& event, TimePoint now);

 private:
  struct Running {
    ProbeId probe;
    TimePoint since;
  };
  struct Watched {
    std::shared_ptr<const Monitor> monitor;
    HealthCounter health;
    uint64_t checks = 0;             // Ended ones.
    std::optional<TimePoint> due;    // waiting
    std::optional<Running> running;  // probing
    std::string trouble;             // The kind logged last; empty while the server works.
    bool has_way = true;             // As told last.
    bool is_unproven = false;        // The way is back, and no check has passed since.
    bool stands = false;             // Told last: not checked, the verdict before stands.
  };

  void on(const SetMonitor& order, TimePoint now, Step& step);
  void on(const RemoveMonitor& order, TimePoint now, Step& step);
  void on(const ProbeDone& done, TimePoint now, Step& step);
  void on(const Hold& hold, TimePoint now, Step& step);
  void on(const WayChanged& change, TimePoint now, Step& step);
  void on(const Timer&, TimePoint, Step&) {}

  void count(MonitorId id, Watched& watched, const ProbeResult& result, Duration latency,
             Step& step);
  static Health told_of(const Watched& watched);
  void tell_of_the_way_back(MonitorId id, const Watched& watched, Step& step) const;
  void let_stand(MonitorId id, Watched& watched, const ProbeResult& result, Duration latency,
                 Step& step) const;
  void tell(const Endpoint& target, Verdict verdict, Step& step) const;
  void hold_now(MonitorId id, Watched& watched, Step& step);
  void halt(MonitorId id, Watched& watched, Step& step);
  void wait_until(MonitorId id, Watched& watched, TimePoint due);
  void start_due(TimePoint now, Step& step);

  size_t probes_max_;
  Rng rng_;
  Announcer announcer_;
  Hold hold_ = Hold::none;
  ProbeId last_probe_ = 0;
  std::map<MonitorId, Watched> watched_;
  std::map<ProbeId, MonitorId> running_;
  std::set<std::pair<TimePoint, MonitorId>> due_;
};

}  // namespace lvs::nanny
