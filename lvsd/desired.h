// The table that we want: configuration and verdicts in, IPVS table out. The one place that knows
// what a down server, a sorry server or a quiesced one means for IPVS.
//
// A verdict is up, down, cut or unknown. Unknown keeps what the actual table holds and adds
// nothing: so a restarted lvsd, whose monitors have not answered yet, wants exactly what is there.
// One that is cut was up before this director lost its way to it: it counts as down where another
// server or the sorry server can serve instead, and else it keeps its place. A server of a service
// with `check = none` is up. One that recovers counts as down where another server or the sorry
// server can serve instead, and else as up until it fails: clients need not wait for a re-entry
// time that spares them nothing; so do others that recover meanwhile, but for those that failed
// again since (relapses.h) where others serve. One that is down is removed, or gets weight 0 with
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
#include "common/time.h"

namespace lvs::lvsd {

// One server of one service: what plans, failures and verdicts are about.
struct ServerId {
  ipvs::ServiceKey service;
  ipvs::DestKey server;
  auto operator<=>(const ServerId&) const = default;
};

std::string to_string(const ServerId& id);  // "10.0.0.2:80 of TCP 192.0.2.1:80"

using Verdicts = std::map<ServerId, Health>;  // A server that is missing is unknown.
struct HeardHealth {
  Health health;
  bool has_relapsed = false;
  HeardHealth(Health heard, bool relapsed = false) : health(heard), has_relapsed(relapsed) {}
};
using HealthOf = std::function<HeardHealth(const ServerId&)>;

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

// What one service should be in the table, and why its servers stand as they do: also those that
// are not in the table.
struct WantedService {
  ipvs::Entry entry;
  std::map<ipvs::DestKey, Standing> standings;
};

// The same for all services. lvsd does not keep one: with ten thousand servers it is megabytes, and
// a service can be asked for by itself.
struct Desired {
  ipvs::Table table;
  std::map<ipvs::ServiceKey, std::map<ipvs::DestKey, Standing>> standings;
  // Services that wait for this director to be active, and the address that makes them
  // (held_back.h).
  std::map<ipvs::ServiceKey, Address> held_back;
};

// Servers that left the configuration and keep their connections, and until when at most.
using Draining = std::map<ServerId, TimePoint>;

// What a `virtual` block is called in IPVS: by its mark, else by protocol, address and port.
ipvs::ServiceKey service_key(const config::VirtualService& service);
ipvs::DestKey server_key(const config::VirtualService& service, const config::RealServer& server);
ipvs::Service service_settings(const config::VirtualService& service);

// The active virtual of each key: of two with one key the first counts. None with `service = fos`.
using ActiveServices = std::map<ipvs::ServiceKey, const config::VirtualService*>;
ActiveServices active_services(const config::Config& config);
// Those that came, went, or are not what they were.
std::set<ipvs::ServiceKey> changed_services(const ActiveServices& before,
                                            const ActiveServices& after);
// The others: "virtual web2: TCP 192.0.2.1:80 is defined by web already".
std::vector<std::string> skipped_services(const config::Config& config);
// The active servers of a service, the first of a key.
using Servers = std::map<ipvs::DestKey, const config::RealServer*>;
Servers active_servers(const config::VirtualService& service);
// One that is none of these; else it is judged like the others.
bool has_sorry_server(const config::VirtualService& service, const Servers& servers);

// A service depends on nothing but the globals, its own block, the health of its servers, its entry
// in the actual table and its draining servers: so what changes one leaves the others as they are.
WantedService want_service(const config::Config& config, const config::VirtualService& service,
                           const HealthOf& health_of, const ipvs::Table& actual,
                           const Draining& draining);

Desired desired(const config::Config& config, const Verdicts& verdicts, const ipvs::Table& actual,
                const Draining& draining = {});
Desired desired_by(const config::Config& config, const HealthOf& health_of,
                   const ipvs::Table& actual, const Draining& draining);

}  // namespace lvs::lvsd
