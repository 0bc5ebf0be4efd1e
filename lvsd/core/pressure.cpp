#include "lvsd/core/pressure.h"

#include <algorithm>

namespace lvs::core {

namespace {

constexpr uint64_t kMemoryPerConnection = 96 * 1024;
constexpr uint64_t kSweptAtOnce = 16'384;
constexpr uint64_t kSecond = 1'000'000'000;

bool is_above(uint32_t used, uint32_t max, uint64_t tenths) {
  return uint64_t{used} * 10 > uint64_t{max} * tenths;
}

}  // namespace

uint32_t connections_for(uint64_t memory_bytes) {
  return static_cast<uint32_t>(
      std::clamp<uint64_t>(memory_bytes / kMemoryPerConnection, 65'536, 1'048'576));
}

uint32_t localities_for(uint32_t connections_max) {
  return std::max<uint32_t>(connections_max / 4, LVS_LOCALITIES_MOST);
}

lvs_sweep sweep_under(const Fill& fill) {
  lvs_sweep sweep{};
  const uint32_t fullest = std::max(fill.connections, fill.templates);
  if (is_nearly_full(fill)) {
    sweep.half_open_ns = 1 * kSecond;
    sweep.udp_idle_ns = 10 * kSecond;
  } else if (uint64_t{fullest} * 4 > uint64_t{fill.max} * 3) {
    sweep.half_open_ns = 3 * kSecond;
    sweep.udp_idle_ns = 60 * kSecond;
  }
  sweep.unassured = sweep.half_open_ns != 0;
  return sweep;
}

bool is_nearly_full(const Fill& fill) {
  return is_above(std::max(fill.connections, fill.templates), fill.max, 9);
}

bool is_large(const Fill& fill) {
  return uint64_t{fill.connections} + fill.templates > kSweptAtOnce;
}

}  // namespace lvs::core
