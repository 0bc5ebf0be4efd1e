// How many services have no server that passes its checks, as it counts when the two directors are
// compared. When the servers themselves fail, both directors see it, one of them a while before the
// other; moving would cost the clients of all other services a move, and help nobody. So a director
// that serves believes in the worse only after the other's checks had time to end, and in the
// better at once; one that does not serve believes in the worse at once, and in the better only
// after that time.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

class FailingServices {
 public:
  // As lvsd sees it now. `verdict_skew`: how much later another director's checks may find out the
  // same.
  void set(ServicesDown now_down, Duration verdict_skew) {
    if (now_down && !seen_) {
      counted_ = 0;
    }
    if (now_down.value_or(0) > 0) {
      patience_ = std::max(verdict_skew, kPatienceMin);
    }
    seen_ = now_down;
  }

  // To be called at every event, and at next_change().
  void refresh(bool serves, TimePoint now) {
    if (!seen_ || *seen_ == counted_) {
      waits_.reset();
      return;
    }
    if ((*seen_ < counted_) == serves) {
      counted_ = *seen_;
      waits_.reset();
      return;
    }
    if (!waits_ || waits_->serves != serves) {
      waits_ = Wait{serves, now, *seen_};
    }
    waits_->nearest =
        serves ? std::min(waits_->nearest, *seen_) : std::max(waits_->nearest, *seen_);
    if (now >= waits_->since + patience_) {
      counted_ = waits_->nearest;
      waits_.reset();
      refresh(serves, now);  // What changed meanwhile begins to wait.
    }
  }

  ServicesDown counted() const { return seen_ ? ServicesDown(counted_) : std::nullopt; }
  ServicesDown seen() const { return seen_; }
  std::optional<TimePoint> next_change() const {
    return waits_ ? std::optional(waits_->since + patience_) : std::nullopt;
  }

 private:
  static constexpr Duration kPatienceMin = std::chrono::seconds{2};
  struct Wait {
    bool serves;
    TimePoint since;
    uint16_t nearest;  // Of what was seen since, to what counts.
  };

  ServicesDown seen_;
  uint16_t counted_ = 0;
  Duration patience_ = kPatienceMin;
  std::optional<Wait> waits_;
};

}  // namespace lvs::pulse
