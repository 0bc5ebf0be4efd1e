// Where rr and wrr stand in the list of a service, and where they go on when the list changes: as
// ip_vs keeps its cursor (and, for wrr, the current weight, which falls by the greatest common
// divisor of the weights). Between changes the packet path moves it. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

// The places of a slice, gaps included; the walk goes from the last to the first.
using List = std::span<const lvs_slot>;

struct Cursor {
  uint32_t place = LVS_PLACE_HEAD;  // Of the server that was taken last: one that is in the list.
  int32_t level = 0;                // Current weight.
  bool operator==(const Cursor&) const = default;
};
Cursor cursor_of(uint64_t current);  // As in lvs_service.

// What the current weight begins at, and falls by.
struct Steps {
  int32_t top = 1;
  int32_t step = 1;
  bool operator==(const Steps&) const = default;
};
Steps steps_of(uint32_t scheduler, List list);

// Of a service that gets its scheduler now.
Cursor first_cursor(Steps steps);
// A server came to the list, or its weight was set.
Cursor cursor_with(uint32_t scheduler, Steps steps, Cursor cursor);
// The server in this place went.
Cursor cursor_without(List list, uint32_t place, Cursor cursor);
// The servers of this list move to the first places of another.
Cursor renumbered(List list, Cursor cursor);

}  // namespace lvs::core
