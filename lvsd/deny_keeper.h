// The clients that lvs.cf denies, as the core has them: given to it when lvsd starts and whenever
// the list changes. What the kernel refuses of it is an alarm for as long as that lasts, and tried
// again with backoff; a reload is an occasion to try at once.
#pragma once

#include <optional>
#include <string>

#include "common/backoff.h"
#include "lvsd/events.h"

namespace lvs::lvsd {

class DenyKeeper {
 public:
  // With the kernel's ip_vs there is nobody to give it to.
  void take(const SharedConfig& config, TimePoint now);
  void keep(TimePoint now, Actions& actions);
  void on(const DenyDone& event, TimePoint now, Actions& actions);

  const std::string& error() const { return error_; }
  std::optional<TimePoint> wake_at() const { return due_at_; }

 private:
  std::optional<SharedConfig> config_;
  std::optional<TimePoint> due_at_;
  Backoff backoff_{kRetryFirst, kRetryMax};
  std::string error_;
};

}  // namespace lvs::lvsd
