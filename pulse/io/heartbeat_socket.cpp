#include "pulse/io/heartbeat_socket.h"

#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "common/io/unique_fd.h"

namespace lvs::pulse {
namespace {

constexpr size_t kDatagramMax =
    2048;  // Any heartbeat is far smaller; a longer one is cut and so refused.
constexpr int kDatagramsATurn = 32;         // A flood must not keep the loop from its timers.
constexpr int kInternetworkControl = 0xC0;  // DSCP CS6.

socklen_t fill(sockaddr_storage& storage, const Address& address, uint16_t port) {
  storage = {};
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = address.v4_network();
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.bytes(), address.size());
  return sizeof v6;
}

bool comes_from(const sockaddr_storage& storage, const Address& address) {
  if (address.is_v4()) {
    return storage.ss_family == AF_INET &&
           reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr == address.v4_network();
  }
  return storage.ss_family == AF_INET6 &&
         std::memcmp(&reinterpret_cast<const sockaddr_in6&>(storage).sin6_addr, address.bytes(),
                     16) == 0;
}

void set(int fd, int level, int option, int value) {
  ::setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

Result<std::unique_ptr<HeartbeatSocket>> HeartbeatSocket::open(boost::asio::io_context& io,
                                                               const HeartbeatRoute& route,
                                                               OnDatagram on_datagram) {
  std::unique_ptr<HeartbeatSocket> socket(new HeartbeatSocket(io, route, std::move(on_datagram)));
  if (auto bound = socket->bind(); !bound) {
    return bound.error();
  }
  return socket;
}

Result<Ok> HeartbeatSocket::bind() {
  if (!route_.own.address) {
    return Ok{};
  }
  const Address& address = *route_.own.address;
  const std::string doing =
      route_.name + " heartbeat socket " + to_string(Endpoint{address, route_.port});
  io::UniqueFd fd{::socket(address.af(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP)};
  if (!fd) {
    return os_error(errno, doing);
  }
  const bool is_v4 = address.is_v4();
  // No SO_REUSEADDR: with it any local user could bind a port above 1023 too, and get our
  // heartbeats.
  set(fd.get(), SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL);
  set(fd.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_TOS : IPV6_TCLASS,
      kInternetworkControl);
  set(fd.get(), is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_FREEBIND : IPV6_FREEBIND, 1);
  sockaddr_storage own;
  const socklen_t size = fill(own, address, route_.port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&own), size) != 0) {
    return os_error(errno, doing);
  }
  boost::system::error_code ignored;
  socket_.close(ignored);
  socket_.assign(fd.release());
  wait();
  return Ok{};
}

HeartbeatSocket::HeartbeatSocket(boost::asio::io_context& io, HeartbeatRoute route,
                                 OnDatagram on_datagram)
    : socket_(io), route_(std::move(route)), on_datagram_(std::move(on_datagram)) {
  if (route_.peer.address) {
    peers_.push_back(*route_.peer.address);
  }
}

Result<Ok> HeartbeatSocket::take(const HeartbeatRoute& route) {
  if (route.peer.address && route.peer.address != route_.peer.address) {
    std::erase(peers_, *route.peer.address);
    peers_.resize(std::min<size_t>(peers_.size(), 1));
    peers_.insert(peers_.begin(), *route.peer.address);
  }
  const bool moves = route.own.address && route.own.address != route_.own.address;
  route_ = route;
  return moves ? bind() : Ok{};
}

void HeartbeatSocket::send(std::span<const uint8_t> datagram) {
  for (const Address& address : peers_) {
    if (!socket_.is_open()) {
      return;
    }
    sockaddr_storage peer;
    const socklen_t size = fill(peer, address, route_.port);
    const ssize_t sent = ::sendto(socket_.native_handle(), datagram.data(), datagram.size(),
                                  MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&peer), size);
    counters_.last_error = sent < 0 ? errno : 0;
    ++(sent < 0 ? counters_.send_failed : counters_.sent);
  }
}

void HeartbeatSocket::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](auto error) {
    if (!error) {
      receive();
      wait();
    }
  });
}

void HeartbeatSocket::receive() {
  if (!socket_.is_open()) {
    return;
  }
  std::array<uint8_t, kDatagramMax> buffer;
  for (int turn = 0; turn < kDatagramsATurn; ++turn) {
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(socket_.native_handle(), buffer.data(), buffer.size(),
                                    MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) {
      return;
    }
    if (std::ranges::none_of(peers_, [&](const Address& peer) { return comes_from(from, peer); })) {
      ++counters_.foreign;
      continue;
    }
    ++counters_.received;
    if (on_datagram_({buffer.data(), static_cast<size_t>(size)})) {
      heard_from(from);
    }
  }
}

void HeartbeatSocket::heard_from(const sockaddr_storage& from) {
  if (comes_from(from, peers_.front())) {
    peers_.resize(1);
  }
}

}  // namespace lvs::pulse
