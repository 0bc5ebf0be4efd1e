// The text of our nftables tables, `ip lvs` and, when there are services of IPv6, `ip6 lvs`. Their
// chains stand where ip_vs has its hooks, behind the administrator's rules: what is addressed to a
// service (INPUT), or comes back from a real server that answers through the director (FORWARD),
// and has not been caught earlier, at its device, is copied to ipvs0 and dropped here. What is not
// ours after all, a stray segment say, comes back from there and is let through.
//
// A base chain, once there, stays: rules and sets are changed under it. Were it taken away and made
// anew, even in one transaction, a packet between the old hook and the new one would be caught by
// neither.
#pragma once

#include <string>
#include <vector>

#include "common/ipvs/types.h"
#include "lvsd/core/reply_sources.h"

namespace lvs::core {

struct Caught {
  std::vector<ipvs::ServiceKey> services;
  std::vector<ReplySource> sources;
  // By index, devices whose program catches replies before they come to FORWARD: there, only
  // datagrams that were put together of fragments are looked at.
  std::vector<int> devices;

  bool has_ipv6() const;
};

// What the rules are written for.
struct Tracking {
  bool is_asked_for = false;  // Replies all come to FORWARD, so that connection tracking sees them.
  // Connections are tracked here, whoever wants it: what the stack's NAT has translated is no
  // reply. (To ask makes the kernel track, where it does not yet.)
  bool is_there = false;
  bool operator==(const Tracking&) const = default;
};

// Each is a script for `nft -f`, one transaction.

// Makes rules and sets just these, whatever they were; whether anything comes to the rules is
// arming_script()'s matter. Fails where somebody made a chain or a set of our names that is of
// another kind: then chain_removal() must go before it.
std::string chain_script(const Caught& caught, Tracking tracking);
// What is done before anything else sees a packet, in a chain of its own, because a kernel may lack
// what either takes (nft_tproxy, nft_ct).
struct Prerouting {
  // The stack puts fragments together, as ip_vs needs it, too.
  bool defragments = true;
  // Connection tracking, where the kernel has it, leaves alone what comes in by ipvs0, save for
  // what is marked for it: to it a reply of the core is the beginning of a connection, which rules
  // of NAT would change.
  bool untracks = true;
};
// Makes tables that stand catch, or not: those of a core that is not armed leave the VIP's packets
// to the stack. Clients wait for it in a takeover, and there may be
// thousands of services: their sets and rules are there on a standby too, and are not written anew.
std::string arming_script(bool has_ipv6, bool catches, Prerouting does);
// What came and went; the rest is not mentioned.
std::string chain_change(const Caught& added, const Caught& gone);
// Devices that carry the program now, in the table of IPv4 and, if that stands, of IPv6.
std::string devices_script(const std::vector<int>& devices, bool has_ipv6);
// Takes the table of a family away, whether it exists or not.
std::string chain_removal(Family family);

}  // namespace lvs::core
