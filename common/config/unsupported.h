// What a configuration asks of its core and that core cannot serve, whatever it is told: more
// services, servers or slots than it holds (common/ipvs/capabilities.h), or to deny clients what is
// the kernel's ip_vs's to give; failover services, which no core serves. The file loads, and all
// else in it is served.
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

// Without file; lines are the file's. Only of what is active.
Diagnostics unsupported(const Config& config);

}  // namespace lvs::config
