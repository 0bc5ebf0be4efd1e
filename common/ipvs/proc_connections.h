// The kernel's /proc/net/ip_vs_conn as values: the only place where ip_vs shows its connections.
#pragma once

#include <string_view>
#include <vector>

#include "common/ipvs/types.h"
#include "common/result.h"

namespace lvs::ipvs {

// EBADMSG with the number of the first line that is not understood.
Result<std::vector<Connection>> parse_proc_connections(std::string_view text);

}  // namespace lvs::ipvs
