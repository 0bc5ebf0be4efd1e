// How many services have no server that passes its checks, as it counts when the two directors are
// compared (standing.h). When the servers themselves fail, both directors see it, one of them a
// while before the other, and a failure that one check meets is missed by another; moving would
// cost the clients of all other services a move, and help nobody. So a director that serves
// believes in the worse only when it has seen it for longer than it has not, by several checks, and
// in the better at once; one that does not serve believes in the worse at once, and in the better
// only after that time.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

class FailingServices {
 public:
  static constexpr Duration kPatienceMin = std::chrono::seconds{3};

  // Services all of whose servers are down and failed their last check, as lvsd sees it now;
  // nothing: it does not check, or has not checked all of them yet. `patience`: several checks of
  // these services.
  void set(Unserved failing, Duration patience) {
    if (failing && !failing_) {
      counted_ = 0;
      doubt_ = Duration{0};
    }
    if (failing.value_or(0) > 0) {
      patience_ = std::max(patience, kPatienceMin);
    }
    failing_ = failing;
  }

  // To be called at every event, and at next_change().
  void refresh(bool serves, TimePoint now) {
    const Duration passed = now - refreshed_at_;
    refreshed_at_ = now;
    if (serves_ != serves) {
      serves_ = serves;
      doubt_ = Duration{0};
    }
    if (!failing_) {
      return;
    }
    const uint16_t seen = *failing_;
    doubt_ = was_doubtful_ ? std::min(doubt_ + passed, patience_)
                           : std::max(doubt_ - passed, Duration{0});
    was_doubtful_ = seen != counted_;
    if (was_doubtful_ && (seen < counted_) == serves) {
      counted_ = seen;
      was_doubtful_ = false;
    }
    if (!was_doubtful_) {
      return;
    }
    nearest_ = doubt_ == Duration{0} ? seen
               : serves              ? std::min(nearest_, seen)
                                     : std::max(nearest_, seen);
    if (doubt_ >= patience_) {
      counted_ = nearest_;
      doubt_ = Duration{0};
      was_doubtful_ = seen != counted_;
      nearest_ = seen;
    }
  }

  Unserved counted() const { return failing_ ? Unserved(counted_) : std::nullopt; }
  std::optional<TimePoint> next_change() const {
    if (!failing_ || !was_doubtful_) {
      return std::nullopt;
    }
    return refreshed_at_ + (patience_ - doubt_);
  }

 private:
  Unserved failing_;
  uint16_t counted_ = 0;
  Duration patience_ = kPatienceMin;
  bool serves_ = false;
  bool was_doubtful_ = false;  // What is seen has differed since refreshed_at_.
  Duration doubt_{0};          // For how long it has, less for how long it has not since.
  uint16_t nearest_ = 0;       // Of what was seen meanwhile, to what counts.
  TimePoint refreshed_at_{};
};

}  // namespace lvs::pulse
