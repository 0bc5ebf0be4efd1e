// Bounded exponential backoff as a value: how long to wait before the next attempt.
#pragma once

#include <algorithm>

#include "common/time.h"

namespace lvs {

class Backoff {
 public:
  constexpr Backoff(Duration first, Duration max) : first_(first), max_(max), next_(first) {}

  // The wait after one more failure: first, twice that, ... at most max.
  Duration failed() {
    const Duration wait = next_;
    next_ = std::min(next_ * 2, max_);
    return wait;
  }
  void reset() { next_ = first_; }

 private:
  Duration first_;
  Duration max_;
  Duration next_;
};

}  // namespace lvs
