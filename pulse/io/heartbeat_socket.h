// One heartbeat path: a UDP socket on an own address, one peer address, the heartbeat port at both
// ends. The address may come later than pulse (IP_FREEBIND), the network may be away for a while:
// sending then fails, is counted, and works again by itself. What comes from anybody but the peer's
// address is counted and dropped before it is looked at.
//
// Either end may be a name. Without an address there is nothing to send from or to, until take()
// brings one. A name server's mistake must not silence a peer that is heard: its former address
// stays beside what its name says now, until it is heard from there.
#pragma once

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "common/address.h"
#include "common/result.h"
#include "pulse/settings.h"

namespace lvs::pulse {

struct HeartbeatRoute {
  std::string name;  // "public", "private"
  PathEnd own;
  PathEnd peer;
  uint16_t port = 0;
  bool operator==(const HeartbeatRoute&) const = default;
};

class HeartbeatSocket {
 public:
  // True: it is a heartbeat of our pair.
  using OnDatagram = std::function<bool(std::span<const uint8_t>)>;

  struct Counters {
    uint64_t sent = 0;
    uint64_t send_failed = 0;
    int last_error = 0;  // errno of the last failed send; 0 when the last one went out.
    uint64_t received = 0;
    uint64_t foreign = 0;  // From another address than the peer's.
  };

  static Result<std::unique_ptr<HeartbeatSocket>> open(boost::asio::io_context& io,
                                                       const HeartbeatRoute& route,
                                                       OnDatagram on_datagram);
  void send(std::span<const uint8_t> datagram);
  void receive();  // What waits, or much of it.
  // The route is written as before, and names have other addresses.
  Result<Ok> take(const HeartbeatRoute& route);
  const HeartbeatRoute& route() const { return route_; }
  const Counters& counters() const { return counters_; }

 private:
  HeartbeatSocket(boost::asio::io_context& io, HeartbeatRoute route, OnDatagram on_datagram);
  Result<Ok> bind();
  void wait();
  void heard_from(const sockaddr_storage& from);

  boost::asio::posix::stream_descriptor socket_;  // Open: it has an own address.
  HeartbeatRoute route_;
  std::vector<Address> peers_;  // What the route says, and the former one until it is not needed.
  OnDatagram on_datagram_;
  Counters counters_;
};

}  // namespace lvs::pulse
