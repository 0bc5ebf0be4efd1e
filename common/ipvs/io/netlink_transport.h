// The way to the kernel's ip_vs of this network namespace: a generic-netlink socket and the family
// "IPVS".
#pragma once

#include "common/ipvs/client.h"

namespace lvs::ipvs::io {

constexpr int kReceiveBufferBytes = 1 << 20;

// ENOENT: the kernel has no ip_vs, or its module is not loaded; the text says what to load.
Result<std::unique_ptr<Transport>> connect_kernel(int receive_buffer_bytes = kReceiveBufferBytes);

}  // namespace lvs::ipvs::io
