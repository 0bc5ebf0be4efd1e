// The settings of net.ipv4.vs.* for a core that is not the kernel's: the same names and values,
// asked of the core itself. One that is no longer wanted gets back the value that it had.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/ipvs/codec.h"
#include "lvsd/host_settings.h"

namespace lvs::lvsd::io {

class CoreSettings {
 public:
  // Those of `wanted` that are the core's; the others are left to set_sysctls().
  Result<Ok> set(const ipvs::Handler& core, const std::vector<Sysctl>& wanted);

 private:
  std::map<std::string, uint32_t> before_;  // Of what was set here.
};
}  // namespace lvs::lvsd::io
