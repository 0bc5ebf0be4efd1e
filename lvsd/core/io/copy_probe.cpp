#include "lvsd/core/io/copy_probe.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/chain.h"
#include "lvsd/core/io/devices.h"

namespace lvs::core {

namespace {

// Addresses for documentation: nobody's.
constexpr const char* kNobody4 = "192.0.2.253";
constexpr const char* kNobody6 = "2001:db8:ffff::1";
constexpr uint8_t kTtl = 64;

template <typename Header>
void append(std::vector<uint8_t>& bytes, const Header& header) {
  const auto* begin = reinterpret_cast<const uint8_t*>(&header);
  bytes.insert(bytes.end(), begin, begin + sizeof(header));
}

std::vector<uint8_t> packet_to(const Address& vip) {
  std::vector<uint8_t> bytes;
  if (vip.family() == Family::v4) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof(ip) / 4;
    ip.ttl = kTtl;
    ip.protocol = IPPROTO_TCP;
    ::inet_pton(AF_INET, kNobody4, &ip.saddr);
    std::memcpy(&ip.daddr, vip.bytes(), sizeof(ip.daddr));
    append(bytes, ip);
  } else {
    ip6_hdr ip{};
    ip.ip6_flow = htonl(6U << 28);
    ip.ip6_plen = htons(sizeof(tcphdr));
    ip.ip6_nxt = IPPROTO_TCP;
    ip.ip6_hlim = kTtl;
    ::inet_pton(AF_INET6, kNobody6, &ip.ip6_src);
    std::memcpy(&ip.ip6_dst, vip.bytes(), sizeof(ip.ip6_dst));
    append(bytes, ip);
  }
  tcphdr tcp{};
  tcp.doff = sizeof(tcp) / 4;
  tcp.syn = 1;
  append(bytes, tcp);
  return bytes;
}

bool is_chosen(int socket) {
  const int priority = static_cast<int>(LVS_PRIORITY_PROBE);
  return ::setsockopt(socket, SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority)) == 0 &&
         ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, kIpvs0, std::strlen(kIpvs0)) == 0;
}

// Connected to where the copies go.
io::UniqueFd open4() {
  io::UniqueFd socket(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  ::inet_pton(AF_INET, kCopiesTo4, &to.sin_addr);
  const bool is_ready = socket && is_chosen(socket.get()) &&
                        ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  return is_ready ? std::move(socket) : io::UniqueFd{};
}

io::UniqueFd open6() {
  io::UniqueFd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW));
  const int on = 1;
  sockaddr_in6 from{};
  from.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, kNobody6, &from.sin6_addr);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_scope_id = ::if_nametoindex(kIpvs0);
  ::inet_pton(AF_INET6, kCopiesTo6, &to.sin6_addr);
  const bool is_ready =
      socket && is_chosen(socket.get()) &&
      ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) == 0 &&
      ::bind(socket.get(), reinterpret_cast<sockaddr*>(&from), sizeof(from)) == 0 &&
      ::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0;
  return is_ready ? std::move(socket) : io::UniqueFd{};
}

}  // namespace

void CopyProbe::send(const Address& vip, uint32_t arrived) {
  if (is_sent_) {
    missed_ = arrived == arrived_ ? missed_ + 1 : 0;
  }
  arrived_ = arrived;
  if (!socket_ || family_ != vip.family()) {
    family_ = vip.family();
    socket_ = family_ == Family::v4 ? open4() : open6();
  }
  // A verdict of OUTPUT is told as an error (EPERM), which is no reason to believe that none was
  // sent. A socket of a device that is gone is.
  const auto packet = packet_to(vip);
  is_sent_ =
      socket_ && (::write(socket_.get(), packet.data(), packet.size()) >= 0 || errno == EPERM);
  if (!is_sent_) {
    socket_ = {};
    missed_ = 0;
  }
}

}  // namespace lvs::core
