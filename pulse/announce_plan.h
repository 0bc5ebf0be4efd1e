// When to send gratuitous ARP: at once, then repeated with growing pauses, since a switch that just
// moved a port and a router under load both lose frames. Any sign of a rival starts the plan again:
// the last one to announce wins the neighbours' caches (Piranha lost VIPs for hours after a split,
// its bug 140414). Two rivals that hear each other would go on like that for ever; so each round
// comes later than the one before, until none was seen for a while.
#pragma once

#include <algorithm>
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
  // Between two rounds against a rival: doubled each time, and short again after a quiet time.
  static constexpr Duration kRivalPauseMin = std::chrono::milliseconds{200};
  static constexpr Duration kRivalPauseMax = std::chrono::seconds{10};
  static constexpr Duration kRivalQuiet = std::chrono::seconds{60};

  void start(TimePoint now) {
    begun_at_ = now;
    next_ = 0;
    again_at_.reset();
  }
  // A rival was seen: once more, after its announcement.
  void start_again(TimePoint now) {
    if (rival_at_ && now >= *rival_at_ + kRivalQuiet) {
      rival_pause_ = kRivalPauseMin;
    }
    rival_at_ = now;
    if (!again_at_) {
      again_at_ = begun_at_ ? std::max(now, *begun_at_ + rival_pause_) : now;
      rival_pause_ = std::min(2 * rival_pause_, kRivalPauseMax);
    }
  }
  void stop() {
    begun_at_.reset();
    again_at_.reset();
  }

  // The next one tells what nobody may know yet; those after it repeat it.
  bool is_first() const { return next_ == 0; }

  // When one more is due while the peer is silent.
  std::optional<TimePoint> refresh_at() const {
    return begun_at_ && next_ == kOffsets.size()
               ? std::optional<TimePoint>{sent_at_ + kRefreshPause}
               : std::nullopt;
  }

  // When the next announcement is due; nothing: all done, or not begun.
  std::optional<TimePoint> next() const {
    if (!begun_at_ || next_ == kOffsets.size()) {
      return again_at_;
    }
    const TimePoint in_row = *begun_at_ + kOffsets[next_];
    return again_at_ ? std::min(*again_at_, in_row) : in_row;
  }
  // Counts one announcement as sent, with those it overtook. True: the plan has just ended.
  bool sent(TimePoint now) {
    if (again_at_ && now >= *again_at_) {
      start(now);
    }
    const bool was_last = next_ == kOffsets.size();
    sent_at_ = now;
    while (next_ < kOffsets.size() && now >= *begun_at_ + kOffsets[next_]) {
      ++next_;
    }
    return !was_last && next_ == kOffsets.size();
  }

 private:
  std::optional<TimePoint> begun_at_;
  std::optional<TimePoint> again_at_;  // The next round, because of a rival.
  std::optional<TimePoint> rival_at_;
  Duration rival_pause_ = kRivalPauseMin;
  TimePoint sent_at_{};
  size_t next_ = 0;
};

}  // namespace lvs::pulse
