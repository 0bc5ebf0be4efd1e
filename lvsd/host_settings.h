// The kernel switches (sysctls) that a configuration needs, as long as `manage_sysctls` is on:
//
//   net.ipv4.ip_forward,           1: servers behind NAT answer through the director; packets of
//   the net.ipv6.conf.all.forwarding      embedded core are forwarded too with core = kernel, of
//   net.ipv4.vs: expire_nodest_conn             1: a connection to a server that was removed ends
//   at once; else its
//                                     packets vanish until its time-out
//   expire_quiescent_template      1: a persistent client leaves a server of weight 0, as one that
//   is
//                                     down has with quiesce_server
//   conn_reuse_mode                1: a client's port that is used again is a new connection, and
//   so
//                                     does not go to a server that was taken out
//   backup_only                    1 on a standby, 0 on an active that synchronises connections
//   with
//                                     a peer to which it is a server: what it takes in as a server
//                                     is not looked up among the peer's connections
//
// What each does: Documentation/networking/ipvs-sysctl of the kernel.
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

// role: true active, false standby; nothing: not known yet. own: the director's addresses.
std::vector<Sysctl> host_settings(const config::Config& config, std::optional<bool> role,
                                  const std::set<Address>& own);

}  // namespace lvs::lvsd
