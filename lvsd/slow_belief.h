// Believes one thing only when it was seen for longer than it was not, by a patience that is told
// with what is seen; and its contrary at once. A leaky bucket: it fills while the thing is seen and
// empties as fast while it is not, so what comes and goes by chance never fills it, and what is
// there for more than half of the time does.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"

namespace lvs::lvsd {

class SlowBelief {
 public:
  explicit SlowBelief(bool believed) : believed_(believed), seen_(believed) {}

  // What is seen from `now` on.
  void see(bool seen, Duration patience, TimePoint now) {
    const bool believed = is_believed(now);
    level_ = believed ? Duration{0} : std::clamp(level(now), Duration{0}, patience);
    believed_ = believed && seen;
    seen_ = seen;
    patience_ = patience;
    at_ = now;
  }

  bool is_believed(TimePoint now) const { return believed_ || (seen_ && level(now) >= patience_); }
  // When it will be, if what is seen stays.
  std::optional<TimePoint> believed_from(TimePoint now) const {
    return seen_ && !is_believed(now) ? std::optional(at_ + (patience_ - level_)) : std::nullopt;
  }

 private:
  Duration level(TimePoint now) const {
    return seen_ ? level_ + (now - at_) : level_ - (now - at_);
  }

  bool believed_;  // Since at_, whatever the level.
  bool seen_;
  Duration level_{0};  // At at_.
  Duration patience_{0};
  TimePoint at_{};
};

}  // namespace lvs::lvsd
