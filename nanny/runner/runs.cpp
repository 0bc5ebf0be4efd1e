#include "nanny/runner/runs.h"

#include <algorithm>
#include <cerrno>

namespace lvs::nanny::runner {
namespace {

Actions refuse(RunId run, int code, std::string why) {
  return {TellEnd{{run, {ScriptEnd::How::refused, code, "", std::move(why)}}}};
}

}  // namespace

void Runs::set(const SetMonitor& order) {
  const auto* check = std::get_if<config::ScriptCheck>(&order.monitor.check);
  if (check == nullptr) {
    scripts_.erase(order.id);
    return;
  }
  scripts_[order.id] = {script_words(check->command, order.monitor.target), check->user,
                        order.monitor.timeout};
}

Actions Runs::asked(const ScriptRequest& request) {
  return request.verb == ScriptRequest::Verb::run ? run(request.run, request.monitor)
                                                  : cancel(request.run);
}

Actions Runs::run(RunId run, MonitorId monitor) {
  const auto script = scripts_.find(monitor);
  if (script == scripts_.end()) {
    return refuse(run, ESRCH, "the script runner has not been told of it");
  }
  if (script->second.words.empty()) {
    return refuse(run, EINVAL, "no command");
  }
  const auto busy = busy_.find(monitor);
  const bool is_ending = busy != busy_.end() && running_.at(busy->second).cancelled;
  if ((busy != busy_.end() && !is_ending) || is_waiting(monitor) || running_.contains(run)) {
    return refuse(run, EBUSY, "processes of the last run cannot be killed");
  }
  waiting_.push_back({run, monitor});
  return start_waiting();
}

Actions Runs::cancel(RunId run) {
  std::erase_if(waiting_, [&](const Waiting& waiting) { return waiting.run == run; });
  const auto found = running_.find(run);
  if (found == running_.end() || std::exchange(found->second.cancelled, true)) {
    return {};
  }
  return {StopRun{run}};
}

Actions Runs::gone(RunId run, bool told) {
  const auto found = running_.find(run);
  if (found == running_.end()) {
    return {};
  }
  Actions actions;
  if (!told && !found->second.cancelled) {
    actions = refuse(run, ECHILD, "what supervised it was killed");
  }
  busy_.erase(found->second.monitor);
  running_.erase(found);
  for (auto& action : start_waiting()) {
    actions.push_back(std::move(action));
  }
  return actions;
}

bool Runs::is_waiting(MonitorId monitor) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& waiting) { return waiting.monitor == monitor; });
}

Actions Runs::start_waiting() {
  Actions actions;
  for (auto next = waiting_.begin(); next != waiting_.end() && running_.size() < kScriptsAtOnce;) {
    if (busy_.contains(next->monitor)) {
      ++next;
      continue;
    }
    const auto script = scripts_.find(next->monitor);
    if (script == scripts_.end()) {
      actions.push_back(refuse(next->run, ESRCH, "not wanted any more").front());
    } else {
      actions.push_back(StartRun{next->run, script->second});
      running_.emplace(next->run, Running{next->monitor});
      busy_.emplace(next->monitor, next->run);
    }
    next = waiting_.erase(next);
  }
  return actions;
}

}  // namespace lvs::nanny::runner
