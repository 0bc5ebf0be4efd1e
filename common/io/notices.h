// What the kernel tells on its own accord, over netlink: subscribing to groups, and reading all
// that waits.
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

Result<UniqueFd> subscribe(int protocol, std::initializer_list<int> groups);

// Calls `each` for every message that waits; false when some were lost.
template <typename Each>
bool drain_notices(int fd, Each each) {
  alignas(nlmsghdr) std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      return errno != ENOBUFS;
    }
    auto left = static_cast<unsigned>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
         message = NLMSG_NEXT(message, left)) {
      each(*message);
    }
  }
}

// Whether an nftables message is about a table of this name, or about what is in one.
bool is_about_nft_table(const nlmsghdr& message, std::string_view name);

}  // namespace lvs::io
