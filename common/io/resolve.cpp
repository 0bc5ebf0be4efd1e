#include "common/io/resolve.h"

#include <netdb.h>
#include <netinet/in.h>

#include <memory>
#include <string>

namespace lvs::io {

std::optional<Address> resolve(std::string_view name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(std::string(name).c_str(), nullptr, &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  if (found->ai_family == AF_INET) {
    return Address::v4_bytes(&reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr);
  }
  if (found->ai_family == AF_INET6) {
    return Address::v6_bytes(&reinterpret_cast<const sockaddr_in6*>(found->ai_addr)->sin6_addr);
  }
  return std::nullopt;
}

}  // namespace lvs::io
