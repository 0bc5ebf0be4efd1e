// lvsd's mind: when to read the core's table, what to change in it, when to try again.
//
// It keeps four things and brings them together: the configuration, the health of the servers
// (health_watch), the table as it believes the core has it, and the services that are ours. The
// wanted table is not among them: it is a function of these, asked for one service at a time
// (desired). Whatever changes something - a verdict, a reload, a difference that was read, an
// operation that was done - names the services that it touches as due. Due work is gathered for a
// few milliseconds (ten thousand first verdicts are one plan, not ten thousand), planned, and
// handed out as one ApplyOps: so a change costs what it changes, however large the table is. Law:
// once nothing is due, planning all services anew gives nothing to do.
//
// An operation that fails is retried by itself with backoff, after the table has been read again.
// Every few seconds the table is read anyway: what somebody else changed in our services is drift,
// counted and repaired.
//
// role:  unsaid (armed as found, adopted from a former life) --RoleSaid--> active or standby, asked
//        for again until it is so
//
// The kernel's ip_vs has no switch. There a role is a matter of what is in the table, of sync
// daemons and sysctls (held_back, sync_daemons, host_settings), and counts as armed once all of it
// is asked for.
//
// Ready: the configuration is applied as far as the core accepts it, and either the table was
// adopted complete, or health_watch has heard enough.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lvsd/deny_keeper.h"
#include "lvsd/draining.h"
#include "lvsd/events.h"
#include "lvsd/health_watch.h"
#include "lvsd/host_keeper.h"
#include "lvsd/retries.h"
#include "lvsd/table_watch.h"
#include "lvsd/unserved.h"

namespace lvs::lvsd {

constexpr Duration kGather = std::chrono::milliseconds{5};
// A lost way is the way to several servers: the first one heard of must not be taken out of the
// table for the sake of the others, which are cut too.
constexpr Duration kGatherCut = std::chrono::milliseconds{20};
constexpr size_t kOpsAtOnce = 1'000;  // After so many operations no other service joins a batch.
constexpr Duration kDrainCheck = std::chrono::seconds{1};
static_assert(kGather < kNannyRestartFirst && kDrainCheck < kDriftCheck);

class Reconciler {
 public:
  Step step(Event event, TimePoint now);

  // What is, for status and plan.
  const config::Config& config() const { return config_; }
  const std::vector<std::string>& skipped() const { return skipped_; }
  Desired wanted() const;  // Made for this call; empty before the first reading.
  const std::optional<ipvs::Table>& actual() const { return actual_; }
  const SyncDaemons& daemons() const { return daemons_; }
  const Retries& retries() const { return retries_; }
  const HealthWatch& health() const { return health_; }
  const HostKeeper& host() const { return host_; }
  const std::string& deny_error() const { return deny_.error(); }
  std::vector<ipvs::Request> pending() const;  // What all services lack now.
  std::vector<ipvs::Request> plan_for(
      const config::Config& config) const;  // What a reload would do.
  const std::set<Address>& own_addresses() const { return own_addresses_; }
  bool is_ready(TimePoint now) const;
  bool armed() const { return armed_; }
  std::optional<bool> role() const { return role_; }
  uint64_t writes() const { return writes_; }  // Operations that the core was asked for.
  uint64_t drifts() const { return watch_.drifts(); }
  uint64_t repairs() const { return watch_.repairs(); }
  const std::string& core_error() const { return watch_.error(); }
  const std::string& reload_error() const { return reload_error_; }
  const std::string& names_error() const { return names_error_; }  // Of their new addresses.

 private:
  using ServiceKeys = std::set<ipvs::ServiceKey>;

