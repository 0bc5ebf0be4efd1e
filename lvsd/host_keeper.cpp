#include "lvsd/host_keeper.h"

#include <algorithm>
#include <utility>

#include "lvsd/marks.h"

namespace lvs::lvsd {

// Also a file that asks for nothing new is an occasion to try again what failed.
void HostKeeper::take(const SharedConfig& config, TimePoint now) {
  const bool is_same = config_ && has_same_marks(*config_, config);
  if (!is_same || !marks_error_.empty()) {
    marks_backoff_.reset();
    marks_at_ = now;
  }
  config_ = config;
  if (!config->manage_sysctls) {
    sysctls_set_.reset();
    sysctls_error_.clear();
  }
  if (lacks_sysctls()) {
    suspect_sysctls();
  }
}

bool HostKeeper::has_tried_marks() const {
  return marks_seen_at_ || !config_ || !has_marks(*config_);
}

void HostKeeper::keep_marks(TimePoint now, Actions& actions) {
  if (marks_at_ && *marks_at_ <= now) {
    marks_at_.reset();
    actions.push_back(ApplyMarks{*config_});
  }
}

void HostKeeper::on(const MarksTouched&, TimePoint now) {
  if (marks_at_) {
    const TimePoint soon = marks_seen_at_ ? std::max(now, *marks_seen_at_ + kMarksPause) : now;
    marks_at_ = std::min(*marks_at_, soon);
  } else {
    are_marks_touched_ = true;
  }
}

void HostKeeper::on(const MarksDone& event, TimePoint now, Actions& actions) {
  marks_seen_at_ = now;
  const bool is_touched = std::exchange(are_marks_touched_, false);
  if (event.warnings) {
    take_warnings(*event.warnings, actions);
    marks_error_.clear();
    marks_backoff_.reset();
    if (has_marks(*config_)) {
      marks_at_ = now + (is_touched ? kMarksPause : kDriftCheck);
    }
    return;
  }
  const std::string& error = event.warnings.error().what;
  if (marks_error_ != error) {
    actions.push_back(Log{{Level::error, "marks-failed", "", {{"error", error}}}});
  }
  marks_error_ = error;
  marks_at_ = now + marks_backoff_.failed();
}

// Each is logged when it is new.
void HostKeeper::take_warnings(const std::vector<std::string>& warnings, Actions& actions) {
  for (const auto& warning : warnings) {
    if (std::find(mark_warnings_.begin(), mark_warnings_.end(), warning) == mark_warnings_.end()) {
      actions.push_back(Log{{Level::warning, "marks", "", {{"warning", warning}}}});
    }
  }
  mark_warnings_ = warnings;
}

void HostKeeper::forget_sysctls() {
  sysctls_set_.reset();
  sysctls_suspect_ = true;
}

// ip_vs has its switches only while it is loaded, and one of them depends on the role.
void HostKeeper::keep_sysctls(std::optional<bool> role, const std::set<Address>& own,
                              Actions& actions) {
  const config::Config& config = *config_;
  const bool is_early = config.core == config::CoreKind::kernel && !role;
  if (is_early || !sysctls_suspect_) {
    return;
  }
  sysctls_suspect_ = false;
  auto wanted = host_settings(config, role, own);
  sysctls_watched_ = wanted;
  if (config.core == config::CoreKind::embedded || !config.manage_sysctls) {
    std::erase_if(sysctls_watched_, is_of_core);
  }
  if (config.manage_sysctls && sysctls_set_ != wanted) {
    sysctls_set_ = wanted;
    actions.push_back(SetSysctls{std::move(wanted)});
  }
}

bool HostKeeper::on(const SysctlsDone& event, Actions& actions) {
  std::string error =
      event.done ? "" : event.done.error().what + " (manage_sysctls = 0 leaves them to you)";
  if (!error.empty()) {
    sysctls_set_.reset();
  }
  if (sysctls_error_ == error) {
    return false;
  }
  if (!error.empty()) {
    actions.push_back(Log{{Level::error, "sysctls-failed", "", {{"error", error}}}});
  }
  sysctls_error_ = std::move(error);
  return true;
}

void HostKeeper::watch_sysctls(TimePoint now, Actions& actions) {
  if (sysctls_watched_.empty()) {
    sysctls_at_.reset();
    return;
  }
  if (!sysctls_at_ || *sysctls_at_ <= now) {
    sysctls_at_ = now + kSysctlCheck;
    actions.push_back(CheckSysctls{sysctls_watched_});
  }
}

bool HostKeeper::on(const SysctlsFound& event, TimePoint now, Actions& actions) {
  std::string found;
  for (const auto& other : event.others) {
    found += (found.empty() ? "" : ", ") + other.name + " is " + other.value;
  }
  const bool manages = (*config_)->manage_sysctls;
  if (manages && (found.empty() || !sysctls_set_)) {
    return false;  // What could not be set is tried again at its own pace.
  }
  if (!manages) {
    const std::string error =
        found.empty() ? ""
                      : found +
                            ": this configuration is not served (with manage_sysctls = 0 they are "
                            "yours to set)";
    if (!error.empty() && error != sysctls_error_) {
      actions.push_back(Log{{Level::error, "sysctls-wrong", "", {{"error", error}}}});
    }
    sysctls_error_ = error;
    return false;
  }
  sysctl_repairs_ += 1;
  if (!sysctl_drift_told_at_ || now - *sysctl_drift_told_at_ >= kSysctlDriftToldAgain) {
    sysctl_drift_told_at_ = now;
    actions.push_back(Log{{Level::warning,
                           "sysctl-drift",
                           "",
                           {{"found", found}, {"repairs", std::to_string(sysctl_repairs_)}}}});
  }
  forget_sysctls();
  return true;
}

std::optional<TimePoint> HostKeeper::wake_at() const {
  if (marks_at_ && sysctls_at_) {
    return std::min(*marks_at_, *sysctls_at_);
  }
  return marks_at_ ? marks_at_ : sysctls_at_;
}

void HostKeeper::leave_other_core(Actions& actions) {
  if (!has_left_other_core_) {
    actions.push_back(LeaveOtherCore{});
  }
}

void HostKeeper::on(const OtherCoreLeft& event, Actions& actions) {
  has_left_other_core_ = static_cast<bool>(event.done);
  const std::string error =
      event.done ? ""
                 : event.done.error().what +
                       " (what lvsd made in the other core goes on; tried again at each look)";
  if (!error.empty() && error != other_core_error_) {
    actions.push_back(Log{{Level::error, "other-core-stays", "", {{"error", error}}}});
  }
  other_core_error_ = error;
}

}  // namespace lvs::lvsd
