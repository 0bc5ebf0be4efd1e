// When to send gratuitous ARP: at once, then repeated with growing pauses, since a switch that just
// moved a port and a router under load both lose frames. Any sign of a rival starts the plan again:
// the last one to announce wins the neighbours' caches (Piranha lost VIPs for hours after a split,
// its bug 140414).
#pragma once

#include <array>
#include <optional>

#include "common/time.h"

namespace lvs::pulse {

class AnnouncePlan {
 public:
  static constexpr std::array<Duration, 6> kOffsets = {
      std::chrono::milliseconds{0},    std::chrono::milliseconds{50},
      std::chrono::milliseconds{200},  std::chrono::milliseconds{1000},
      std::chrono::milliseconds{2000}, std::chrono::milliseconds{5000}};
  // While the peer is silent it may be serving, and announcing, behind a split that we cannot see:
  // when that ends without a word between us, the caches there still point to it.
  static constexpr Duration kRefreshPause = std::chrono::seconds{10};
  // A rival that never stops must not make us flood the segment.
  static constexpr Duration kRestartPause = std::chrono::milliseconds{200};

  void start(TimePoint now) {
    begun_at_ = now;
    next_ = 0;
  }
  void start_again(TimePoint now) {
    if (!begun_at_ || now >= *begun_at_ + kRestartPause) {
      start(now);
    }
  }
  void stop() { begun_at_.reset(); }

  // When one more is due while the peer is silent.
  std::optional<TimePoint> refresh_at() const {
    return begun_at_ && next_ == kOffsets.size()
               ? std::optional<TimePoint>{sent_at_ + kRefreshPause}
               : std::nullopt;
  }

  // When the next announcement is due; nothing: all done, or not begun.
  std::optional<TimePoint> next() const {
    if (!begun_at_ || next_ == kOffsets.size()) {
      return std::nullopt;
    }
    return *begun_at_ + kOffsets[next_];
  }
  // Counts one announcement as sent, with those it overtook. True: the plan has just ended.
  bool sent(TimePoint now) {
    const bool was_last = next_ == kOffsets.size();
    sent_at_ = now;
    while (next_ < kOffsets.size() && now >= *begun_at_ + kOffsets[next_]) {
      ++next_;
    }
    return !was_last && next_ == kOffsets.size();
  }

 private:
  std::optional<TimePoint> begun_at_;
  TimePoint sent_at_{};
  size_t next_ = 0;
};

}  // namespace lvs::pulse
