// A history from a seed: lvsd starts on some file, things break in random order, all but the
// servers is mended, and the table must come to what the file asks for, and rest. Then one server
// fails or returns, and must leave or come in time; and one process ends or freezes, which must
// change nothing.
#pragma once

#include <cstdint>
#include <memory>

#include "tests/sim/servers/world.h"

namespace lvs::sim::servers {

// The whole history of one seed; look at violations() of what it returns. `tells`: with a
// transcript.
std::unique_ptr<World> live_through(uint64_t seed, bool tells);

}  // namespace lvs::sim::servers
