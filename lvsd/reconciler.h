// lvsd's mind: when to read the core's table, what to change in it, when to try again, whom to ask
// about health.
//
// It keeps four things and brings them together: the configuration, the verdicts, the table as it
// believes the core has it, and the services that are ours. Whatever changes marks the table as
// due; due work is gathered for a few milliseconds (ten thousand first verdicts are one plan, not
// ten thousand), planned, and handed out as one ApplyOps. An operation that fails is retried by
// itself with backoff, after the table has been read again. Every few seconds the table is read
// anyway: what somebody else changed in our services is drift, counted and repaired.
//
// nanny: away --StartNanny--> starting --NannyUp--> up --NannyGone--> waiting (backoff, verdicts
//        kept) --time--> starting
// role:  unsaid (armed as found, adopted from a former life) --RoleSaid--> active or standby, asked
//        for again until it is so
//
// The kernel's ip_vs has no switch. There a role is a matter of what is in the table, of sync
// daemons and sysctls (held_back, sync_daemons, host_settings), and counts as armed once all of it
// is asked for.
//
// Ready: the configuration is applied as far as the core accepts it, and either the table was
// adopted complete, or nanny has answered for every monitor, or has run for kFirstVerdicts.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/backoff.h"
#include "common/config/model.h"
#include "common/log.h"
#include "common/monitor.h"
#include "common/result.h"
#include "lvsd/desired.h"
#include "lvsd/host_settings.h"
#include "lvsd/monitors.h"
#include "lvsd/owned.h"
#include "lvsd/plan.h"
#include "lvsd/retries.h"
#include "lvsd/shared_config.h"

namespace lvs::lvsd {

constexpr Duration kGather = std::chrono::milliseconds{5};
constexpr Duration kDriftCheck = std::chrono::seconds{5};
constexpr Duration kDrainCheck = std::chrono::seconds{1};
constexpr Duration kReadRetry = std::chrono::seconds{1};  // After one failure; then twice that ...
constexpr Duration kReadRetryMax = std::chrono::seconds{8};
constexpr Duration kFirstVerdicts = std::chrono::seconds{3};
constexpr Duration kNannyRestartFirst = std::chrono::milliseconds{100};
constexpr Duration kNannyRestartMax = std::chrono::seconds{5};
constexpr Duration kNannyProven =
    std::chrono::seconds{10};  // After this long a restart begins at the first wait.
static_assert(kGather < kNannyRestartFirst && kDrainCheck < kDriftCheck);

// The core's table with the connections that each server holds now, what else the core was told,
// and the addresses of the director.
struct Snapshot {
  ipvs::Table table;
  std::map<ServerId, uint32_t> connections;
  ipvs::Timeouts timeouts;
  SyncDaemons daemons;
  std::set<Address> own_addresses;
};

// Events.
struct Started {
  SharedConfig config;
  Owned owned;         // From the record of a former life.
  bool armed = false;  // As the core was found.
};
struct Configured {
  SharedConfig config;
};
struct ReloadFailed {
  std::string what;
};
struct TableRead {
  Result<Snapshot> snapshot;
};
struct OpsDone {
  std::vector<ipvs::Request> ops;
  OpErrors errors;
};
struct MarksDone {
  Result<std::vector<std::string>> warnings;  // What is odd about the marks that are set.
};
struct SysctlsDone {
  Result<Ok> done;
};
struct RoleSaid {
  bool active;
};
struct ArmDone {
  Result<bool> armed;
};
struct NannyUp {
  int pid;
};
struct NannyGone {
  std::string reason;
};
struct VerdictHeard {
  Verdict verdict;
};
struct Timer {};
using Event = std::variant<Started, Configured, ReloadFailed, TableRead, OpsDone, MarksDone,
                           SysctlsDone, RoleSaid, ArmDone, NannyUp, NannyGone, VerdictHeard, Timer>;

// Actions.
struct ReadTable {
  bool operator==(const ReadTable&) const = default;
};
struct ApplyOps {
  std::vector<ipvs::Request> ops;
  bool operator==(const ApplyOps&) const = default;
};
struct SaveOwned {
  Owned owned;
  bool operator==(const SaveOwned&) const = default;
};
struct SetInterfaces {
  std::vector<std::string> interfaces;
  bool operator==(const SetInterfaces&) const = default;
};
struct SetSysctls {
  std::vector<Sysctl> wanted;
  bool operator==(const SetSysctls&) const = default;
};
struct ApplyMarks {
  SharedConfig config;
  bool operator==(const ApplyMarks&) const = default;
};
struct ArmCore {
  bool armed;
  bool operator==(const ArmCore&) const = default;
};
struct StartNanny {
  std::string client_monitor;  // The configured path, or empty.
  bool operator==(const StartNanny&) const = default;
};
struct StopNanny {
  bool operator==(const StopNanny&) const = default;
};
struct SendMonitorOrders {
  std::vector<MonitorOrder> orders;
  bool operator==(const SendMonitorOrders&) const = default;
};
struct Log {
  LogEvent event;
  bool operator==(const Log&) const = default;
};
using Action = std::variant<ReadTable, ApplyOps, SaveOwned, SetInterfaces, SetSysctls, ApplyMarks,
                            ArmCore, StartNanny, StopNanny, SendMonitorOrders, Log>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;
};

class Reconciler {
 public:
  Step step(const Event& event, TimePoint now);

