// Which notices about addresses are news, with those of the real kernel.
#include "lvsd/core/io/known_addresses.h"

#include <gtest/gtest.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "common/io/notices.h"
#include "tests/netns/pulse/network.h"

namespace lvs::core {
namespace {

using pulse::netns::becomes_true;
using pulse::netns::must;
using pulse::netns::output_of;

class KnownAddressesTest : public pulse::netns::OwnNetwork {
 protected:
  void SetUp() override {
    OwnNetwork::SetUp();
    if (!IsSkipped()) {
      // The addresses that the devices have by themselves are news, too, when they are settled.
      ASSERT_TRUE(becomes_true([] {
        const auto settled = output_of("ip -6 -o address show scope link -tentative");
        return std::count(settled.begin(), settled.end(), '\n') == 2;
      }));
      auto socket = io::subscribe(NETLINK_ROUTE, {RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
      ASSERT_TRUE(socket);
      socket_ = std::move(socket).value();
    }
  }
  // Of `ip address WORDS`: how many notices came, and how many of them were news. That of a new
  // IPv6 address comes later than the answer.
  std::pair<int, int> notices_of(const std::string& words) {
    must("ip address " + words);
    int all = 0;
    int news = 0;
    EXPECT_TRUE(becomes_true([&] {
      EXPECT_TRUE(io::drain_notices(socket_.get(), [&](const nlmsghdr& message) {
        ++all;
        news += known_.is_news(message) ? 1 : 0;
      }));
      return all > 0;
    }));
    return {all, news};
  }

  io::UniqueFd socket_;
  KnownAddresses known_;
};

TEST_F(KnownAddressesTest, ARenewedLeaseIsNone) {
  for (const std::string address : {"192.0.2.1/32", "2001:db8::1/128 nodad"}) {
    EXPECT_EQ(notices_of("add " + address + " dev eth0 valid_lft 60 preferred_lft 60").second, 1);
    EXPECT_EQ(notices_of("change " + address + " dev eth0 valid_lft 90 preferred_lft 80"),
              (std::pair{1, 0}));
  }
}

TEST_F(KnownAddressesTest, OneOnAnotherDeviceIs) {
  (void)notices_of("add 192.0.2.1/32 dev eth0");
  EXPECT_EQ(notices_of("add 192.0.2.1/32 dev peer0").second, 1);
}

TEST_F(KnownAddressesTest, OneThatWentAndCameAgainIs) {
  (void)notices_of("add 192.0.2.1/32 dev eth0");
  EXPECT_EQ(notices_of("del 192.0.2.1/32 dev eth0").second, 1);
  EXPECT_EQ(notices_of("add 192.0.2.1/32 dev eth0").second, 1);
}

TEST_F(KnownAddressesTest, OneThatChangesAndChangesBackIsTwice) {
  const std::string lease = " dev eth0 valid_lft 60 preferred_lft ";
  (void)notices_of("add 2001:db8::1/128 nodad" + lease + "60");
  EXPECT_EQ(notices_of("change 2001:db8::1/128" + lease + "0").second, 1);  // Deprecated.
  EXPECT_EQ(notices_of("change 2001:db8::1/128" + lease + "0").second, 0);
  EXPECT_EQ(notices_of("change 2001:db8::1/128" + lease + "60").second, 1);
}

TEST_F(KnownAddressesTest, AfterALossEachIsOnceMore) {
  (void)notices_of("add 192.0.2.1/32 dev eth0 valid_lft 60 preferred_lft 60");
  known_.forget();
  EXPECT_EQ(notices_of("change 192.0.2.1/32 dev eth0 valid_lft 60 preferred_lft 60").second, 1);
  EXPECT_EQ(notices_of("change 192.0.2.1/32 dev eth0 valid_lft 60 preferred_lft 60").second, 0);
}

}  // namespace
}  // namespace lvs::core
