// The table that lvs.cf asks for, given which servers really work: what must stand in the core once
// nothing is broken any more. Written from the words of lvs.cf(5), beside lvsd/desired.cpp and not
// after it.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "common/config/model.h"
#include "common/ipvs/types.h"
#include "tests/sim/servers/network.h"

namespace lvs::sim::servers {

ipvs::ServiceKey key_of(const config::VirtualService& service);
// The first in use of each key.
std::map<ipvs::ServiceKey, const config::VirtualService*> services_in_use(
    const config::Config& config);
std::map<ipvs::DestKey, const config::RealServer*> servers_in_use(
    const config::VirtualService& service);
// Nothing: there is none, or it is one of the servers.
std::optional<ipvs::DestKey> sorry_server_of(const config::VirtualService& service);
bool has_check(const config::VirtualService& service);

ipvs::Service settings_of(const config::VirtualService& service);
// Whether one of these directors is a server of it: ip_vs of a standby must not have it in its
// table.
bool is_served_by(const config::VirtualService& service, const std::set<Address>& directors);
ipvs::Table wish(const config::Config& config, const Network& network,
                 const std::set<Address>& standbys);
// Services of which fewer servers work than they need; of those with a weight.
size_t count_failing(const config::Config& config, const Network& network);

}  // namespace lvs::sim::servers
