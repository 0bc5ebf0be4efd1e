// Whether a child process still answers its pings. Silence is counted in pings, not in time: each
// is sent, and found unanswered, by a turn of this process. So a process that was frozen itself, or
// starved by the load that starves its child, blames nobody for the time it missed.
#pragma once

#include <cstdint>
#include <optional>

#include "common/time.h"

namespace lvs {

// A ping each `pause`; frozen is who leaves `pings` of them unanswered.
struct Patience {
  Duration pause;
  int pings;
};

class Liveness {
 public:
  enum class Due { nothing, ping, frozen };

  // `at_start` holds until the first answer: a child that starts may have much to read.
  Liveness(Patience usual, Patience at_start) : usual_(usual), at_start_(at_start) {}
  explicit Liveness(Patience usual) : Liveness(usual, usual) {}

  void born(TimePoint now) {
    has_answered_ = false;
    next_at_ = now + patience().pause;
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
    const bool was_away =
        now - *next_at_ >= patience().pause;  // What was answered may wait unread.
    if (unanswered_ >= patience().pings && !was_away) {
      return Due::frozen;
    }
    next_at_ = now + patience().pause;
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
      has_answered_ = true;
    }
  }
  // For a line that is each child's own, on which answers need no number.
  void answered_next() {
    if (unanswered_ > 0) {
      answered(ping_ - static_cast<uint64_t>(unanswered_) + 1);
    }
  }

  uint64_t ping() const { return ping_; }
  int unanswered() const { return unanswered_; }
  std::optional<TimePoint> wake_at() const { return next_at_; }

 private:
  const Patience& patience() const { return has_answered_ ? usual_ : at_start_; }

  Patience usual_;
  Patience at_start_;
  bool has_answered_ = false;
  std::optional<TimePoint> next_at_;
  uint64_t ping_ = 0;  // Never reused: a late answer is not that of the successor.
  int unanswered_ = 0;
};

}  // namespace lvs
