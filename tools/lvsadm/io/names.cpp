#include "tools/lvsadm/io/names.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>
#include <memory>

namespace lvs::lvsadm {
namespace {

std::optional<Address> address_of_host(const std::string& host) {
  for (const int af : {AF_INET, AF_INET6}) {
    addrinfo hints{};
    addrinfo* found = nullptr;
    hints.ai_family = af;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) {
      continue;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
    if (af == AF_INET) {
      return Address::v4_bytes(&reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr);
    }
    return Address::v6_bytes(&reinterpret_cast<sockaddr_in6*>(found->ai_addr)->sin6_addr);
  }
  return std::nullopt;
}

std::optional<uint16_t> port_of_service(const std::string& service, ipvs::Protocol protocol) {
  if (protocol == ipvs::Protocol::sctp) {
    return std::nullopt;
  }
  const char* const name = protocol == ipvs::Protocol::udp ? "udp" : "tcp";
  const servent* found = ::getservbyname(service.c_str(), name);
  return found == nullptr ? std::nullopt
                          : std::optional(ntohs(static_cast<uint16_t>(found->s_port)));
}

std::string host_of_address(const Address& address) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  std::memcpy(address.is_v4() ? static_cast<void*>(&v4.sin_addr) : &v6.sin6_addr, address.bytes(),
              address.size());
  const auto* place =
      address.is_v4() ? reinterpret_cast<sockaddr*>(&v4) : reinterpret_cast<sockaddr*>(&v6);
  const socklen_t size = address.is_v4() ? sizeof v4 : sizeof v6;
  char host[NI_MAXHOST];
  const bool has_name = ::getnameinfo(place, size, host, sizeof host, nullptr, 0, NI_NAMEREQD) == 0;
  return has_name ? host : to_string(address);
}

std::string service_of_port(uint16_t port, uint8_t protocol) {
  const servent* found = nullptr;
  if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) {
    found = ::getservbyport(htons(port), protocol == IPPROTO_UDP ? "udp" : "tcp");
  }
  return found == nullptr ? std::to_string(port) : found->s_name;
}

}  // namespace

Resolver system_resolver() {
  return {address_of_host, port_of_service};
}

Names system_names() {
  return {host_of_address, service_of_port};
}

}  // namespace lvs::lvsadm
