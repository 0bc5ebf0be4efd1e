// Before a takeover by silence: is the peer really gone, or only the heartbeat paths? From half of
// `deadtime` on the floating addresses are probed on their own segment. An answer from one of the
// peer's own hardware addresses means that its kernel holds the address now: stay passive while
// such answers are fresh. A dead peer's kernel stops answering when its lease ends, so the veto
// ends by itself, at most one lease and a second after the last answer. Anyone else who answers (a
// real server that should keep quiet, proxy ARP) is an alarm and no veto.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "common/time.h"
#include "pulse/lease.h"
#include "pulse/wire.h"

namespace lvs::pulse {

inline constexpr size_t kProbedAddressesMax = 4;

class SplitGuard {
 public:
  enum class Claim { peer, stranger };

  static Duration probe_pause(Duration deadtime) {
    return std::clamp<Duration>(deadtime / 16, std::chrono::milliseconds{10},
                                std::chrono::milliseconds{500});
  }
  // How long an answer counts: several probes may be lost in it.
  static Duration freshness(Duration deadtime) {
    return std::min<Duration>(deadtime / 4, Lease::length(deadtime) + std::chrono::seconds{1});
  }

  Claim claim(const Mac& mac, const std::vector<Mac>& peer_macs, TimePoint now) {
    if (std::find(peer_macs.begin(), peer_macs.end(), mac) == peer_macs.end()) {
      return Claim::stranger;
    }
    answered_at_ = now;
    return Claim::peer;
  }
  std::optional<TimePoint> veto_until(Duration deadtime) const {
    if (!answered_at_) {
      return std::nullopt;
    }
    return *answered_at_ + freshness(deadtime);
  }

  // The next probe, for a silence that began at `silent_since`.
  TimePoint next_probe(TimePoint silent_since, Duration deadtime) const {
    const TimePoint begin = silent_since + deadtime / 2;
    return probed_at_ ? std::max(begin, *probed_at_ + probe_pause(deadtime)) : begin;
  }
  void probed(TimePoint now) { probed_at_ = now; }

 private:
  std::optional<TimePoint> answered_at_;
  std::optional<TimePoint> probed_at_;
};

}  // namespace lvs::pulse
