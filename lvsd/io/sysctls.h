// The kernel switches that forwarding needs; each change is logged. What they were before is
// remembered in the run directory, once, and put back when the core is removed.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace lvs::lvsd::io {

struct Sysctl {
  std::string name;  // "net/ipv4/ip_forward": the path below /proc/sys.
  std::string value;
};

constexpr const char* kForwardV4 = "net/ipv4/ip_forward";
constexpr const char* kForwardV6 = "net/ipv6/conf/all/forwarding";

Result<Ok> set_sysctls(const std::string& run_dir, const std::vector<Sysctl>& wanted);
// Only what still has the value that we gave it: a later hand is respected.
Result<Ok> restore_sysctls(const std::string& run_dir);

}  // namespace lvs::lvsd::io
