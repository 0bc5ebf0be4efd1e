// What the tests of the checks share: a loop that runs until something is so, and TCP servers of
// every temper on ephemeral ports of loopback.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "nanny/io/probe.h"

namespace lvs::nanny::io {

constexpr std::chrono::seconds kPatience{60};  // Of a test; far more than any of them needs.

inline Endpoint loopback(uint16_t port) {
  return {*Address::parse("127.0.0.1"), port};
}

// Runs the loop until `so` holds; false when the patience is over.
inline bool run_until(boost::asio::io_context& loop, const std::function<bool()>& so) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!so()) {
    loop.restart();
    if (std::chrono::steady_clock::now() >= end) {
      return false;
    }
    loop.run_one_for(std::chrono::milliseconds{100});
  }
  return true;
}

// Accepts connections and hands each to its temper.
class TcpServer {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Temper = std::function<void(Socket&)>;

  TcpServer(boost::asio::io_context& loop, Temper temper)
      : acceptor_(loop, {boost::asio::ip::address_v4::loopback(), 0}), temper_(std::move(temper)) {
    accept();
  }

  Endpoint place() const { return loopback(acceptor_.local_endpoint().port()); }
  size_t connections() const { return connections_.size(); }
  void close() { acceptor_.close(); }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Socket socket) {
      if (error) {
        return;
      }
      connections_.push_back(std::move(socket));
      temper_(connections_.back());
      accept();
    });
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  Temper temper_;
  std::deque<Socket> connections_;
};

// A port that refuses connections, and is nobody else's meanwhile: bound, but not listening.
class ClosedPort {
 public:
  explicit ClosedPort(boost::asio::io_context& loop)
      : socket_(loop, {boost::asio::ip::address_v4::loopback(), 0}) {}
  Endpoint place() const { return loopback(socket_.local_endpoint().port()); }

 private:
  boost::asio::ip::tcp::socket socket_;
};

inline void stall(TcpServer::Socket&) {
}
inline void hang_up(TcpServer::Socket& socket) {
  socket.close();
}
inline TcpServer::Temper say(const std::string& text) {
  return
      [text](TcpServer::Socket& socket) { boost::asio::write(socket, boost::asio::buffer(text)); };
}

}  // namespace lvs::nanny::io
