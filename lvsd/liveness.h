// Whether a child process still answers its pings. Silence is counted in pings, not in time: each
// is sent, and found unanswered, by a turn of this process. So a process that was frozen itself, or
// starved by the load that starves its child, blames nobody for the time it missed.
#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"

namespace lvs::lvsd {

// Frozen is who leaves six pings unanswered: twelve seconds, when this process runs as it should. A
// nanny that reads the orders of 100,000 monitors, or waits for a CPU with 64 others, takes a few.
constexpr Duration kPingPause = std::chrono::seconds{2};
constexpr int kPingsUnanswered = 6;

class Liveness {
 public:
  enum class Due { nothing, ping, frozen };

  void born(TimePoint now) {
    next_at_ = now + kPingPause;
    unanswered_ = 0;
  }
  void gone() {
    next_at_.reset();
    unanswered_ = 0;
  }

  // A ping that is due is counted as sent: its number is ping().
  Due due(TimePoint now) {
    if (!next_at_ || *next_at_ > now) {
      return Due::nothing;
    }
    const bool was_away = now - *next_at_ >= kPingPause;  // What was answered may wait unread.
    if (unanswered_ == kPingsUnanswered && !was_away) {
      return Due::frozen;
    }
    next_at_ = now + kPingPause;
    if (was_away) {
      return Due::nothing;
    }
    ++ping_;
    ++unanswered_;
    return Due::ping;
  }
  void answered(uint64_t ping) {
    if (ping <= ping_ && ping_ - ping < static_cast<uint64_t>(unanswered_)) {
      unanswered_ = static_cast<int>(ping_ - ping);
    }
  }

  uint64_t ping() const { return ping_; }
  int unanswered() const { return unanswered_; }
  std::optional<TimePoint> wake_at() const { return next_at_; }

 private:
  std::optional<TimePoint> next_at_;
  uint64_t ping_ = 0;  // Never reused: a late answer is not that of the successor.
  int unanswered_ = 0;
};

}  // namespace lvs::lvsd
