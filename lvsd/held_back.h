// Services that a standby keeps out of the kernel's table, because it is one of their servers
// itself.
//
// ip_vs has no switch like the one that arms the embedded core: it schedules whatever reaches it.
// What the active director sends to this one as to a real server (direct or tunnel: still addressed
// to the VIP) would be scheduled once more here, perhaps back to the active: a loop. Without the
// service in its table the standby takes such packets for its own. 127.0.0.1 means each director to
// itself and is never sent to. Where connections are synchronised there is another way, backup_only
// (host_settings.h), and nothing need be held back.
#pragma once

#include <optional>
#include <set>

#include "lvsd/desired.h"

namespace lvs::lvsd {

// The `own` addresses that others can send to, and the floating ones.
std::set<Address> director_addresses(const config::Config& config, const std::set<Address>& own);
// The first of a service's servers, else the sorry server, that is one of these.
std::optional<Address> director_among(const config::VirtualService& service,
                                      const std::set<Address>& directors);
// The active services that have one, each with the address.
std::map<ipvs::ServiceKey, Address> served_by_directors(const config::Config& config,
                                                        const std::set<Address>& own);

// Whether a service that is served by a director must wait. role: true active, false standby;
// nothing: not known yet, and it stays in or out as the actual table has it.
bool is_held_back(config::CoreKind core, std::optional<bool> role, bool is_in_table);

// Takes the services that must wait out of the wanted table.
void hold_back(const config::Config& config, const std::set<Address>& own, std::optional<bool> role,
               const ipvs::Table& actual, Desired& wanted);

}  // namespace lvs::lvsd
