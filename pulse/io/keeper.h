// The keeper process: what the init script starts. Goes to the background, starts arbiter and lvsd,
// starts them again when they die, hands on signals. When to do what is decided in pulse/children;
// nothing from outside is parsed here.
#pragma once

#include "pulse/options.h"

namespace lvs::pulse {

int run_keeper(const Options& options);

}  // namespace lvs::pulse
