// Numbers that are free: the smallest is given out first, so that tables stay dense.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

namespace lvs::core {

class Ids {
 public:
  explicit Ids(uint32_t count) : count_(count) {}

  // The one that comes next; nothing: all are taken.
  std::optional<uint32_t> next() const {
    if (!returned_.empty()) {
      return *returned_.begin();
    }
    return untouched_ < count_ ? std::optional(untouched_) : std::nullopt;
  }
  void take(uint32_t id) {
    for (; untouched_ <= id; ++untouched_) {
      returned_.insert(untouched_);
    }
    returned_.erase(id);
  }
  void give_back(uint32_t id) { returned_.insert(id); }

 private:
  uint32_t count_;
  uint32_t untouched_ = 0;       // From here on none was ever taken.
  std::set<uint32_t> returned_;  // Below that.
};

}  // namespace lvs::core
