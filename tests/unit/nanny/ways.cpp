#include "nanny/ways.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

using namespace std::chrono_literals;

const Address kServer = *Address::parse("10.0.0.1");
const Result<std::string> kInside{std::string("eth1")};
const Result<std::string> kOutside{std::string("eth0")};
const Result<std::string> kNone{Error{101, "Network is unreachable"}};

TimePoint at(int second) {
  return TimePoint{} + std::chrono::seconds(second);
}

// A director with a public device, and one to its servers, through which a check has worked.
Ways director() {
  Ways ways;
  ways.device_is("eth0", true, at(0));
  ways.device_is("eth1", true, at(0));
  ways.led(kServer, "eth1");
  return ways;
}

std::string what(const std::optional<Ways::Lack>& lack) {
  return lack ? lack->what : "";
}

TEST(Ways, WithCarrierAndARouteAFailureIsTheServers) {
  EXPECT_FALSE(director().missing(kServer, kInside, at(1)));
}

TEST(Ways, WithoutARouteNothingIsKnownOfTheServer) {
  EXPECT_EQ(what(director().missing(kServer, kNone, at(1))), "no route: Network is unreachable");
}

TEST(Ways, WithoutCarrierNothingIsKnownOfTheServer) {
  Ways ways = director();
  ways.device_is("eth1", false, at(5));
  const auto lack = ways.missing(kServer, kInside, at(6));
  EXPECT_EQ(what(lack), "eth1 of this director is down or has no carrier");
  EXPECT_FALSE(lack->is_over);
}

TEST(Ways, TheDefaultRouteIsNoWayWhenTheDeviceThatLedThereIsDown) {
  Ways ways = director();
  ways.device_is("eth1", false, at(5));
  EXPECT_TRUE(ways.missing(kServer, kOutside, at(6)));
}

TEST(Ways, TheDefaultRouteIsNoWayWhenTheRouteThatLedThereIsGone) {
  EXPECT_EQ(what(director().missing(kServer, kOutside, at(6))),
            "the route leads to eth0 and no more to eth1");
}

TEST(Ways, ADeviceThatIsGoneIsRemembered) {
  Ways ways = director();
  ways.device_gone("eth1", at(5));
  EXPECT_EQ(what(ways.missing(kServer, kOutside, at(6))), "this director has no device eth1");
  const auto lost = ways.changes(at(6));
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_FALSE(lost[0].exists);
  ways.device_is("eth1", false, at(7));
  EXPECT_EQ(what(ways.missing(kServer, kOutside, at(8))),
            "eth1 of this director is down or has no carrier");
}

TEST(Ways, TheServersBehindADeviceThatIsAwayAreToldOnceAndAgainWhenItIsBack) {
  Ways ways = director();
  EXPECT_EQ(ways.next_change(), std::nullopt);
  ways.device_is("eth1", false, at(5));
  EXPECT_TRUE(ways.changes(at(5)).empty()) << "it may be nothing";
  EXPECT_EQ(ways.next_change(), at(5) + kWaySettles);
  const auto lost = ways.changes(at(6));
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_FALSE(lost[0].works);
  EXPECT_EQ(lost[0].servers, std::vector{kServer});
  EXPECT_TRUE(ways.changes(at(7)).empty());
  ways.device_is("eth1", true, at(9));
  const auto back = ways.changes(at(9));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_TRUE(back[0].works);
  EXPECT_EQ(back[0].servers, std::vector{kServer});
}

// A nanny that was started meanwhile has seen no check work.
TEST(Ways, AServerThatHadNoWayFromTheBeginningIsToldOfItsReturn) {
  Ways ways;
  ways.device_is("eth1", false, at(0));
  ASSERT_TRUE(ways.missing(kServer, kInside, at(1)));
  ways.is_to_lead(kServer, "eth1");
  EXPECT_EQ(ways.led_last(kServer), std::nullopt) << "it proves nothing";
  ways.device_is("eth1", true, at(9));
  const auto back = ways.changes(at(9));
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].servers, std::vector{kServer});
  ways.led(kServer, "eth0");
  ways.device_is("eth1", false, at(20));
  EXPECT_TRUE(ways.changes(at(30)).empty()) << "another one led there";
}

TEST(Ways, ADeviceThatLeadsToNoServerIsNotWorthAWord) {
  Ways ways = director();
  ways.device_is("eth0", false, at(5));
  EXPECT_TRUE(ways.changes(at(6)).empty());
  EXPECT_EQ(ways.next_change(), std::nullopt);
}

TEST(Ways, CarrierThatWasLostInTheMiddleOfACheckSpoilsItAndThoseSoonAfter) {
  Ways ways = director();
  ways.device_is("eth1", false, at(5));
  ways.device_is("eth1", true, at(8));
  const auto lack = ways.missing(kServer, kInside, at(4));
  EXPECT_EQ(what(lack), "eth1 of this director had no carrier for a while");
  EXPECT_TRUE(lack->is_over);
  EXPECT_TRUE(ways.missing(kServer, kInside, at(8) + kWayReturns));
  EXPECT_FALSE(ways.missing(kServer, kInside, at(8) + kWayReturns + 1ns));
}

TEST(Ways, AnotherDeviceWithoutCarrierIsNoExcuse) {
  Ways ways = director();
  ways.device_is("eth0", false, at(5));
  EXPECT_FALSE(ways.missing(kServer, kInside, at(6)));
}

TEST(Ways, BeforeACheckWorkedTheRouteAloneTells) {
  Ways ways;
  ways.device_is("eth1", false, at(0));
  EXPECT_TRUE(ways.missing(kServer, kInside, at(1)));
  EXPECT_FALSE(ways.missing(kServer, kOutside, at(1)));
}

TEST(Ways, AreLearnedOnceAndAgainAfterADeviceChanged) {
  Ways ways;
  ways.device_is("eth1", true, at(0));
  EXPECT_TRUE(ways.should_learn(kServer));
  ways.led(kServer, "eth1");
  EXPECT_FALSE(ways.should_learn(kServer));
  ways.device_is("eth1", true, at(1));
  EXPECT_FALSE(ways.should_learn(kServer));
  ways.device_is("eth1", false, at(2));
  EXPECT_TRUE(ways.should_learn(kServer));
}

TEST(Ways, AServerThatMovedToAnotherDeviceIsJudgedByThat) {
  Ways ways = director();
  ways.device_is("eth2", true, at(5));
  ways.led(kServer, "eth2");
  ways.device_is("eth1", false, at(6));
  EXPECT_FALSE(ways.missing(kServer, Result<std::string>(std::string("eth2")), at(7)));
}

}  // namespace
}  // namespace lvs::nanny
