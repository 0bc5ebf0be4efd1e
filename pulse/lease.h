// Floating addresses carry a lifetime in the kernel, so that they vanish by themselves when their
// arbiter is dead or frozen, a second before the peer's deadtime is over. The arbiter renews them
// at a quarter of it. A renewal that comes too late would silently add the address again, on a
// director whose peer serves by now: so time is compared before each renewal, and a lease that is
// over is lost for good.
#pragma once

#include <algorithm>
#include <optional>

#include "common/time.h"

namespace lvs::pulse {

inline constexpr std::chrono::seconds kLeaseMin{2};
inline constexpr std::chrono::seconds kLeaseMax{60};
// The kernel tells a remaining lifetime in whole seconds, rounded up.
inline constexpr std::chrono::seconds kLifetimeRounding{1};

class Lease {
 public:
  static std::chrono::seconds length(Duration deadtime) {
    const auto whole = std::chrono::floor<std::chrono::seconds>(deadtime) - std::chrono::seconds{1};
    return std::clamp(whole, kLeaseMin, kLeaseMax);
  }

  void start(TimePoint now, std::chrono::seconds length) {
    end_ = now + length;
    renew_at_ = now + Duration{length} / 4;
  }
  // One that a former process of ours began: renewed as soon as possible.
  void adopt(TimePoint valid_until, TimePoint now) {
    end_ = valid_until - kLifetimeRounding;
    renew_at_ = now;
  }
  void drop() {
    end_.reset();
    renew_at_.reset();
  }

  bool is_over(TimePoint now) const { return end_ && now >= *end_; }
  bool is_renewal_due(TimePoint now) const { return renew_at_ && now >= *renew_at_; }
  std::optional<TimePoint> end() const { return end_; }
  std::optional<TimePoint> renew_at() const { return renew_at_; }

 private:
  std::optional<TimePoint> end_;  // Nothing: no lease (none held, or permanent addresses).
  std::optional<TimePoint> renew_at_;
};

}  // namespace lvs::pulse
