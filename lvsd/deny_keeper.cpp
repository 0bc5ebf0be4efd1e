#include "lvsd/deny_keeper.h"

namespace lvs::lvsd {

void DenyKeeper::take(const SharedConfig& config, TimePoint now) {
  const bool is_other = !config_ || (*config_)->deny != config->deny;
  config_ = config;
  if (config->core == config::CoreKind::embedded && (is_other || !error_.empty())) {
    backoff_.reset();
    due_at_ = now;
  }
}

void DenyKeeper::keep(TimePoint now, Actions& actions) {
  if (due_at_ && *due_at_ <= now) {
    due_at_.reset();
    actions.push_back(SetDenied{(*config_)->deny});
  }
}

void DenyKeeper::on(const DenyDone& event, TimePoint now, Actions& actions) {
  const std::string error =
      event.done ? "" : event.done.error().what + " (not denied; tried again until it is)";
  if (error.empty()) {
    backoff_.reset();
    if (!error_.empty()) {
      actions.push_back(Log{{Level::notice, "deny-complete", "", {}}});
    }
  } else {
    due_at_ = now + backoff_.failed();
    if (error != error_) {
      actions.push_back(Log{{Level::error, "deny-failed", "", {{"error", error}}}});
    }
  }
  error_ = error;
}

}  // namespace lvs::lvsd
