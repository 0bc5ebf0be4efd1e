// What a reload would change beside the table of services, in words: the table, time-outs and sync
// daemons are the plan's (plan.h). The floating addresses are pulse's; both daemons read the same
// file at the same time.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "lvsd/host_settings.h"

namespace lvs::lvsd {

// "add address 192.0.2.20 on eth0:2", "delete address 10.0.0.1 on eth1:1 (nat_router)", "change
// address 192.0.2.10: from eth0:1 to eth1:1".
std::vector<std::string> address_changes(const config::Config& now, const config::Config& then);

// "this machine has no device eth7 for 192.0.2.12: ...": of addresses that would come. The director
// would be less fit to serve then, and all services would move.
std::vector<std::string> devices_lacked(const config::Config& now, const config::Config& then,
                                        const std::function<bool(const std::string&)>& has_device);

// The sysctls and settings of the core that would be written: "set net.ipv4.vs.conntrack to 1",
// "set net.ipv4.vs.conntrack back to what it was before". `has_value`: of those that already have
// it nothing is said.
std::vector<std::string> setting_changes(const config::Config& now, const config::Config& then,
                                         std::optional<bool> role, const std::set<Address>& own,
                                         const std::function<bool(const Sysctl&)>& has_value);

}  // namespace lvs::lvsd
