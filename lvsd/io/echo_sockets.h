// The raw sockets over which nanny pings. They hear echo replies and nothing else.
#pragma once

#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::lvsd::io {

// One of ICMP and one of ICMPv6, as far as this machine has them.
Result<std::vector<lvs::io::UniqueFd>> open_echo_sockets();

}  // namespace lvs::lvsd::io
