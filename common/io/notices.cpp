#include "common/io/notices.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstring>
#include <string>

namespace lvs::io {

namespace {

// 4,000 addresses whose lease is renewed at once are some 4 MiB as the kernel counts.
constexpr int kReceiveBuffer = 8 << 20;

// The first attribute of this type in an nftables message.
const nlattr* attribute(const nlmsghdr& message, uint16_t type) {
  const auto* at = reinterpret_cast<const char*>(&message) + NLMSG_HDRLEN + sizeof(nfgenmsg);
  const auto* end = reinterpret_cast<const char*>(&message) + message.nlmsg_len;
  while (at + sizeof(nlattr) <= end) {
    const auto* found = reinterpret_cast<const nlattr*>(at);
    if (found->nla_len < sizeof(nlattr) || at + found->nla_len > end) {
      return nullptr;
    }
    if ((found->nla_type & NLA_TYPE_MASK) == type) {
      return found;
    }
    at += NLA_ALIGN(found->nla_len);
  }
  return nullptr;
}

}  // namespace

Result<UniqueFd> subscribe(int protocol, std::initializer_list<int> groups) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0) {
    return os_error(errno, "open a netlink socket to watch");
  }
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  for (const int group : groups) {
    if (::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) !=
        0) {
      return os_error(errno, "watch netlink group " + std::to_string(group));
    }
  }
  return socket;
}

// The table's name is attribute 1 in messages about tables, chains, rules, sets and elements alike.
bool is_about_nft_table(const nlmsghdr& message, std::string_view name) {
  static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
                NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);
  const auto* found = attribute(message, NFTA_TABLE_NAME);
  return found != nullptr && found->nla_len == sizeof(nlattr) + name.size() + 1 &&
         std::memcmp(found + 1, name.data(), name.size()) == 0;
}

}  // namespace lvs::io
