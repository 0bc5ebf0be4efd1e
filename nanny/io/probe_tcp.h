// Connect, then speak and listen as a dialogue has it until it is decided. Connecting, sending and
// the whole reading of an answer have one timeout each, so that a server which dribbles bytes gains
// no time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/config/model.h"
#include "common/time.h"
#include "nanny/dialogue.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

std::unique_ptr<Probe> probe_tcp(boost::asio::io_context& io, const Endpoint& target,
                                 std::unique_ptr<Dialogue> dialogue, Duration timeout, Tell tell);

// Neither send nor expect: a connection is enough.
std::unique_ptr<Probe> probe_tcp(boost::asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell);

}  // namespace lvs::nanny::io
