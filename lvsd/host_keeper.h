// What lvsd keeps in order on the host beside the core's table: the mark rules, the sysctls, and
// that no other core goes on. When to see to each, when to try again, what to say about it.
//
// Mark rules are set when those that the configuration wants are not what they were, and looked
// while there are any: at once when somebody took something out of their table, as `nft flush
// ruleset` does, and after every kDriftCheck, since iptables-legacy tells nobody. Sysctls are
// set when what is wanted of them changes; those that could not be set are tried again. Those that
// forwarding rests on are looked after all the time: a `sysctl -p` or a container engine that puts
// one back costs all traffic. It is set again, or with `manage_sysctls = 0` told. The core
// that the configuration named before is left when the chosen one is known to be there: until then
// it may well be serving.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/backoff.h"
#include "lvsd/events.h"

namespace lvs::lvsd {

constexpr Duration kDriftCheck = std::chrono::seconds{5};
// Between two looks, whoever goes on taking the mark rules away; our own writing is told to us,
// too.
constexpr Duration kMarksPause = std::chrono::seconds{1};
constexpr Duration kSysctlCheck = std::chrono::milliseconds{500};
constexpr Duration kSysctlDriftToldAgain = std::chrono::minutes{1};

class HostKeeper {
 public:
  void take(const SharedConfig& config, TimePoint now);
  void keep_marks(TimePoint now, Actions& actions);
  // The wanted sysctls may be others than before.
  void suspect_sysctls() { sysctls_suspect_ = true; }
  // As a new ip_vs has them: as they were never set.
  void forget_sysctls();
  // The chosen core has answered.
  void leave_other_core(Actions& actions);
  void keep_sysctls(std::optional<bool> role, const std::set<Address>& own, Actions& actions);

  void watch_sysctls(TimePoint now, Actions& actions);

  void on(const MarksDone& event, TimePoint now, Actions& actions);
  void on(const MarksTouched& event, TimePoint now);
  // Whether it went otherwise than the time before.
  bool on(const SysctlsDone& event, Actions& actions);

  // Whether some are to be set again.
  bool on(const SysctlsFound& event, TimePoint now, Actions& actions);
  void on(const OtherCoreLeft& event, Actions& actions);

  bool lacks_sysctls() const { return config_ && (*config_)->manage_sysctls && !sysctls_set_; }
  // Whether the rules that the configuration wants stand, or have failed once; without any: yes.
  bool has_tried_marks() const;
  const std::string& marks_error() const { return marks_error_; }
  const std::vector<std::string>& mark_warnings() const { return mark_warnings_; }
  const std::string& sysctls_error() const { return sysctls_error_; }
  uint64_t sysctl_repairs() const { return sysctl_repairs_; }
  const std::string& other_core_error() const { return other_core_error_; }
  std::optional<TimePoint> wake_at() const;

 private:
  void take_warnings(const std::vector<std::string>& warnings, Actions& actions);

  std::optional<SharedConfig> config_;

  std::optional<TimePoint>
      marks_at_;  // The next look at the rules; nothing while one is under way.
  std::optional<TimePoint> marks_seen_at_;  // The end of the last one.
  bool are_marks_touched_ = false;          // While one was under way.
  Backoff marks_backoff_{kRetryFirst, kRetryMax};
  std::string marks_error_;
  std::vector<std::string> mark_warnings_;

  bool sysctls_suspect_ = true;
  std::optional<std::vector<Sysctl>> sysctls_set_;  // Nothing: not, or in vain.
  std::vector<Sysctl> sysctls_watched_;
  std::optional<TimePoint> sysctls_at_;  // The next look at them.
  std::optional<TimePoint> sysctl_drift_told_at_;
  uint64_t sysctl_repairs_ = 0;
  std::string sysctls_error_;

  bool has_left_other_core_ = false;
  std::string other_core_error_;
};

}  // namespace lvs::lvsd
