// Send one datagram, wait for one. An answer is always required, for UDP has no connection to tell
// that somebody is there; a closed port answers with ICMP, which ends the check at once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "common/config/model.h"
#include "common/time.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

// Nothing: not an answer to what was sent; the next one is waited for.
using DatagramJudge = std::function<std::optional<ProbeResult>(std::string_view)>;

std::unique_ptr<Probe> probe_udp(boost::asio::io_context& io, const Endpoint& target,
                                 const std::string& datagram, DatagramJudge judge, Duration timeout,
                                 Tell tell);

// Without `expect` any datagram will do.
std::unique_ptr<Probe> probe_udp(boost::asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell);

}  // namespace lvs::nanny::io
