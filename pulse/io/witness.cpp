#include "pulse/io/witness.h"

#include <arpa/inet.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "common/io/unique_fd.h"

namespace lvs::pulse {
namespace {

constexpr size_t kWitnessesMax = 64;
constexpr size_t kPacketMax = 2048;
constexpr int kPacketsATurn = 32;
constexpr size_t kIpv4HeaderMin = 20;
constexpr size_t kIpv6Socket = 1;  // Index into sockets_.

// Type, code, checksum, identifier, sequence: the same layout in both families.
struct Echo {
  uint8_t type;
  uint8_t code = 0;
  uint16_t checksum = 0;
  uint16_t identifier;
  uint16_t sequence;
};
static_assert(sizeof(Echo) == 8);

uint16_t identifier() {
  return static_cast<uint16_t>(::getpid());
}

uint16_t checksum_of(const Echo& echo) {
  std::array<uint16_t, 4> words;
  std::memcpy(words.data(), &echo, sizeof echo);
  uint32_t sum = 0;
  for (const uint16_t word : words) {
    sum += word;
  }
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(~(sum + (sum >> 16)));
}

// The kernel drops everything but echo replies for us.
Result<io::UniqueFd> open_socket(bool is_v4) {
  io::UniqueFd fd{::socket(is_v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                           is_v4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6})};
  if (!fd) {
    return os_error(errno, "witness socket");
  }
  if (is_v4) {
    icmp_filter filter{};
    filter.data = ~(1u << ICMP_ECHOREPLY);
    ::setsockopt(fd.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  } else {
    icmp6_filter filter;
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  }
  return fd;
}

}  // namespace

Result<std::unique_ptr<Witnesses>> Witnesses::open(boost::asio::io_context& io,
                                                   OnChange on_change) {
  std::unique_ptr<Witnesses> witnesses(new Witnesses(io, std::move(on_change)));
  for (const bool is_v4 : {true, false}) {
    auto fd = open_socket(is_v4);
    if (!fd && is_v4) {
      return fd.error();
    }
    if (fd) {  // A machine without IPv6 has no second one.
      witnesses->sockets_.emplace_back(io, fd->release());
      witnesses->listen(witnesses->sockets_.size() - 1);
    }
  }
  return witnesses;
}

void Witnesses::ask(std::vector<Address> witnesses) {
  if (witnesses == witnesses_ && answered_at_) {
    return;
  }
  next_ = witnesses;
  witnesses_ = std::move(witnesses);
  // Silence counts from the first question to these.
  answered_at_ = Clock::now();
  told_.reset();
  tick();
}

void Witnesses::ask_also(const std::vector<Address>& witnesses) {
  const bool asked_none = witnesses_.empty();
  if (asked_none || witnesses.empty()) {
    return ask(witnesses);
  }
  next_ = witnesses;
  std::vector<Address> both = witnesses;
  std::ranges::copy_if(witnesses_, std::back_inserter(both), [&](const Address& before) {
    return both.size() < kWitnessesMax && std::ranges::count(witnesses, before) == 0;
  });
  witnesses_ = std::move(both);
}

void Witnesses::tick() {
  timer_.cancel();
  if (witnesses_.empty()) {
    return;
  }
  const bool answers = Clock::now() - *answered_at_ < kWitnessFresh;
  if (!answers && told_ != false) {
    told_ = false;
    on_change_(false);
  }
  ++sequence_;
  for (const Address& witness : witnesses_) {
    send(witness);
  }
  timer_.expires_after(kWitnessPause);
  timer_.async_wait([this](auto error) {
    if (!error) {
      tick();
    }
  });
}

// An IPv6 checksum is the kernel's work.
void Witnesses::send(const Address& witness) {
  Echo echo{static_cast<uint8_t>(witness.is_v4() ? ICMP_ECHO : ICMP6_ECHO_REQUEST), 0, 0,
            identifier(), htons(sequence_)};
  sockaddr_storage to{};
  socklen_t size = sizeof(sockaddr_in);
  size_t socket = 0;
  to.ss_family = static_cast<sa_family_t>(witness.af());
  if (witness.is_v4()) {
    reinterpret_cast<sockaddr_in&>(to).sin_addr.s_addr = witness.v4_network();
    echo.checksum = checksum_of(echo);
  } else {
    std::memcpy(&reinterpret_cast<sockaddr_in6&>(to).sin6_addr, witness.bytes(), witness.size());
    size = sizeof(sockaddr_in6);
    socket = kIpv6Socket;
  }
  if (socket < sockets_.size()) {
    ::sendto(sockets_[socket].native_handle(), &echo, sizeof echo, MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&to), size);
  }
}

void Witnesses::listen(size_t socket) {
  sockets_[socket].async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this, socket](auto error) {
                                if (!error) {
                                  receive(socket);
                                  listen(socket);
                                }
                              });
}

void Witnesses::receive(size_t socket) {
  std::array<uint8_t, kPacketMax> packet;
  for (int turn = 0; turn < kPacketsATurn; ++turn) {
    sockaddr_storage from{};
    socklen_t from_size = sizeof from;
    const ssize_t size = ::recvfrom(sockets_[socket].native_handle(), packet.data(), packet.size(),
                                    0, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) {
      return;
    }
    const bool is_v4 = from.ss_family == AF_INET;
    const size_t start = is_v4 ? std::max(kIpv4HeaderMin, (packet[0] & 0xFu) * size_t{4}) : 0;
    if (static_cast<size_t>(size) < start + sizeof(Echo)) {
      continue;
    }
    Echo echo;
    std::memcpy(&echo, packet.data() + start, sizeof echo);
    if (echo.identifier == identifier()) {
      heard(is_v4 ? Address::v4_bytes(&reinterpret_cast<sockaddr_in&>(from).sin_addr)
                  : Address::v6_bytes(&reinterpret_cast<sockaddr_in6&>(from).sin6_addr));
    }
  }
}

void Witnesses::heard(const Address& from) {
  if (!std::ranges::count(witnesses_, from)) {
    return;
  }
  if (std::ranges::count(next_, from)) {
    witnesses_ = next_;
  }
  answered_at_ = Clock::now();
  if (told_ != true) {
    told_ = true;
    on_change_(true);
  }
}

}  // namespace lvs::pulse
