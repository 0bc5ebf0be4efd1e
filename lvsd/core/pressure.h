// How large the connection table is, and what goes early when it runs full: what ip_vs's drop_entry
// would drop, the least valuable first. What is established stays.
#pragma once

#include <cstdint>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

constexpr uint32_t kConnectionsMin = 1024;
constexpr uint32_t kConnectionsMax = 1 << 24;

// The size that nobody chose: a connection for each 96 KiB of memory, of which it takes about half
// a KiB; 65,536 to 1,048,576.
uint32_t connections_for(uint64_t memory_bytes);

// Entries for lblc and lblcr, of all services together: a fourth of that, and enough for one.
uint32_t localities_for(uint32_t connections_max);

// What a sweep is to end before its time in a table with so many entries. From three quarters on:
// TCP that has been half open for 3 seconds, UDP that has been idle for a minute, and templates
// without a connection whose client never had one established. From nine tenths on: after 1 second,
// 10 seconds.
struct Fill {
  uint32_t connections = 0;
  uint32_t templates = 0;
  uint32_t max = 0;  // Of each.
};
lvs_sweep sweep_under(const Fill& fill);
bool is_nearly_full(const Fill& fill);  // From nine tenths on.

// One that is not swept in one go: that would hold up others for more than some 10 ms.
bool is_large(const Fill& fill);

}  // namespace lvs::core
