// The readiness protocol of sd_notify(3): one datagram to the socket that $NOTIFY_SOCKET names. The
// manual recommends to speak it oneself; libsystemd would load seven libraries for this one call.
#pragma once

#include <optional>
#include <string_view>

#include "common/result.h"
#include "common/time.h"

namespace lvs::io {

// Tells the init system "READY=1", "STATUS=..." or "STOPPING=1". Without $NOTIFY_SOCKET nobody
// wants to know, and nothing is sent. EINVAL: what it names is neither a path nor @name (of the
// abstract name space), or longer than an address of a socket.
Result<Ok> notify_init(std::string_view state);

// How often the init system wants to hear "WATCHDOG=1": half of what $WATCHDOG_USEC allows, as
// sd_watchdog_enabled(3) says. Nothing: it does not watch this process.
std::optional<Duration> watchdog_pause();

}  // namespace lvs::io
