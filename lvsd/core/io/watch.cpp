#include "lvsd/core/io/watch.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>

#include <algorithm>

#include "common/io/notices.h"

namespace lvs::core {

Result<Ok> Watch::start(boost::asio::io_context& io, Watched on, std::unique_ptr<Watch>& to) {
  auto nft = lvs::io::subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
  if (!nft) {
    return nft.error();
  }
  auto route = lvs::io::subscribe(
      NETLINK_ROUTE,
      {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_TC, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
       RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_NETCONF});
  if (!route) {
    return route.error();
  }
  auto policies = lvs::io::subscribe(NETLINK_XFRM, {XFRMNLGRP_POLICY});
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
      (void)lvs::io::drain_notices(policies_.native_handle(), [](const nlmsghdr&) {});
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
  const bool is_whole = lvs::io::drain_notices(nft_.native_handle(), [&](const nlmsghdr& message) {
    switch (message.nlmsg_type & 0xff) {
      case NFT_MSG_NEWGEN:
        foreign += is_ours_touched_ ? 1 : 0;
        is_ours_touched_ = false;
        break;
      default:
        is_ours_touched_ |= lvs::io::is_about_nft_table(message, "lvs");
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
  bool is_anything = false;
  bool is_attachment = false;
  const bool is_whole =
      lvs::io::drain_notices(route_.native_handle(), [&](const nlmsghdr& message) {
        const auto type = message.nlmsg_type;
        const bool is_address = type == RTM_NEWADDR || type == RTM_DELADDR;
        if (!is_address || known_addresses_.is_news(message)) {
          is_anything = true;
          is_attachment |= type != RTM_NEWNEIGH && type != RTM_DELNEIGH;
        }
      });
  if (!is_whole) {
    known_addresses_.forget();
  } else if (!is_anything) {
    return;
  }
  on_.next_hops();
  if (is_attachment || !is_whole) {
    on_.attachments();
  }
}

}  // namespace lvs::core
