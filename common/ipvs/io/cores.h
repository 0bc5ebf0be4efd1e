// The two cores as handlers: what lvsd's plan and lvsadm speak to, whichever it is.
#pragma once

#include "common/ipvs/codec.h"

namespace lvs::ipvs::io {

// The embedded core of this network namespace, in whatever process it lives. ECONNREFUSED: there is
// none.
Result<Handler> embedded_core();

// The kernel's ip_vs of this network namespace. Its connections are read from /proc; requests that
// only the embedded core knows answer EOPNOTSUPP.
Result<Handler> kernel_core();

}  // namespace lvs::ipvs::io
