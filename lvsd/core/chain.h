// The text of our nftables table. Its one chain stands behind the administrator's INPUT rules,
// where ip_vs has its hook: a packet that may open a connection of a service is copied to ipvs0 and
// dropped here. All other packets go on to the local stack, which answers a stray segment with a
// reset, as behind ip_vs.
#pragma once

#include <string>
#include <vector>

#include "common/ipvs/types.h"

namespace lvs::core {

// A script for `nft -f`: replaces the whole table in one transaction. `catches` is false on a core
// that is not armed: the VIP's packets are then the stack's own.
std::string chain_script(const std::vector<ipvs::ServiceKey>& services, bool catches);
// Takes the table away, whether it exists or not.
std::string chain_removal();

}  // namespace lvs::core
