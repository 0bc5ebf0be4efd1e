// Our endpoints as Asio's, and the probe of a check that cannot even begin.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_endpoint.hpp>
#include <cstring>
#include <memory>

#include "nanny/io/probe.h"

namespace lvs::nanny::io {

template <typename Protocol>
boost::asio::ip::basic_endpoint<Protocol> to_asio(const Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    return {boost::asio::ip::address_v4(endpoint.address.v4_host()), endpoint.port};
  }
  boost::asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), endpoint.address.bytes(), bytes.size());
  return {boost::asio::ip::address_v6(bytes), endpoint.port};
}

// Tells `result` in the loop's next turn.
std::unique_ptr<Probe> probe_that_ends(boost::asio::io_context& io, ProbeResult result, Tell tell);

}  // namespace lvs::nanny::io
