// Which of the kernel's notices about addresses are news. pulse renews the lease of each floating
// address at a quarter of it, and the kernel tells every renewal like a new address: with thousands
// of them all that follows from an address would be done over and over again.
#pragma once

#include <linux/netlink.h>

#include <cstddef>
#include <string>
#include <unordered_map>

namespace lvs::core {

class KnownAddresses {
 public:
  static constexpr size_t kMax = 65536;

  // `message` is RTM_NEWADDR or RTM_DELADDR. False: the address is there already, and nothing about
  // it is different but how long it lives.
  bool is_news(const nlmsghdr& message);
  // Notices were lost.
  void forget() { told_.clear(); }

 private:
  std::unordered_map<std::string, std::string> told_;  // By device, family, prefix and address.
};

}  // namespace lvs::core
