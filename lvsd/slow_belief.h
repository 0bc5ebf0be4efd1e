// Believes one thing only when it was seen for longer than it was not, by a patience that is told
// with what is seen; and its contrary at once. What comes and goes by chance never fills its
// bucket, and what is there for more than half of the time does.
#pragma once

#include <optional>

#include "lvsd/leaky_bucket.h"

namespace lvs::lvsd {

class SlowBelief {
 public:
  explicit SlowBelief(bool believed) : believed_(believed) {}

  // What is seen from `now` on.
  void see(bool seen, Duration patience, TimePoint now) {
    const bool believed = is_believed(now);
    if (believed) {
      seen_for_ = {};
    }
    believed_ = believed && seen;
    seen_for_.see(seen, patience, now);
  }

  bool is_believed(TimePoint now) const { return believed_ || seen_for_.is_full(now); }
  // When it will be, if what is seen stays.
  std::optional<TimePoint> believed_from(TimePoint now) const {
    return believed_ ? std::nullopt : seen_for_.full_from(now);
  }

 private:
  bool believed_;  // Since what is seen now began, whatever the bucket.
  LeakyBucket seen_for_;
};

}  // namespace lvs::lvsd
