// Waits until every BPF program that runs at this moment has ended.
#pragma once

#include "common/result.h"

namespace lvs::core {

// Some milliseconds. The kernel promises it for an update of a map of maps, and for nothing else
// that is simpler.
Result<Ok> wait_for_running_programs();

}  // namespace lvs::core
