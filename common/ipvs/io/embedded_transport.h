// The way to the embedded core of this network namespace: a SOCK_SEQPACKET socket, each packet one
// netlink datagram. It lies where only root makes names.
//
// The core may stand still (stopped, or hung). Who waits no longer shuts the connection down, and
// the core acts on nothing that comes by a connection that was shut down: so a request that it had
// not taken by then is never carried out, and the error says so. One that it had taken may be.
#pragma once

#include <chrono>

#include "common/ipvs/client.h"
#include "common/time.h"

namespace lvs::ipvs::io {

constexpr Duration kPatience = std::chrono::seconds(10);  // For one packet either way.

// ECONNREFUSED: no embedded core lives in this network namespace. Calls over it fail with ETIMEDOUT
// after `patience`.
Result<std::unique_ptr<Transport>> connect_embedded(Duration patience = kPatience);

}  // namespace lvs::ipvs::io
