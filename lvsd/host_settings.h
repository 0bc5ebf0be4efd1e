// The kernel switches (sysctls) that a configuration needs, as long as `manage_sysctls` is on.
//
// ip_forward (IPv6: forwarding) = 1 for the embedded core, and for servers behind NAT, which answer
// through the director.
//
// Of net.ipv4.vs (Documentation/networking/ipvs-sysctl of the kernel), which the embedded core has
// under the same names:
//
// expire_nodest_conn = 1: a connection to a server that was removed ends at once; otherwise its
// packets vanish until its time-out.
//
// expire_quiescent_template = 1: a persistent client leaves a server of weight 0, as one that is
// down has with quiesce_server.
//
// conn_reuse_mode = 1: a client's port that is used again is a new connection, and so does not go
// to a server that was taken out.
//
// drop_entry, drop_packet, secure_tcp, am_droprate, amemthresh: as lvs.cf says, if it says
// anything.
//
// With core = kernel, backup_only = 1 on a standby, 0 on an active, where connections are
// synchronised and a director is a server itself: ip_vs handles no packet while it takes
// connections in.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/config/model.h"

namespace lvs::lvsd {

struct Sysctl {
  std::string name;  // "net/ipv4/ip_forward": the path below /proc/sys.
  std::string value;
  bool operator==(const Sysctl&) const = default;
};

// Whether a switch that reads `value` is as it was set: a mode of defence that was set to 1 says 2
// during a shortage.
bool is_as_set(const Sysctl& set, const std::string& value);

// Of net.ipv4.vs: the embedded core has it itself, the kernel's only while ip_vs is loaded.
bool is_of_core(const Sysctl& sysctl);

// role: true active, false standby; nothing: not known yet. own: the director's addresses.
std::vector<Sysctl> host_settings(const config::Config& config, std::optional<bool> role,
                                  const std::set<Address>& own);

// Whether they can be others because one service was `before` and is `after` now; nullptr: was not,
// or is not, there. That a director is a server (served_by_directors) is looked at apart.
bool changes_host_settings(const config::Config& config, const config::VirtualService* before,
                           const config::VirtualService* after);

}  // namespace lvs::lvsd
