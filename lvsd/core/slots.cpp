#include "lvsd/core/slots.h"

namespace lvs::core {

using namespace std::chrono_literals;

namespace {
constexpr auto kRest = 1s;
}

SlotAllocator::SlotAllocator(uint32_t slots) {
  free_[1] = slots - 1;
}

std::optional<uint32_t> SlotAllocator::allocate(uint32_t slots, TimePoint now) {
  for (; !resting_.empty() && now >= resting_.front().until; resting_.pop_front()) {
    merge(resting_.front().offset, resting_.front().slots);
  }
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    const auto [offset, length] = *it;
    if (length < slots) {
      continue;
    }
    free_.erase(it);
    if (length > slots) {
      free_[offset + slots] = length - slots;
    }
    return offset;
  }
  return std::nullopt;
}

void SlotAllocator::release(uint32_t offset, uint32_t slots, TimePoint now) {
  resting_.push_back({offset, slots, now + kRest});
}

void SlotAllocator::end_rest() {
  for (; !resting_.empty(); resting_.pop_front()) {
    merge(resting_.front().offset, resting_.front().slots);
  }
}

bool SlotAllocator::reserve(uint32_t offset, uint32_t slots) {
  auto it = free_.upper_bound(offset);
  if (it == free_.begin()) {
    return false;
  }
  --it;
  const auto [start, length] = *it;
  if (uint64_t{offset} + slots > uint64_t{start} + length) {
    return false;
  }
  free_.erase(it);
  if (offset > start) {
    free_[start] = offset - start;
  }
  if (start + length > offset + slots) {
    free_[offset + slots] = start + length - (offset + slots);
  }
  return true;
}

uint32_t SlotAllocator::available() const {
  uint32_t sum = 0;
  for (const auto& [offset, length] : free_) {
    sum += length;
  }
  return sum;
}

void SlotAllocator::merge(uint32_t offset, uint32_t slots) {
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && offset + slots == next->first) {
    slots += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      previous->second += slots;
      return;
    }
  }
  free_[offset] = slots;
}

}  // namespace lvs::core
