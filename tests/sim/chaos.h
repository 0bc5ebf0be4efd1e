// A history from a seed: boot a pair, break things in random order, heal, and see whether it comes
// to rest; then one exact takeover and one return. What is broken and when is drawn from the seed
// alone.
#pragma once

#include <cstdint>
#include <memory>

#include "tests/sim/world.h"

namespace lvs::sim {

// The whole history of one seed, with Piranha's heartbeats or our own; look at violations() of what
// it returns.
std::unique_ptr<World> live_through(uint64_t seed, bool legacy = false);

// A number of random misfortunes with random pauses, each at most `pause_max`.
void cause_chaos(World& world, int misfortunes, Duration pause_max);

}  // namespace lvs::sim
