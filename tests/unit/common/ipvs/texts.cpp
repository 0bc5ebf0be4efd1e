// How tables and requests read in logs, plans and listings.
#include <gtest/gtest.h>

#include "common/ipvs/request.h"

namespace lvs::ipvs {
namespace {

const ServiceKey kWeb = AddressKey{Protocol::tcp, *Address::parse("192.0.2.1"), 80};
const ServiceKey kSix = AddressKey{Protocol::udp, *Address::parse("2001:db8::1"), 53};

TEST(Texts, KeysReadAsInListings) {
  EXPECT_EQ(to_string(kWeb), "TCP 192.0.2.1:80");
  EXPECT_EQ(to_string(kSix), "UDP [2001:db8::1]:53");
  EXPECT_EQ(to_string(ServiceKey{MarkKey{80, Family::v4}}), "FWM 80");
  EXPECT_EQ(to_string(ServiceKey{MarkKey{80, Family::v6}}), "FWM 80 IPv6");
  EXPECT_EQ(to_string(DestKey{*Address::parse("10.0.0.2"), 8080}), "10.0.0.2:8080");
  EXPECT_EQ(to_string(Forward::direct), "Route");
}

TEST(Texts, RequestsReadAsSentences) {
  const DestKey server{*Address::parse("10.0.0.2"), 80};
  EXPECT_EQ(to_string(Request{NewService{kWeb, {}}}), "add service TCP 192.0.2.1:80");
  EXPECT_EQ(to_string(Request{NewDest{kWeb, server, {}}}),
            "add server 10.0.0.2:80 to TCP 192.0.2.1:80");
  EXPECT_EQ(to_string(Request{SetDest{kWeb, server, {}}}),
            "change server 10.0.0.2:80 of TCP 192.0.2.1:80");
  EXPECT_EQ(to_string(Request{DelDest{kWeb, server}}),
            "delete server 10.0.0.2:80 of TCP 192.0.2.1:80");
  EXPECT_EQ(to_string(Request{KillConnections{*Address::parse("10.0.0.5"), 32}}),
            "kill connections of 10.0.0.5/32");
  EXPECT_EQ(to_string(Request{Zero{}}), "zero all counters");
}

}  // namespace
}  // namespace lvs::ipvs
