#include "nanny/io/pinger.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <random>

#include "common/io/pass_descriptors.h"
#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {

using boost::system::error_code;

namespace {

constexpr int kSocketsDescriptor = 5;
constexpr size_t kPacketMax = 1024;

// Where an echo goes, or where an answer came from.
struct Place {
  sockaddr_storage bytes{};
  socklen_t size = sizeof bytes;

  Place() = default;
  explicit Place(const Address& address) {
    if (address.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(bytes);
      v4.sin_family = AF_INET;
      std::memcpy(&v4.sin_addr, address.bytes(), sizeof v4.sin_addr);
      size = sizeof v4;
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(bytes);
      v6.sin6_family = AF_INET6;
      std::memcpy(&v6.sin6_addr, address.bytes(), sizeof v6.sin6_addr);
      size = sizeof v6;
    }
  }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&bytes); }
  Address address() const {
    return bytes.ss_family == AF_INET
               ? Address::v4_bytes(&reinterpret_cast<const sockaddr_in&>(bytes).sin_addr)
               : Address::v6_bytes(&reinterpret_cast<const sockaddr_in6&>(bytes).sin6_addr);
  }
};

}  // namespace

class Pinger::Run : public Probe {
 public:
  Run(Pinger& pinger, int socket, const Address& target, Duration timeout, Tell tell)
      : pinger_(pinger),
        socket_(socket),
        target_(target),
        pause_(timeout / kEchoes),
        tell_(std::move(tell)),
        timer_(pinger.io_) {
    std::random_device random;
    echo_ = {static_cast<uint16_t>(random()), 0, (uint64_t{random()} << 32) | random()};
    pinger_.running_[echo_.nonce] = this;
    again();
  }
  ~Run() override { pinger_.running_.erase(echo_.nonce); }

  void answered(const Address& by, const Echo& echo) {
    if (tell_ && by == target_ && echo.id == echo_.id) {
      end(works("ping: answered"));
    }
  }

 private:
  // The timer, and not this call, tells what becomes of it.
  void again() {
    const bool is_last = echo_.sequence == kEchoes;
    const int code = is_last ? 0 : send();
    timer_.expires_after(code == 0 && !is_last ? pause_ : Duration{0});
    timer_.async_wait([this, is_last, code, here = std::weak_ptr(here_)](const error_code&) {
      if (here.expired() || !tell_) {
        return;
      }
      if (code != 0) {
        end(system_error("ping", code));
      } else if (is_last) {
        end(fails("ping: no answer to " + std::to_string(kEchoes) + " echoes"));
      } else {
        again();
      }
    });
  }

  int send() {
    ++echo_.sequence;
    const std::string packet = echo_request(target_.is_v4(), echo_);
    Place place(target_);
    const ssize_t sent = ::sendto(socket_, packet.data(), packet.size(),
                                  MSG_DONTWAIT | MSG_NOSIGNAL, place.get(), place.size);
    return sent < 0 ? errno : 0;
  }

  // The probe may be destroyed by what it tells.
  void end(ProbeResult result) {
    const Tell tell = std::exchange(tell_, nullptr);
    timer_.cancel();
    tell(std::move(result));
  }

  Pinger& pinger_;
  int socket_;
  Address target_;
  Duration pause_;
  Tell tell_;
  boost::asio::steady_timer timer_;
  Echo echo_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);  // Ends with this object.
};

std::unique_ptr<Probe> Pinger::probe(const Address& target, Duration timeout, Tell tell) {
  const auto opened = v4_ || v6_ ? Result<Ok>(Ok{}) : open();
  auto& socket = target.is_v4() ? v4_ : v6_;
  if (!opened || !socket) {
    return probe_that_ends(
        io_,
        {Outcome::undecided, "ping: no ICMP socket" + (opened ? "" : ": " + opened.error().what),
         ""},
        std::move(tell));
  }
  return std::make_unique<Run>(*this, socket->native_handle(), target, timeout, std::move(tell));
}

Result<Ok> Pinger::open() {
  auto sockets = open_();
  if (!sockets) {
    return sockets.error();
  }
  for (auto& socket : *sockets) {
    int family = AF_UNSPEC;
    socklen_t size = sizeof family;
    ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
    if (family == AF_INET || family == AF_INET6) {
      auto& kept = family == AF_INET ? v4_ : v6_;
      kept.emplace(io_, socket.release());
      receive(family == AF_INET);
    }
  }
  return Ok{};
}

void Pinger::receive(bool is_v4) {
  (is_v4 ? v4_ : v6_)->async_wait(Descriptor::wait_read, [this, is_v4](const error_code& error) {
    if (!error) {
      take_all(is_v4);
      receive(is_v4);
    }
  });
}

// Echoes of everybody on this machine come here.
void Pinger::take_all(bool is_v4) {
  std::array<char, kPacketMax> packet;
  const int socket = (is_v4 ? v4_ : v6_)->native_handle();
  Place from;
  for (ssize_t bytes; (bytes = ::recvfrom(socket, packet.data(), packet.size(), MSG_DONTWAIT,
                                          from.get(), &from.size)) >= 0;
       from.size = sizeof from.bytes) {
    const auto echo = read_echo_reply(is_v4, {packet.data(), static_cast<size_t>(bytes)});
    const auto run = echo ? running_.find(echo->nonce) : running_.end();
    if (run != running_.end()) {
      run->second->answered(from.address(), *echo);
    }
  }
}

Pinger::Open sockets_of_lvsd() {
  return [] { return lvs::io::take_descriptors(kSocketsDescriptor); };
}

}  // namespace lvs::nanny::io
