#include "lvsd/core/io/watch.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "common/io/unique_fd.h"

namespace lvs::core {

namespace {

constexpr int kReceiveBuffer = 1 << 20;

Result<io::UniqueFd> subscribe(int protocol, std::initializer_list<int> groups) {
  io::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
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

// Calls `each` for every message that waits; false when some were lost.
template <typename Each>
bool drain(int fd, Each each) {
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

// The table's name is attribute 1 in messages about tables, chains, rules, sets and elements alike.
bool is_about_our_table(const nlmsghdr& message) {
  static_assert(NFTA_TABLE_NAME == 1 && NFTA_CHAIN_TABLE == 1 && NFTA_RULE_TABLE == 1 &&
                NFTA_SET_TABLE == 1 && NFTA_SET_ELEM_LIST_TABLE == 1);
  const auto* name = attribute(message, NFTA_TABLE_NAME);
  return name != nullptr && name->nla_len >= sizeof(nlattr) + 4 &&
         std::memcmp(name + 1, "lvs", 4) == 0;
}

}  // namespace

Result<Ok> Watch::start(boost::asio::io_context& io, Watched on, std::unique_ptr<Watch>& to) {
  auto nft = subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
  if (!nft) {
    return nft.error();
  }
  auto route =
      subscribe(NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR,
                                RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_IFADDR,
                                RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_NETCONF});
  if (!route) {
    return route.error();
  }
  auto policies = subscribe(NETLINK_XFRM, {XFRMNLGRP_POLICY});
  to = std::make_unique<Watch>(io, std::move(on), nft->release(), route->release(),
                               policies ? policies->release() : -1);
  return Ok{};
}

Watch::Watch(boost::asio::io_context& io, Watched on, int nft_fd, int route_fd, int policies_fd)
    : on_(std::move(on)), nft_(io, nft_fd), route_(io, route_fd), policies_(io) {
  wait_nft();
  wait_route();
  if (policies_fd >= 0) {
    policies_.assign(policies_fd);
    wait_policies();
  }
}

void Watch::wait_nft() {
  nft_.async_wait(nft_.wait_read, [this](const boost::system::error_code& error) {
    if (!error) {
      read_nft();
      wait_nft();
    }
  });
}

void Watch::wait_route() {
  route_.async_wait(route_.wait_read, [this](const boost::system::error_code& error) {
    if (!error) {
      read_route();
      wait_route();
    }
  });
}

void Watch::wait_policies() {
  policies_.async_wait(policies_.wait_read, [this](const boost::system::error_code& error) {
    if (!error) {
      (void)drain(policies_.native_handle(), [](const nlmsghdr&) {});
      on_.policies();
      wait_policies();
    }
  });
}

// A transaction ends with NEWGEN; what it did stands before. Of those that touched our table as
// many are ours as we committed; whether it was just these does not matter, as long as none is left
// over.
void Watch::read_nft() {
  unsigned foreign = 0;
  const bool is_whole = drain(nft_.native_handle(), [&](const nlmsghdr& message) {
    switch (message.nlmsg_type & 0xff) {
      case NFT_MSG_NEWGEN:
        foreign += is_ours_touched_ ? 1 : 0;
        is_ours_touched_ = false;
        break;
      default:
        is_ours_touched_ |= is_about_our_table(message);
    }
  });
  const unsigned own = std::min(foreign, own_transactions_);
  foreign -= own;
  own_transactions_ = is_whole ? own_transactions_ - own : 0;
  if (foreign != 0 || !is_whole) {
    on_.nft_table();
  }
}

void Watch::read_route() {
  bool is_attachment = false;
  const bool is_whole = drain(route_.native_handle(), [&](const nlmsghdr& message) {
    is_attachment |= message.nlmsg_type != RTM_NEWNEIGH && message.nlmsg_type != RTM_DELNEIGH;
  });
  on_.next_hops();
  if (is_attachment || !is_whole) {
    on_.attachments();
  }
}

}  // namespace lvs::core
