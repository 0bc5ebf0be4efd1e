#include "common/io/own_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <memory>

namespace lvs::io {

Result<std::set<Address>> own_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) {
    return os_error(errno, "list the addresses of this machine");
  }
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, &::freeifaddrs);
  std::set<Address> addresses;
  for (const ifaddrs* each = list; each != nullptr; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) {
      continue;
    }
    if (each->ifa_addr->sa_family == AF_INET) {
      const auto* v4 = reinterpret_cast<const sockaddr_in*>(each->ifa_addr);
      addresses.insert(Address::v4_bytes(&v4->sin_addr));
    } else if (each->ifa_addr->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(each->ifa_addr);
      addresses.insert(Address::v6_bytes(&v6->sin6_addr));
    }
  }
  return addresses;
}

}  // namespace lvs::io
