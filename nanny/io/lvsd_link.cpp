#include "nanny/io/lvsd_link.h"

#include <sys/socket.h>

#include "common/io/log_sink.h"

namespace lvs::nanny::io {

namespace asio = boost::asio;
using boost::system::error_code;

Result<std::unique_ptr<LvsdLink>> LvsdLink::open(asio::io_context& io, int descriptor,
                                                 OnOrder on_order, OnClosed on_closed) {
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return os_error(errno, "descriptor " + std::to_string(descriptor));
  }
  if (type != SOCK_SEQPACKET) {
    return Error{EPROTOTYPE,
                 "descriptor " + std::to_string(descriptor) + ": not a SEQPACKET socket"};
  }
  std::unique_ptr<LvsdLink> link(
      new LvsdLink(io, descriptor, std::move(on_order), std::move(on_closed)));
  link->receive();
  return link;
}

LvsdLink::LvsdLink(asio::io_context& io, int descriptor, OnOrder on_order, OnClosed on_closed)
    : socket_(io, Protocol(AF_UNIX, 0), descriptor),
      on_order_(std::move(on_order)),
      on_closed_(std::move(on_closed)) {
}

void LvsdLink::receive() {
  socket_.async_receive(asio::buffer(packet_), 0, flags_,
                        [this](const error_code& error, size_t bytes) {
                          if (error == asio::error::operation_aborted) {
                            return;
                          }
                          if (error || bytes == 0) {
                            on_closed_();
                            return;
                          }
                          on_packet({packet_.data(), bytes}, (flags_ & MSG_TRUNC) != 0);
                          receive();
                        });
}

void LvsdLink::on_packet(std::string_view packet, bool cut) {
  const Result<MonitorOrder> order =
      cut ? Error{EMSGSIZE, "longer than " + std::to_string(kMonitorPacketMax) + " bytes"}
          : decode_monitor_order(packet);
  if (!order) {
    lvs::io::log({Level::error, "order-refused", "", {{"reason", order.error().what}}});
    return;
  }
  if (const auto* ping = std::get_if<Ping>(&*order)) {
    pong_ = Pong{ping->number};
    send_when_idle();
  } else if (const auto* removal = std::get_if<RemoveMonitor>(&*order)) {
    on_order_(*removal);
  } else {
    on_order_(std::get<SetMonitor>(*order));
  }
}

void LvsdLink::send(const Verdict& verdict) {
  const bool waits_already = !newest_.insert_or_assign(verdict.id, verdict).second;
  if (!waits_already) {
    waiting_.push_back(verdict.id);
  }
  send_when_idle();
}

void LvsdLink::send_when_idle() {
  if (sending_.empty()) {
    send_next();
  }
}

std::string LvsdLink::take_next() {
  if (pong_) {
    return encode(*std::exchange(pong_, std::nullopt));
  }
  if (waiting_.empty()) {
    return "";
  }
  const std::string next = encode(newest_.extract(waiting_.front()).mapped());
  waiting_.pop_front();
  return next;
}

void LvsdLink::send_next() {
  sending_ = take_next();
  if (sending_.empty()) {
    return;
  }
  socket_.async_send(asio::buffer(sending_), 0, [this](const error_code& error, size_t) {
    sending_.clear();
    if (!error) {
      send_next();
    }
  });
}

}  // namespace lvs::nanny::io