  void on(const Started& event);
  void on(const Configured& event);
  void on(const ReloadFailed& event);
  void on(TableRead event);
  void on(const OpsDone& event);
  void on(const MarksDone& event);
  void on(const MarksTouched& event) { host_.on(event, now_); }
  void on(const SysctlsDone& event);
  void on(const SysctlsFound& event);
  void on(const OtherCoreLeft& event);
  void on(const DenyDone& event);
  void on(const RoleSaid& event);
  void on(const ArmDone& event);
  void on(const NannyUp& event);
  void on(const NannyGone& event);
  void on(const VerdictHeard& event);
  void on(const PongHeard& event);
  void on(const Timer& event);

  // Configuration.
  void take_configuration(const SharedConfig& config);
  void take_services(const ActiveServices& before, const ServiceKeys& changed);
  void announce(const ActiveServices& before, const ServiceKeys& changed);
  void note_skipped();
  void try_failed_again();
  void find_served(const ServiceKeys& changed);

  // The table as it is.
  void request_read();
  void take_first(Snapshot snapshot);
  void take_news(Snapshot snapshot);
  void note_unreadable(const Error& error);
  bool is_as_configured() const;
  void take_done(const ipvs::Request& request);
  void tell_of_early(const ipvs::Request& request);

  // The table as it should be.
  bool is_wanted(const ipvs::ServiceKey& key) const;
  bool is_held_back(const ipvs::ServiceKey& key) const;
  bool is_switched_off(const config::Config& config) const;
  WantedService want(const ipvs::ServiceKey& key, const HealthOf& health_of) const;
  HealthOf heard_health() const;
  Desired desired_for(const config::Config& config, const HealthOf& health_of,
                      const Draining& draining) const;
  ServiceKeys all_services() const;
  std::vector<ipvs::Request> plan_beside(const config::Config& config) const;
  // Takes out of `services` those that it planned, as many as fill a batch, and shows what each is
  // wanted to be.
  using Show = std::function<void(const ipvs::ServiceKey&, const WantedService&)>;
  std::vector<ipvs::Request> plan_services(ServiceKeys& services, size_t at_most,
                                           const Show& show) const;

  // From one to the other.
  void settle();
  void own(const ServiceKeys& services);
  void note_unserved(const ipvs::ServiceKey& key, const WantedService& wanted);
  void mark_due(const ServiceKeys& services);
  void mark_served_due();
  void note_switched_off();
  void mark_retries_due();
  void arm_due();
  bool waits_for_core() const;
  void arm_kernel();
  void set_armed(bool armed);

  bool wants_nanny() const;
  bool waits_for_verdicts() const;
  void keep_health();
  bool is_table_done() const;
  void log(Level level, std::string event, std::vector<std::pair<std::string, std::string>> fields,
           std::string marker = "");
  std::optional<TimePoint> wake_at() const;

  TimePoint now_;
  Actions actions_;

  SharedConfig config_;
  ActiveServices services_;  // Of config_.
  std::vector<std::string> skipped_;
  bool started_ = false;
  HealthWatch health_;
  HostKeeper host_;
  DenyKeeper deny_;
  Owned owned_;
  bool has_to_record_ = false;  // What of owned_ changed beside the services of a settling.

  std::optional<ipvs::Table> actual_;  // As we believe it; nothing: never read.
  ipvs::Timeouts timeouts_;
  ipvs::Timeouts put_back_;  // Where lvs.cf no longer asks for one.
  SyncDaemons daemons_;
  std::set<Address> own_addresses_;
  // With the kernel's core: the directors' addresses, and the services that have one as a server.
  std::set<Address> directors_;
  std::map<ipvs::ServiceKey, Address> served_;
  bool switched_off_ = false;
  TableWatch watch_;
  Retries retries_;
  UnservedWatch unserved_;
  bool applying_ = false;
  bool applied_once_ = false;
  bool adopted_ = false;
  std::optional<TimePoint> due_at_;
  bool was_told_ = true;  // Of the servers' health, by nanny.
  ServiceKeys due_services_;
  TimePoint settled_at_;

  std::optional<bool> role_;
  bool armed_ = false;

  uint64_t writes_ = 0;
  std::string reload_error_;
  std::string names_error_;
};

}  // namespace lvs::lvsd
