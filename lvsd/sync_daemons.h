// The sync daemons of the kernel's ip_vs: the active director's sends its connections (master), the
// standby's takes them in (backup). Which run is the role's matter; those of somebody else are left
// alone. Ours is one that we started, or that has our syncd_id.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "common/ipvs/request.h"

namespace lvs::lvsd {

using SyncDaemons = std::vector<ipvs::SyncDaemon>;

// Nothing: none is wanted, or the role (true: active) is not known yet.
std::optional<ipvs::SyncDaemon> wanted_daemon(const config::Config& config,
                                              std::optional<bool> role);

// From the daemons that run to the wanted one; `started`: those that we once started. Without a
// role they stay as they are.
std::vector<ipvs::Request> plan_daemons(const SyncDaemons& running, const SyncDaemons& started,
                                        const config::Config& config, std::optional<bool> role);

// Whether one of this role, interface and sync_id is among them.
bool runs(const ipvs::SyncDaemon& daemon, const SyncDaemons& among);

std::string to_string(const ipvs::SyncDaemon& daemon);  // "master on eth0, id 7"

// What runs after a request that ip_vs has done; others change nothing.
void apply_daemon_op(const ipvs::Request& request, SyncDaemons& running);

}  // namespace lvs::lvsd
