// A pair of directors that has come to rest, for stories: the primary serves, the backup stands by.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/world.h"

namespace lvs::sim {

inline constexpr Timing kFastest{.keepalive = std::chrono::milliseconds{2},
                                 .deadtime = std::chrono::milliseconds{6}};
inline constexpr Timing kFaster{.keepalive = std::chrono::milliseconds{10},
                                .deadtime = std::chrono::milliseconds{30}};
inline constexpr Timing kFast{.keepalive = std::chrono::milliseconds{100},
                              .deadtime = std::chrono::milliseconds{300}};
inline constexpr Timing kSlow{.keepalive = std::chrono::seconds{1},
                              .deadtime = std::chrono::seconds{5}};

inline Timing with(bool two_devices, bool witness) {
  Timing timing = kSlow;
  timing.two_devices = two_devices;
  timing.witness = witness;
  return timing;
}

class Pair {
 public:
  explicit Pair(const Timing& timing) : world(7, timing) {
    world.boot(Node::primary);
    world.boot(Node::backup);
    world.run_for(2 * timing.deadtime + std::chrono::seconds{7});
    world.forget_silence();
  }
  ~Pair() { EXPECT_THAT(world.violations(), testing::IsEmpty()) << world.transcript(); }

  World world;
};

}  // namespace lvs::sim
