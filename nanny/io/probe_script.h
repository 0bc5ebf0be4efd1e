// Runs a check script: no shell, a process group of its own, killed as a whole at the deadline or
// when the check is cancelled. It inherits nothing but PATH and LANG, standard input and error at
// /dev/null, and a pipe for its output.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/config/model.h"
#include "common/time.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

std::unique_ptr<Probe> probe_script(boost::asio::io_context& io, const Endpoint& target,
                                    const config::ScriptCheck& check, Duration timeout, Tell tell);

}  // namespace lvs::nanny::io
