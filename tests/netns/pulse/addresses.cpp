// Floating addresses against the real kernel.
#include "pulse/io/addresses.h"

#include <gmock/gmock.h>

#include "tests/netns/pulse/network.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using netns::becomes_true;
using netns::must;
using netns::output_of;
using testing::HasSubstr;
using testing::Not;

config::FloatingAddress floating(const char* address, std::optional<unsigned> prefix = {}) {
  return {*Address::parse(address), "eth0", "eth0:1", prefix};
}

std::string shown() {
  return output_of("ip -o address show dev eth0");
}

// A lease of this length, of which a busy machine may have used up some seconds meanwhile.
testing::Matcher<Duration> lease_of(Duration length) {
  return testing::AllOf(testing::Gt(length - 30s), testing::Le(length));
}

// Of the only address with a lease.
Duration lease_shown() {
  const std::string all = shown();
  const std::string before = "valid_lft ";
  for (size_t at = 0; (at = all.find(before, at)) != std::string::npos; at += before.size()) {
    if (const int left = std::atoi(all.c_str() + at + before.size()); left != 0) {
      return std::chrono::seconds{left};
    }
  }
  return {};
}

// Of one that was asked for alone.
Result<Ok> only(const Addresses::Failed& failed) {
  return failed.empty() ? Result<Ok>(Ok{}) : Result<Ok>(failed.at(0));
}

class AddressesTest : public netns::OwnNetwork {
 protected:
  void SetUp() override {
    OwnNetwork::SetUp();
    if (IsSkipped()) {
      return;
    }
    auto opened = Addresses::open();
    ASSERT_TRUE(opened);
    addresses_.emplace(std::move(opened).value());
  }
  Addresses& addresses() { return *addresses_; }
  Result<Ok> add(const config::FloatingAddress& address, std::optional<Duration> lease) {
    return only(addresses().add({&address, 1}, lease));
  }
  Result<Ok> renew(const config::FloatingAddress& address, std::optional<Duration> lease) {
    return only(addresses().renew({&address, 1}, lease));
  }
  std::optional<Addresses> addresses_;
};

TEST_F(AddressesTest, AnAddressComesAsASlash32WithLabelAndLease) {
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  EXPECT_THAT(shown(), HasSubstr("192.0.2.10/32"));
  EXPECT_THAT(shown(), HasSubstr("dynamic noprefixroute eth0:1"));
  EXPECT_THAT(lease_shown(), lease_of(60s));
}

TEST_F(AddressesTest, AnIpv6AddressIsUsableAtOnceAndNoSourceOfOurOwnConnections) {
  ASSERT_TRUE(add(floating("2001:db8::10"), 60s));
  EXPECT_THAT(shown(), HasSubstr("2001:db8::10/128"));
  EXPECT_THAT(shown(), HasSubstr("deprecated"));
  EXPECT_THAT(lease_shown(), lease_of(60s));
  EXPECT_THAT(shown(), HasSubstr("sec preferred_lft 0sec"));
  EXPECT_THAT(output_of("ip -6 -o address show dev eth0 tentative to 2001:db8::10"),
              testing::IsEmpty());
}

TEST_F(AddressesTest, WithoutALeaseItIsPermanent) {
  ASSERT_TRUE(add(floating("192.0.2.10"), std::nullopt));
  EXPECT_THAT(shown(), HasSubstr("valid_lft forever"));
}

TEST_F(AddressesTest, TheKernelTakesAwayWhatNobodyRenews) {
  ASSERT_TRUE(add(floating("192.0.2.10"), 1s));
  ASSERT_TRUE(add(floating("2001:db8::10"), 1s));
  EXPECT_TRUE(becomes_true([] { return shown().find("/32") == std::string::npos; }));
  EXPECT_TRUE(becomes_true([] { return shown().find("/128") == std::string::npos; }));
}

