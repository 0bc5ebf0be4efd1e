#include "lvsd/io/mark_watch.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <utility>

#include "common/io/notices.h"

namespace lvs::lvsd::io {

namespace {

bool takes_away(const nlmsghdr& message) {
  switch (message.nlmsg_type & 0xff) {
    case NFT_MSG_DELTABLE:
    case NFT_MSG_DELCHAIN:
    case NFT_MSG_DELRULE:
      return true;
    default:
      return false;
  }
}

}  // namespace

MarkWatch::MarkWatch(boost::asio::io_context& io, std::function<void()> touched)
    : notices_(io), touched_(std::move(touched)) {
  auto socket = lvs::io::subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
  if (socket) {
    notices_.assign(socket->release());
    wait();
  }
}

void MarkWatch::wait() {
  notices_.async_wait(notices_.wait_read, [this](const boost::system::error_code& error) {
    if (!error) {
      read();
      wait();
    }
  });
}

void MarkWatch::read() {
  bool is_touched = false;
  const bool is_whole =
      lvs::io::drain_notices(notices_.native_handle(), [&](const nlmsghdr& message) {
        is_touched |= takes_away(message) && lvs::io::is_about_nft_table(message, "mangle");
      });
  if (is_touched || !is_whole) {
    touched_();
  }
}

}  // namespace lvs::lvsd::io
