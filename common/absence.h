// How long something has been away that comes and goes: a carrier, a way. A short absence is
// forgiven by whoever waits a moment before it acts on it; but one that flaps would be forgiven for
// ever, so what it was away just before counts on.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"

namespace lvs {

class Absence {
 public:
  // What was up for less is not back yet.
  static constexpr Duration kForgotten = std::chrono::seconds{5};
  // Of earlier absences no more than this counts: the longest that anybody waits.
  static constexpr Duration kCarriedMax = std::chrono::milliseconds{500};

  void begin(TimePoint now) {
    if (!since_) {
      const bool flaps = ended_ && now < *ended_ + kForgotten;
      since_ = now - (flaps ? carried_ : Duration{0});
    }
  }
  void end(TimePoint now) {
    if (since_) {
      carried_ = std::min(now - *since_, kCarriedMax);
      ended_ = now;
      since_.reset();
    }
  }
  // Nothing: it is there. Earlier than it went, by what it was away just before.
  const std::optional<TimePoint>& since() const { return since_; }

 private:
  std::optional<TimePoint> since_;
  std::optional<TimePoint> ended_;
  Duration carried_{0};
};

}  // namespace lvs
