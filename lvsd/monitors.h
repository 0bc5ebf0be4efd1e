// Which monitors the configuration asks for, and which servers hang on each. Services that share a
// server and a check share the monitor, so a server behind fifty services is probed once; those
// with `check = none` have none. Ids are stable: across a reload a monitor that is still wanted
// keeps its id (and with it its verdict), also when only its timings changed.
#pragma once

#include <map>
#include <vector>

#include "common/monitor.h"
#include "lvsd/desired.h"

namespace lvs::lvsd {

struct MonitorSet {
  std::map<MonitorId, Monitor> monitors;
  std::map<ServerId, MonitorId> monitor_of;
  std::map<MonitorId, std::vector<ServerId>> servers_of;
  MonitorId next_id = 1;
};

// The monitors of a configuration, with the ids of `previous` where it knew them.
MonitorSet monitors_for(const config::Config& config, const MonitorSet& previous);

// What nanny must be told to get from one set to another; from the empty set: everything.
std::vector<MonitorOrder> orders(const MonitorSet& from, const MonitorSet& to);

}  // namespace lvs::lvsd
