// What writing and reading IPVS objects share: numbers of own attributes, the order of counters,
// masks.
#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "common/ipvs/types.h"

namespace lvs::ipvs {

constexpr size_t kUnionBytes = 16;  // union nf_inet_addr: every address of a service or a server.

enum ConnectionAttribute : int {
  kConnProtocol = 1,  // u8
  kConnClient,        // nested endpoint, as the next two
  kConnVirtual,
  kConnDest,
  kConnState,     // string
  kConnExpires,   // u32, seconds
  kConnTemplate,  // u8, 0 or 1
  kConnEngine,    // string, as the next; of templates that have one
  kConnEngineData,
};
enum EndpointAttribute : int { kEndpointAddress = 1, kEndpointPort };  // 4 or 16 bytes, be16

// The ten counters in the order of their attributes.
template <typename StatsType>
auto counters(StatsType& s) {
  return std::array{&s.connections, &s.in_packets, &s.out_packets, &s.in_bytes, &s.out_bytes,
                    &s.cps,         &s.in_pps,     &s.out_pps,     &s.in_bps,   &s.out_bps};
}

inline uint32_t netmask_of(unsigned prefix, Family family) {
  if (family == Family::v6) {
    return prefix;
  }
  return prefix == 0 ? 0 : htonl(~0U << (32 - std::min(prefix, 32U)));
}

}  // namespace lvs::ipvs
