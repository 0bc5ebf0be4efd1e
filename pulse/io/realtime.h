// An arbiter that waits for a busy or swapping machine loses its lease: it runs before ordinary
// programs and keeps its memory. Bounded: a loop that never sleeps is killed by the kernel
// (RLIMIT_RTTIME) instead of taking the machine.
#pragma once

#include <string>
#include <vector>

namespace lvs::pulse {

// What could not be had, in words; empty: everything. Commands that are started do not inherit it.
std::vector<std::string> ask_for_realtime();

}  // namespace lvs::pulse
