// What ip_vs's defence_work decides once a second, by the settings drop_entry, drop_packet and
// secure_tcp: 0 is off and 3 is on; 1 is on while there is a shortage and says 2 meanwhile. Pure.
//
// A shortage is ip_vs's own, fewer free pages of memory than amemthresh; or, since this core's
// table has a size, more than nine tenths of it taken.
#pragma once

#include <chrono>
#include <cstdint>

#include "lvsd/core/pressure.h"

namespace lvs::core {

struct Supply {
  uint64_t free_pages = 0;
  uint32_t threshold = 0;  // amemthresh
  Fill table;
};
bool is_short(const Supply& supply);

constexpr uint32_t kDefenceOff = 0, kDefenceArmed = 1, kDefenceActive = 2, kDefenceAlways = 3;

// Of 1 and 2 the one that is due.
uint32_t next_mode(uint32_t mode, bool is_short);
inline bool is_defending(uint32_t mode) {
  return mode > kDefenceArmed;
}

// drop_packet: one packet of new connections in so many is lost; 0: none. When memory is short, the
// more the shorter; when it is the table or always, one in `chosen` (am_droprate).
uint32_t drop_rate(uint32_t mode, const Supply& supply, uint32_t chosen);

// drop_entry ends what is half open in a part of the table that changes every second, a 32nd of it:
// what share of all, in 2^-32, a pass looks at that comes so long after the one before.
uint32_t drop_share(std::chrono::nanoseconds since_last);

}  // namespace lvs::core
