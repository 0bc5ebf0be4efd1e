// A service by mark has no port of its own, and mostly takes the packets of several. With nat a
// server's port then stands for all of them, so that HTTPS would arrive at port 80; a persistent
// service leaves ports as they are, as ip_vs does, and is the only one in which a client's
// connections to the different ports meet the same server.
#pragma once

#include "common/config/diagnostic.h"
#include "common/config/model.h"

namespace lvs::config {

// Warnings, for a service by mark, where it can matter.
Diagnostics mark_remarks(const Globals& globals, const VirtualService& service);

}  // namespace lvs::config
