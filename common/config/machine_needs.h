// What a configuration asks of the machine for its checks: scripts that check servers run as a user
// of their own, and servers of SCTP are asked by the kernel's. Where that is missing no such check
// can be made, and no server of the service is used.
#pragma once

#include <functional>
#include <string>

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

// Empty: not looked at.
struct MachineHas {
  std::function<bool(const std::string& name)> user;
  std::function<bool()> sctp;
};

// A warning for each thing that is missing, at the first service that needs it.
Diagnostics machine_lacks(const Config& config, const MachineHas& has);

}  // namespace lvs::config
