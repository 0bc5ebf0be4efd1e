// Where log lines go: syslog (facility daemon, with pid) once a daemon is in the background,
// standard error while it is in the foreground, with priorities when systemd's journal reads it.
// The one place that knows spdlog. Writing never waits for a reader that is dead or stopped.
#pragma once

#include <functional>
#include <string>

#include "common/log.h"

namespace lvs::io {

enum class LogTarget { standard_error, syslog };

// Lines begin with the name and the pid of the process that opened it: call it after the last fork.
void open_log(const std::string& ident, LogTarget target, Level lowest);
void log(const LogEvent& event);  // Before open_log: to standard error.
// Calls it for each event that is logged from now on; nullptr: nobody. There is one such listener.
void hear_log(std::function<void(const LogEvent&)> listener);

}  // namespace lvs::io
