#include "common/address.h"

#include <gtest/gtest.h>

namespace lvs {
namespace {

TEST(Address, ReadsBothFamiliesAndPrintsThemBack) {
  for (const char* text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "2001:db8::1"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(to_string(*address), text);
  }
  EXPECT_EQ(to_string(*Address::parse("[2001:db8::1]")), "2001:db8::1");
}

TEST(Address, RefusesWhatIsNotOneAddress) {
  for (const char* text :
       {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "host", "1.2.3.4 ", "2001:db8", "[1.2.3.4"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(Address, MaskingClearsTheBitsBehindThePrefix) {
  EXPECT_EQ(to_string(Address::parse("192.0.2.255")->masked(25)), "192.0.2.128");
  EXPECT_EQ(to_string(Address::parse("192.0.2.255")->masked(0)), "0.0.0.0");
  EXPECT_EQ(to_string(Address::parse("2001:db8:ffff::1")->masked(36)), "2001:db8:f000::");
}

TEST(Address, ANetmaskHasContiguousOnes) {
  EXPECT_EQ(prefix_of_netmask(*Address::parse("255.255.255.0")), 24U);
  EXPECT_EQ(prefix_of_netmask(*Address::parse("0.0.0.0")), 0U);
  EXPECT_EQ(prefix_of_netmask(*Address::parse("255.0.255.0")), std::nullopt);
}

TEST(Endpoint, BracketsIpv6) {
  EXPECT_EQ(to_string(Endpoint{*Address::parse("192.0.2.1"), 80}), "192.0.2.1:80");
  EXPECT_EQ(to_string(Endpoint{*Address::parse("2001:db8::1"), 80}), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace lvs
