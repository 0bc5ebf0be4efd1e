// For how long a thing was seen, less the time since for which it was not: a bucket that fills
// while the thing is seen and empties as fast while it is not.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"

namespace lvs::lvsd {

class LeakyBucket {
 public:
  // What it does from `now` on.
  void see(bool fills, Duration capacity, TimePoint now) {
    level_ = std::min(level(now), capacity);
    fills_ = fills;
    capacity_ = capacity;
    at_ = now;
  }

  bool is_full(TimePoint now) const { return fills_ && level(now) >= capacity_; }
  bool is_empty(TimePoint now) const { return level(now) == Duration{0}; }
  // When it will be, if what is seen stays.
  std::optional<TimePoint> full_from(TimePoint now) const {
    return fills_ && !is_full(now) ? std::optional(at_ + (capacity_ - level_)) : std::nullopt;
  }
  std::optional<TimePoint> empty_from(TimePoint now) const {
    return !fills_ && !is_empty(now) ? std::optional(at_ + level_) : std::nullopt;
  }

 private:
  Duration level(TimePoint now) const {
    return std::clamp(fills_ ? level_ + (now - at_) : level_ - (now - at_), Duration{0}, capacity_);
  }

  bool fills_ = false;
  Duration level_{0};  // At at_.
  Duration capacity_{0};
  TimePoint at_{};
};

}  // namespace lvs::lvsd
