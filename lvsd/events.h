// What lvsd's mind hears (events) and what it asks for (actions), as values. The shell performs the
// actions of a step in their order; an action that has a result comes back as the event of a
// similar name.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "common/ipvs/request.h"
#include "common/log.h"
#include "common/monitor.h"
#include "common/result.h"
#include "lvsd/desired.h"
#include "lvsd/host_settings.h"
#include "lvsd/owned.h"
#include "lvsd/retries.h"
#include "lvsd/shared_config.h"

namespace lvs::lvsd {

// The core's table, what else the core was told, and the addresses of the director.
struct Snapshot {
  ipvs::Table table;
  std::map<ServerId, uint32_t> connections;  // Of the servers that hold any now.
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
  bool by_names = false;  // The file is the same; its names have other addresses.
};
struct ReloadFailed {
  std::string what;
  bool by_names = false;
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
struct MarksTouched {};  // Somebody took something out of the table where the mark rules are.
struct SysctlsDone {
  Result<Ok> done;
};
struct SysctlsFound {
  std::vector<Sysctl> others;  // Of those that were asked about: what has another value, and which.
};
struct OtherCoreLeft {
  Result<Ok> done;
};
struct DenyDone {
  Result<Ok> done;
};
struct RoleSaid {
  bool active;
  bool ahead = false;  // Not active, but likely to be within milliseconds: the core is to be armed.
};
struct ArmDone {
  Result<bool> armed;
};
struct NannyUp {
  int pid;
  std::string user = "nanny";  // That it runs as.
};
struct NannyGone {
  std::string reason;
};
struct VerdictHeard {
  Verdict verdict;
};
struct PongHeard {
  uint64_t number;
};
struct Timer {};
using Event = std::variant<Started, Configured, ReloadFailed, TableRead, OpsDone, MarksDone,
                           MarksTouched, SysctlsDone, SysctlsFound, OtherCoreLeft, DenyDone,
                           RoleSaid, ArmDone, NannyUp, NannyGone, VerdictHeard, PongHeard, Timer>;

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
struct SetDenied {
  std::vector<Prefix> prefixes;
  bool operator==(const SetDenied&) const = default;
};
struct SetSysctls {
  std::vector<Sysctl> wanted;
  bool operator==(const SetSysctls&) const = default;
};
struct CheckSysctls {
  std::vector<Sysctl> wanted;
  bool operator==(const CheckSysctls&) const = default;
};
struct ApplyMarks {
  SharedConfig config;
  bool operator==(const ApplyMarks&) const = default;
};
struct LeaveOtherCore {  // Takes away what lvsd made in the core that it does not drive any more.
  bool operator==(const LeaveOtherCore&) const = default;
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
using Action = std::variant<ReadTable, ApplyOps, SaveOwned, SetInterfaces, SetDenied, SetSysctls,
                            CheckSysctls, ApplyMarks, LeaveOtherCore, ArmCore, StartNanny,
                            StopNanny, SendMonitorOrders, Log>;
using Actions = std::vector<Action>;

struct Step {
  Actions actions;
  std::optional<TimePoint> wake_at;
};

}  // namespace lvs::lvsd
