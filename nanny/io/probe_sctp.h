// Whether a server takes an association of SCTP: one is tried, and ended again at once. The kernel
// does it, by an ordinary socket: a raw INIT would need rights that nanny does not have.
//
// It is tried from one address. Without that, the INIT would name all addresses of this director,
// the floating ones among them, and the server would write to those as well.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/time.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

std::unique_ptr<Probe> probe_sctp(boost::asio::io_context& io, const Endpoint& target,
                                  Duration timeout, Tell tell);

}  // namespace lvs::nanny::io
