// Why the daemon with this control socket does not answer: by the lock of its socket, which it
// holds as long as it lives (local_socket.h), and by what /proc tells of it. Takes no lock itself,
// which could keep a daemon from starting.
#pragma once

#include <string>

#include "common/silence.h"

namespace lvs::io {

SilentDaemon look_at_silent(const std::string& socket_path);
bool is_stopped(int pid);  // By a signal, or traced.

}  // namespace lvs::io
