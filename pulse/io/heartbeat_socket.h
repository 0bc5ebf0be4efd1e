// One heartbeat path: a UDP socket on an own address, one peer address, the heartbeat port at both
// ends. The address may come later than pulse (IP_FREEBIND), the network may be away for a while:
// sending then fails, is counted, and works again by itself. What comes from anybody but the peer's
// address is counted and dropped before it is looked at.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <span>

#include "common/address.h"
#include "common/result.h"

namespace lvs::pulse {

struct HeartbeatRoute {
  std::string name;  // "public", "private"
  Address own;
  Address peer;
  uint16_t port = 0;
  bool operator==(const HeartbeatRoute&) const = default;
};

class HeartbeatSocket {
 public:
  using OnDatagram = std::function<void(std::span<const uint8_t>)>;

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
  const HeartbeatRoute& route() const { return route_; }
  const Counters& counters() const { return counters_; }

 private:
  HeartbeatSocket(boost::asio::io_context& io, int fd, HeartbeatRoute route,
                  OnDatagram on_datagram);
  void wait();
  void receive();

  boost::asio::posix::stream_descriptor socket_;
  HeartbeatRoute route_;
  OnDatagram on_datagram_;
  Counters counters_;
};

}  // namespace lvs::pulse
