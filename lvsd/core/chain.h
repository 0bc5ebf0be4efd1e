// The text of our nftables tables, `ip lvs` and, when there are services of IPv6, `ip6 lvs`. Their one
// chain stands behind the administrator's INPUT rules,
// where ip_vs has its hook: what is addressed to a service and has not been caught earlier, at its
// device, is copied to ipvs0 and dropped here. What is not ours after all, a stray segment say,
// comes back from there and is let through to the local stack.
//
// The base chain, once there, stays: rules and sets are changed under it. Were it taken away and
// made anew, even in one transaction, a packet between the old hook and the new one would be caught
// by neither.
#pragma once

#include <string>
#include <vector>

#include "common/ipvs/types.h"

namespace lvs::core {

// Each is a script for `nft -f`, one transaction.

// Makes rules and sets just these, whatever they were. `catches` is false on a core that is not
// armed: the VIP's packets are then the stack's own. Fails where somebody made a chain or a set of
// our names that is of another kind: then chain_removal() must go before it.
std::string chain_script(const std::vector<ipvs::ServiceKey>& services, bool catches);
// Services that came and went; the others are not mentioned.
std::string chain_change(const std::vector<ipvs::ServiceKey>& added,
                         const std::vector<ipvs::ServiceKey>& gone);
// Takes the table of a family away, whether it exists or not.
std::string chain_removal(Family family);

bool has_ipv6_services(const std::vector<ipvs::ServiceKey>& services);

}  // namespace lvs::core
