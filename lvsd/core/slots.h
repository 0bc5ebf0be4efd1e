// Room for slices in the slots array. A slice that was replaced rests for a while, because a packet
// on another CPU may still be walking it: the programs run for microseconds, the rest lasts a
// second, or until somebody has seen every program end that was running then.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>

#include "common/time.h"

namespace lvs::core {

class SlotAllocator {
 public:
  explicit SlotAllocator(uint32_t slots);  // Slot 0 is never given out.

  std::optional<uint32_t> allocate(uint32_t slots, TimePoint now);
  void release(uint32_t offset, uint32_t slots, TimePoint now);
  // Takes over a slice that is in use already; false when it overlaps another or is out of range.
  bool reserve(uint32_t offset, uint32_t slots);
  uint32_t available() const;  // Resting ones not counted.

  // No program runs any more that ran when the last of these was released.
  void end_rest();

 private:
  struct Resting {
    uint32_t offset;
    uint32_t slots;
    TimePoint until;
  };
  void merge(uint32_t offset, uint32_t slots);

  std::map<uint32_t, uint32_t> free_;  // offset -> length, never adjacent.
  std::deque<Resting> resting_;        // The oldest first.
};

}  // namespace lvs::core
