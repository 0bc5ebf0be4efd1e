// The two cores as handlers: what lvsd's plan and lvsadm speak to, whichever it is.
#pragma once

#include "common/ipvs/codec.h"
#include "common/ipvs/io/embedded_transport.h"

namespace lvs::ipvs::io {

// The embedded core of this network namespace, in whatever process it lives. ECONNREFUSED: there is
// none; ETIMEDOUT, also of what is asked of it: it stands still (embedded_transport.h).
Result<Handler> embedded_core(Duration patience = kPatience);

// The kernel's ip_vs of this network namespace. Its connections are read from /proc; requests that
// only the embedded core knows answer EOPNOTSUPP.
Result<Handler> kernel_core();

}  // namespace lvs::ipvs::io
