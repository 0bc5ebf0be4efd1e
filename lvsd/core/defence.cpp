#include "lvsd/core/defence.h"

#include <algorithm>
#include <cmath>

namespace lvs::core {

namespace {

constexpr double kKeptEachSecond = 31.0 / 32.0;

bool lacks_memory(const Supply& supply) {
  return supply.free_pages < supply.threshold;
}

}  // namespace

bool is_short(const Supply& supply) {
  return lacks_memory(supply) || is_nearly_full(supply.table);
}

uint32_t next_mode(uint32_t mode, bool is_short) {
  if (mode != kDefenceArmed && mode != kDefenceActive) {
    return mode;
  }
  return is_short ? kDefenceActive : kDefenceArmed;
}

uint32_t drop_rate(uint32_t mode, const Supply& supply, uint32_t chosen) {
  if (!is_defending(mode)) {
    return 0;
  }
  if (mode == kDefenceAlways || !lacks_memory(supply)) {
    return chosen;
  }
  return static_cast<uint32_t>(supply.threshold / (supply.threshold - supply.free_pages));
}

uint32_t drop_share(std::chrono::nanoseconds since_last) {
  const double seconds = std::chrono::duration<double>(since_last).count();
  const double share = 1.0 - std::pow(kKeptEachSecond, std::max(0.0, seconds));
  return static_cast<uint32_t>(share * 4294967295.0);
}

}  // namespace lvs::core
