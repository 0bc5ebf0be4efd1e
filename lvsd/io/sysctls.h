// The kernel switches that forwarding needs. What they were before is remembered in the run
// directory, once, and put back when the core is removed.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace lvs::lvsd::io {

struct Sysctl {
  std::string name;  // "net/ipv4/ip_forward": the path below /proc/sys.
  std::string value;
};

Result<Ok> set_sysctls(const std::string& run_dir, const std::vector<Sysctl>& wanted);
// Only what still has the value that we gave it: a later hand is respected.
Result<Ok> restore_sysctls(const std::string& run_dir);

}  // namespace lvs::lvsd::io