  // What is, for status and plan.
  struct HeardVerdict {
    Verdict verdict;
    TimePoint since;  // Of the present health.
  };
  const config::Config& config() const { return config_; }
  const Desired& wanted() const { return desired_; }
  const std::optional<ipvs::Table>& actual() const { return actual_; }
  const std::map<ServerId, uint32_t>& connections() const { return connections_; }
  const SyncDaemons& daemons() const { return daemons_; }
  const Retries& retries() const { return retries_; }
  const HeardVerdict* verdict_of(const ServerId& id) const;
  std::vector<ipvs::Request> pending() const;  // What would be applied now.
  std::vector<ipvs::Request> plan_for(
      const config::Config& config) const;  // What a reload would do.
  bool is_ready(TimePoint now) const;
  bool armed() const { return armed_; }
  std::optional<bool> role() const { return role_; }
  std::optional<int> nanny_pid() const { return nanny_pid_; }
  uint64_t nanny_restarts() const { return nanny_restarts_; }
  uint64_t writes() const { return writes_; }  // Operations that the core was asked for.
  uint64_t drifts() const { return drifts_; }
  uint64_t repairs() const { return repairs_; }
  const std::string& core_error() const { return core_error_; }
  const std::string& marks_error() const { return marks_error_; }
  const std::string& sysctls_error() const { return sysctls_error_; }
  const std::vector<std::string>& mark_warnings() const { return mark_warnings_; }
  const std::string& reload_error() const { return reload_error_; }

 private:
  void on(const Started& event);
  void on(const Configured& event);
  void on(const ReloadFailed& event);
  void on(const TableRead& event);
  void on(const OpsDone& event);
  void on(const MarksDone& event);
  void on(const SysctlsDone& event);
  void on(const RoleSaid& event);
  void on(const ArmDone& event);
  void on(const NannyUp& event);
  void on(const NannyGone& event);
  void on(const VerdictHeard& event);
  void on(const Timer& event);

  void take_configuration(const SharedConfig& config);
  void set_sysctls();
  void apply_marks();
  void take_mark_warnings(const std::vector<std::string>& warnings);
  void announce_services(const config::Config& before);
  void begin_draining(const config::Config& before);
  bool end_draining(const Snapshot& snapshot);
  bool is_news_in(const Snapshot& snapshot) const;
  bool is_as_configured() const;
  void note_unreadable(const Error& error);
  void note_drift(const ipvs::Table& read);
  void settle();
  std::vector<ipvs::Request> changes(const config::Config& config,
                                     std::vector<ipvs::Request> table) const;
  void want_all();
  void want(const std::set<ipvs::ServiceKey>& services);
  void own_wanted();
  void take_done(const ipvs::Request& request);
  Desired desired_for(const config::Config& config, const HealthOf& health_of,
                      const std::set<ServerId>& draining) const;
  bool is_switched_off(const config::Config& config) const;
  void own(Owned owned);
  void disown_removed();
  void arm_kernel();
  void set_armed(bool armed);
  bool wants_nanny() const;
  void keep_nanny();
  void announce_monitors(const MonitorSet& before);
  HealthOf health_by(const MonitorSet& monitors) const;
  std::set<ServerId> draining_servers() const;
  void request_read();
  void mark_due();
  void mark_due(const ipvs::ServiceKey& service);
  void arm_due();
  bool has_looked() const;
  bool waits_for_core() const;
  void log(LogEvent event);
  std::optional<TimePoint> wake_at() const;

  TimePoint now_;
  std::vector<Action> actions_;

  SharedConfig config_;
  std::map<ipvs::ServiceKey, const config::VirtualService*> services_;  // Of config_.
  bool started_ = false;
  MonitorSet monitors_;
  std::map<MonitorId, HeardVerdict> verdicts_;
  Owned owned_;
  std::map<ServerId, TimePoint> draining_;  // Until when at most.

  std::optional<ipvs::Table> actual_;  // As we believe it; nothing: never read.
  std::map<ServerId, uint32_t> connections_;
  ipvs::Timeouts timeouts_;
  SyncDaemons daemons_;
  std::set<Address> own_addresses_;
  Desired desired_;
  Retries retries_;
  bool applying_ = false;
  bool reading_ = false;
  bool expects_surprise_ = false;  // The read follows a failure: differences are no drift.
  bool applied_once_ = false;
  bool adopted_ = false;
  std::optional<TimePoint> due_at_;
  bool all_due_ = false;  // Else only these:
  std::set<ipvs::ServiceKey> due_services_;
  TimePoint settled_at_;
  TimePoint read_at_;
  Backoff read_backoff_{kReadRetry, kReadRetryMax};

  std::optional<bool> role_;
  bool armed_ = false;

  bool nanny_starting_ = false;
  std::optional<int> nanny_pid_;
  TimePoint nanny_since_;
  std::optional<TimePoint> nanny_first_up_;
  std::optional<TimePoint> nanny_restart_at_;
  Backoff nanny_backoff_{kNannyRestartFirst, kNannyRestartMax};
  uint64_t nanny_restarts_ = 0;

  std::optional<TimePoint> marks_at_;  // The next look at the mark rules.
  Backoff marks_backoff_{kRetryFirst, kRetryMax};

  uint64_t writes_ = 0;
  uint64_t drifts_ = 0;
  uint64_t repairs_ = 0;
  std::string core_error_;
  std::string marks_error_;
  std::optional<std::vector<Sysctl>> sysctls_set_;  // Nothing: to be set at the next occasion.
  std::string sysctls_error_;
  std::vector<std::string> mark_warnings_;
  std::string reload_error_;
};

}  // namespace lvs::lvsd
