#include "lvsd/io/echo_sockets.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace lvs::lvsd::io {

using lvs::io::UniqueFd;

Result<std::vector<UniqueFd>> open_echo_sockets() {
  constexpr int kType = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  std::vector<UniqueFd> sockets;
  UniqueFd v4{::socket(AF_INET, kType, IPPROTO_ICMP)};
  const int v4_errno = errno;
  const icmp_filter only_replies{~(1U << ICMP_ECHOREPLY)};
  if (v4 && ::setsockopt(v4.get(), SOL_RAW, ICMP_FILTER, &only_replies, sizeof only_replies) == 0) {
    sockets.push_back(std::move(v4));
  }
  UniqueFd v6{::socket(AF_INET6, kType, IPPROTO_ICMPV6)};
  icmp6_filter only_replies6;
  ICMP6_FILTER_SETBLOCKALL(&only_replies6);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only_replies6);
  if (v6 && ::setsockopt(v6.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &only_replies6,
                         sizeof only_replies6) == 0) {
    sockets.push_back(std::move(v6));
  }
  return sockets.empty() ? os_error(v4_errno, "ICMP socket")
                         : Result<std::vector<UniqueFd>>(std::move(sockets));
}

}  // namespace lvs::lvsd::io