TEST_F(AddressesTest, ARenewedAddressOutlivesItsLease) {
  for (const char* text : {"192.0.2.10", "2001:db8::10"}) {
    ASSERT_TRUE(add(floating(text), 2s));
    ASSERT_TRUE(renew(floating(text), 60s));
  }
  const auto is_gone = [] {
    const std::string now = shown();
    return now.find("192.0.2.10/32") == std::string::npos ||
           now.find("2001:db8::10/128") == std::string::npos;
  };
  EXPECT_FALSE(becomes_true(is_gone, 4s));
}

TEST_F(AddressesTest, RenewingKeepsOurMarkSoThatASuccessorFindsIt) {
  ASSERT_TRUE(add(floating("192.0.2.10"), 60s));
  ASSERT_TRUE(renew(floating("192.0.2.10"), 100s));
  auto successor = Addresses::open();
  ASSERT_TRUE(successor);
  const auto found = successor->ours();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ(found->front().address, *Address::parse("192.0.2.10"));
  EXPECT_EQ(found->front().device, "eth0");
  EXPECT_EQ(found->front().label, "eth0:1");
  ASSERT_TRUE(found->front().lease_left);
  EXPECT_THAT(*found->front().lease_left, lease_of(100s));
  EXPECT_TRUE(successor->remove(floating("192.0.2.10")));
  EXPECT_THAT(shown(), Not(HasSubstr("192.0.2.10")));
}

TEST_F(AddressesTest, WhatTheAdministratorAddedIsNeverOurs) {
  must("ip address add 192.0.2.10/32 dev eth0");
  const auto added = add(floating("192.0.2.10"), 60s);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, EEXIST);
  EXPECT_THAT(added.error().what, HasSubstr("not from us"));
  EXPECT_TRUE(addresses().remove(floating("192.0.2.10")));
  EXPECT_THAT(shown(), HasSubstr("192.0.2.10/32"));
  EXPECT_THAT(shown(), HasSubstr("valid_lft forever"));
  EXPECT_TRUE(addresses().ours()->empty());
}

TEST_F(AddressesTest, AddingWhatWeHoldRenewsIt) {
  ASSERT_TRUE(add(floating("192.0.2.10"), 60s));
  EXPECT_TRUE(add(floating("192.0.2.10"), 100s));
  EXPECT_THAT(lease_shown(), lease_of(100s));
}

TEST_F(AddressesTest, RemovingWhatIsGoneIsNoError) {
  ASSERT_TRUE(add(floating("192.0.2.10"), 60s));
  must("ip address del 192.0.2.10/32 dev eth0");
  EXPECT_TRUE(addresses().remove(floating("192.0.2.10")));
}

TEST_F(AddressesTest, TheEndOfOneAddressDoesNotTakeItsNeighboursAlong) {
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  ASSERT_TRUE(add(floating("192.0.2.11", 24), 60s));
  ASSERT_TRUE(addresses().remove(floating("192.0.2.10", 24)));
  EXPECT_THAT(shown(), HasSubstr("192.0.2.11/32"));
}

TEST_F(AddressesTest, TheImpliedNetworkIsReachableWhereTheDeviceHasNoOtherAddressOfIt) {
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  EXPECT_THAT(output_of("ip route"),
              HasSubstr("192.0.2.0/24 dev eth0 proto 202 scope link src 192.0.2.10"));
  ASSERT_TRUE(addresses().remove(floating("192.0.2.10", 24)));
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("192.0.2.0/24")));
}

TEST_F(AddressesTest, TheImpliedNetworkPassesToTheNextAddressOfIt) {
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  ASSERT_TRUE(add(floating("192.0.2.11", 24), 60s));
  ASSERT_TRUE(addresses().remove(floating("192.0.2.10", 24)));
  EXPECT_THAT(output_of("ip route"),
              HasSubstr("192.0.2.0/24 dev eth0 proto 202 scope link src 192.0.2.11"));
  ASSERT_TRUE(addresses().remove(floating("192.0.2.11", 24)));
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("192.0.2.0/24")));
}

