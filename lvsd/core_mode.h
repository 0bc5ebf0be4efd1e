// lvsd --core: the embedded core alone, without lvs.cf and without pulse: for lvsadm by hand, in
// tests and on a director that something else makes highly available. It serves the IPVS socket, is
// armed at once, sets ip_forward, and leaves forwarding in place when it ends; `--remove` takes
// everything away.
#pragma once

#include "lvsd/core/io/core.h"

namespace lvs::core {

struct CoreModeOptions {
  CoreOptions core;
  bool remove = false;
  bool foreground = false;  // -n: stay in the foreground, log to standard error.
};

// Returns the exit status: 0 done, 1 failed (said why in the log).
int run_core_mode(const CoreModeOptions& options);

}  // namespace lvs::core
