#include "nanny/schedule.h"

#include <algorithm>

namespace lvs::nanny {
namespace {

Duration below(Duration limit, Rng& rng) {
  return Duration{static_cast<Duration::rep>(rng.below(static_cast<uint64_t>(limit.count())))};
}

}  // namespace

Duration first_delay(Duration interval, Rng& rng) {
  return below(std::min(interval, kFirstCheckWithin), rng);
}

Duration pause(Duration interval, uint64_t checks, Rng& rng) {
  return interval - below(checks == 1 ? interval / 2 : interval / 10, rng);
}

}  // namespace lvs::nanny