TEST_F(AddressesTest, TheImpliedNetworkEndsWithTheLease) {
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 1s));
  EXPECT_TRUE(
      becomes_true([] { return output_of("ip route").find("192.0.2.0/24") == std::string::npos; }));
}

TEST_F(AddressesTest, AnOwnAddressOfTheNetworkMakesItsRoute) {
  must("ip address add 192.0.2.1/24 dev eth0");
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("proto 202")));
}

TEST_F(AddressesTest, TheImpliedNetworkStaysReachableWhenTheOwnAddressOfItGoes) {
  must("ip address add 192.0.2.1/24 dev eth0");
  ASSERT_TRUE(add(floating("192.0.2.10", 24), 60s));
  ASSERT_TRUE(add(floating("192.0.2.11", 24), 60s));
  must("ip address del 192.0.2.1/24 dev eth0");
  addresses().look_at_routes();
  EXPECT_THAT(output_of("ip route"),
              HasSubstr("192.0.2.0/24 dev eth0 proto 202 scope link src 192.0.2.10"));
  must("ip address add 192.0.2.1/24 dev eth0");
  addresses().look_at_routes();
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("proto 202")));
  must("ip address del 192.0.2.1/24 dev eth0");
  addresses().look_at_routes();
  ASSERT_TRUE(addresses().remove(floating("192.0.2.10", 24)));
  EXPECT_THAT(output_of("ip route"), HasSubstr("proto 202 scope link src 192.0.2.11"));
  ASSERT_TRUE(addresses().remove(floating("192.0.2.11", 24)));
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("proto 202")));
}

TEST_F(AddressesTest, AMissingDeviceIsNamed) {
  config::FloatingAddress address = floating("192.0.2.10");
  address.device = "eth7";
  const auto added = add(address, 5s);
  ASSERT_FALSE(added);
  EXPECT_THAT(added.error().what, HasSubstr("eth7"));
}

TEST_F(AddressesTest, OfSeveralAtOnceThoseThatFailAreToldByTheirPlace) {
  must("ip address add 192.0.2.11/32 dev eth0");
  ASSERT_TRUE(add(floating("192.0.2.13"), 60s));
  std::vector several = {floating("192.0.2.10"), floating("192.0.2.11"), floating("192.0.2.12"),
                         floating("192.0.2.13"), floating("2001:db8::10")};
  several[2].device = "eth7";
  const auto failed = addresses().add(several, 100s);
  ASSERT_EQ(failed.size(), 2U);
  EXPECT_THAT(failed.at(1).what, AllOf(HasSubstr("192.0.2.11"), HasSubstr("not from us")));
  EXPECT_THAT(failed.at(2).what, AllOf(HasSubstr("192.0.2.12"), HasSubstr("eth7")));
  const auto ours = addresses().ours();
  ASSERT_TRUE(ours);
  EXPECT_EQ(ours->size(), 3U);
  for (const OurAddress& each : *ours) {
    EXPECT_THAT(each.lease_left.value(), lease_of(100s)) << to_string(each.address);
  }
}

TEST_F(AddressesTest, AThousandAddressesAreHeldAndLeft) {
  std::vector<config::FloatingAddress> all;
  for (uint32_t i = 0; i < 1000; ++i) {
    all.push_back({Address::v4(0x0A000001 + i), "eth0", "eth0:1", 8});
  }
  for (size_t done = 0; done < all.size(); done += 50) {
    ASSERT_TRUE(addresses().add(std::span(all).subspan(done, 50), 600s).empty()) << done;
  }
  EXPECT_EQ(addresses().ours()->size(), 1000u);
  for (const auto& each : all) {
    ASSERT_TRUE(addresses().remove(each)) << to_string(each.address);
  }
  EXPECT_TRUE(addresses().ours()->empty());
  EXPECT_THAT(output_of("ip route"), Not(HasSubstr("proto 202")));
}

}  // namespace
}  // namespace lvs::pulse
