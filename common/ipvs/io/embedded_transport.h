// The way to the embedded core of this network namespace: an abstract SOCK_SEQPACKET socket, each
// packet one netlink datagram. Both ends check that the other is root.
#pragma once

#include "common/ipvs/client.h"

namespace lvs::ipvs::io {

// ECONNREFUSED: no embedded core lives in this network namespace. EPERM: who listens there is not
// root.
Result<std::unique_ptr<Transport>> connect_embedded();

}  // namespace lvs::ipvs::io
