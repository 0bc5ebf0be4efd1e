// Which scripts run now. One monitor has one run at a time, all of them together kScriptsAtOnce;
// the others wait in the order in which they were asked for. A run lasts until nothing of it is
// left: one that was cancelled, or whose processes cannot be killed, keeps its place so long.
//
//   asked -> waiting -> running -> gone            told: by whoever supervises it
//                          \-- cancelled -> gone   told: nothing
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "nanny/runner/wire.h"

namespace lvs::nanny::runner {

constexpr size_t kScriptsAtOnce = 64;

struct Script {
  std::vector<std::string> words;
  std::string user;  // Empty: the runner's own.
  Duration timeout{0};
  bool operator==(const Script&) const = default;
};

// What is to be done.
struct StartRun {
  RunId run;
  Script script;
  bool operator==(const StartRun&) const = default;
};
struct StopRun {
  RunId run;
  bool operator==(const StopRun&) const = default;
};
struct TellEnd {
  ScriptAnswer answer;
  bool operator==(const TellEnd&) const = default;
};
using Action = std::variant<StartRun, StopRun, TellEnd>;
using Actions = std::vector<Action>;

class Runs {
 public:
  // What lvsd says; monitors that are not scripts are not ours.
  void set(const SetMonitor& order);
  void remove(const RemoveMonitor& order) { scripts_.erase(order.id); }

  Actions asked(const ScriptRequest& request);
  // Nothing of it is left. Not told: its supervisor came to an end that was not its own.
  Actions gone(RunId run, bool told);

 private:
  struct Running {
    MonitorId monitor;
    bool cancelled = false;
  };
  struct Waiting {
    RunId run;
    MonitorId monitor;
  };

  Actions run(RunId run, MonitorId monitor);
  Actions cancel(RunId run);
  bool is_waiting(MonitorId monitor) const;
  Actions start_waiting();

  std::map<MonitorId, Script> scripts_;
  std::map<RunId, Running> running_;
  std::map<MonitorId, RunId> busy_;  // The run of each monitor that has one.
  std::deque<Waiting> waiting_;
};

}  // namespace lvs::nanny::runner
