// Sets kernel switches; each change is logged. What one was before we first changed it is
// remembered in the run directory (common/io/run_dir), so that a later process knows it too, and
// put back when it is not wanted any more.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "lvsd/host_settings.h"

namespace lvs::lvsd::io {

// Sets what is wanted, and puts back what we set earlier and is not wanted any more. Goes on after
// an error and tells the first.
Result<Ok> set_sysctls(const std::string& run_dir, const std::vector<Sysctl>& wanted);
// Puts all back. Like the above, only what still has the value that we gave it: a later hand is
// respected.
// What is otherwise than wanted, with the value that it has. What cannot be read is left out.
std::vector<Sysctl> sysctls_otherwise(const std::vector<Sysctl>& wanted);
Result<Ok> restore_sysctls(const std::string& run_dir);

}  // namespace lvs::lvsd::io
