// Connect, send, read until the answer is decided. Connecting and sending have one timeout each; so
// has the whole reading, so that a server which dribbles bytes gains no time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/config/model.h"
#include "common/time.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

// Neither send nor expect: a connection is enough.
std::unique_ptr<Probe> probe_tcp(boost::asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell);

}  // namespace lvs::nanny::io
