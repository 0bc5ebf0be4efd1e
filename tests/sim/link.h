// One direction of one heartbeat path: loses, delays and doubles datagrams as its faults say, all
// drawn from the world's generator. Delays differ, so datagrams overtake each other.
#pragma once

#include <vector>

#include "common/rng.h"
#include "common/time.h"

namespace lvs::sim {

struct Faults {
  double loss = 0;
  double duplication = 0;
  Duration delay_min = std::chrono::microseconds{200};
  Duration delay_max = std::chrono::microseconds{900};
};

class Link {
 public:
  void cut() { is_cut_ = true; }
  void mend() { is_cut_ = false; }
  bool is_cut() const { return is_cut_; }
  void set_faults(const Faults& faults) { faults_ = faults; }

  // The delays after which copies of one datagram arrive: none when it is lost.
  std::vector<Duration> send(Rng& rng) const {
    std::vector<Duration> arrivals;
    if (is_cut_ || rng.chance(faults_.loss)) {
      return arrivals;
    }
    arrivals.push_back(delay(rng));
    if (rng.chance(faults_.duplication)) {
      arrivals.push_back(delay(rng));
    }
    return arrivals;
  }

 private:
  Duration delay(Rng& rng) const {
    const auto spread = static_cast<uint64_t>((faults_.delay_max - faults_.delay_min).count());
    return faults_.delay_min + Duration{static_cast<int64_t>(rng.below(spread + 1))};
  }

  bool is_cut_ = false;
  Faults faults_;
};

}  // namespace lvs::sim
