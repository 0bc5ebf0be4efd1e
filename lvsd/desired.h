// The table that we want: configuration and verdicts in, IPVS table out. The one place that knows
// what a down server, a sorry server or a quiesced one means for IPVS.
//
// A verdict is up, down or unknown. Unknown keeps what the actual table holds and adds nothing: so
// a restarted lvsd, whose monitors have not answered yet, wants exactly what is there. A server of
// a service with `check = none` is up. One that is down is removed, or gets weight 0 with
// quiesce_server; the sorry server (weight 1, the service's port) serves while fewer than `quorum`
// servers are available, and the others take no new connections until it steps aside. A server that
// left the configuration of a service with `drain` stays with weight 0 as long as the reconciler
// lists it as draining.
//
// A mark service whose mark_ports cover more than its one port gets servers with port 0 where the
// configuration gives none: the client's port is kept (ip_vs rewrites it otherwise, and port 443
// would reach the server's port 80).
#pragma once

#include <compare>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "common/ipvs/types.h"
#include "common/monitor.h"

namespace lvs::lvsd {

// One server of one service: what plans, failures and verdicts are about.
struct ServerId {
  ipvs::ServiceKey service;
  ipvs::DestKey server;
  auto operator<=>(const ServerId&) const = default;
};

std::string to_string(const ServerId& id);  // "10.0.0.2:80 of TCP 192.0.2.1:80"

using Verdicts = std::map<ServerId, Health>;  // A server that is missing is unknown.
using HealthOf = std::function<Health(const ServerId&)>;

enum class Standing {
  up,        // Takes connections with its weight.
  down,      // Not in the table.
  quiesced,  // Down, in the table with weight 0.
  unknown,   // As the actual table has it.
  outvoted,  // Up, but below the quorum: the sorry server serves.
  draining,  // No longer configured; keeps its connections for a while.
  sorry,
};

std::string to_string(Standing standing);

// Where an entry comes from, and why it stands as it does.
struct Placement {
  std::string virtual_name;  // Of the `virtual` block.
  std::string server_name;   // Of the `server` block; empty for a sorry or draining server.
  Standing standing = Standing::unknown;
  bool operator==(const Placement&) const = default;
};

struct Desired {
  ipvs::Table table;
  std::map<ServerId, Placement> placements;  // Also of servers that are not in the table.
  std::vector<std::string> skipped;  // "virtual web2: TCP 192.0.2.1:80 is defined by web already"
  // Services that wait for this director to be active, and the address that makes them
  // (held_back.h).
  std::map<ipvs::ServiceKey, Address> held_back;
};

Family family_of(const config::VirtualService& service);
// What a `virtual` block is called in IPVS: by its mark, else by protocol, address and port.
ipvs::ServiceKey service_key(const config::VirtualService& service);
ipvs::DestKey server_key(const config::VirtualService& service, const config::RealServer& server);
ipvs::Service service_settings(const config::VirtualService& service);

// The active virtual of each key: of two with one key the first counts. None with `service = fos`.
std::map<ipvs::ServiceKey, const config::VirtualService*> active_services(
    const config::Config& config);
// The active servers of a service, the first of a key.
std::map<ipvs::DestKey, const config::RealServer*> active_servers(
    const config::VirtualService& service);

Desired desired(const config::Config& config, const Verdicts& verdicts, const ipvs::Table& actual,
                const std::set<ServerId>& draining = {});
Desired desired_by(const config::Config& config, const HealthOf& health_of,
                   const ipvs::Table& actual, const std::set<ServerId>& draining);

// The same for one active service, in place of what `out` has of it. A service depends on its own
// servers only, so what changes one leaves the others as they are.
void want_service(const config::Config& config, const config::VirtualService& service,
                  const HealthOf& health_of, const ipvs::Table& actual,
                  const std::set<ServerId>& draining, Desired& out);
void want_nothing(const ipvs::ServiceKey& key, Desired& out);

}  // namespace lvs::lvsd
