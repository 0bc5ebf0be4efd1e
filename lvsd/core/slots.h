// Room for slices in the slots array. A slice that was replaced stays unused for a while, because a
// packet on another CPU may still be walking it: the programs run for microseconds, the quarantine
// lasts a second.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "common/time.h"

namespace lvs::core {

class SlotAllocator {
 public:
  explicit SlotAllocator(uint32_t slots);  // Slot 0 is never given out.

  std::optional<uint32_t> allocate(uint32_t slots, TimePoint now);
  void release(uint32_t offset, uint32_t slots, TimePoint now);
  // Takes over a slice that is in use already; false when it overlaps another or is out of range.
  bool reserve(uint32_t offset, uint32_t slots);
  uint32_t available() const;  // Quarantined ones not counted.

 private:
  struct Quarantined {
    uint32_t offset;
    uint32_t slots;
    TimePoint until;
  };
  void merge(uint32_t offset, uint32_t slots);

  std::map<uint32_t, uint32_t> free_;  // offset -> length, never adjacent.
  std::vector<Quarantined> quarantine_;
};

}  // namespace lvs::core
