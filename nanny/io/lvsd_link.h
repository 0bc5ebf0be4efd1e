// The socket pair to lvsd, descriptor 3 of a nanny started with --lvsd. Orders come in, verdicts go
// out, one packet each; a ping is answered here. When lvsd reads slowly, a monitor's newer verdict
// replaces its older one, so what waits is bounded by the number of monitors.
#pragma once

#include <array>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include "common/monitor_codec.h"
#include "nanny/monitors.h"

namespace lvs::nanny::io {

constexpr int kLvsdDescriptor = 3;

class LvsdLink {
 public:
  using OnOrder = std::function<void(const Event&)>;
  using OnClosed = std::function<void()>;

  // EBADF or ENOTSOCK: nobody gave us such a socket.
  static Result<std::unique_ptr<LvsdLink>> open(boost::asio::io_context& io, int descriptor,
                                                OnOrder on_order, OnClosed on_closed);
  void send(const Verdict& verdict);

 private:
  using Protocol = boost::asio::generic::seq_packet_protocol;

  LvsdLink(boost::asio::io_context& io, int descriptor, OnOrder on_order, OnClosed on_closed);
  void receive();
  void on_packet(std::string_view packet, bool cut);
  void send_when_idle();
  void send_next();
  std::string take_next();

  Protocol::socket socket_;
  OnOrder on_order_;
  OnClosed on_closed_;
  std::array<char, kMonitorPacketMax> packet_;
  boost::asio::socket_base::message_flags flags_ = 0;
  std::deque<MonitorId> waiting_;        // In the order in which their verdicts first came.
  std::map<MonitorId, Verdict> newest_;  // Of each that waits.
  std::optional<Pong> pong_;             // The newest that waits.
  std::string sending_;
};

}  // namespace lvs::nanny::io
