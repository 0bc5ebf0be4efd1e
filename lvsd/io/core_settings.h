// The settings of net.ipv4.vs.* for a core that is not the kernel's: the same names and values,
// asked of the core itself. One that is no longer wanted gets back the value that it had, also from
// a later lvsd; one that somebody else has changed since is left alone.
#pragma once

#include <string>
#include <vector>

#include "common/ipvs/codec.h"
#include "lvsd/host_settings.h"

namespace lvs::lvsd::io {

// Those of `wanted` that are the core's; the others are left to set_sysctls(). Goes on after an
// error and tells the first.
Result<Ok> set_core_settings(const ipvs::Handler& core, const std::string& run_dir,
                             const std::vector<Sysctl>& wanted);
// The core is gone, and its settings with it.
void forget_core_settings(const std::string& run_dir);

}  // namespace lvs::lvsd::io
