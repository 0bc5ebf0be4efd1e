#include "common/nearest.h"

#include <gtest/gtest.h>

namespace lvs {
namespace {

const std::vector<std::string> kSchedulers{"rr", "wrr", "wlc", "lblcr"};

TEST(Nearest, AWordWithALetterTooManyTooFewOrWrongIsFound) {
  EXPECT_EQ(nearest(kSchedulers, "wrrr"), "wrr");
  EXPECT_EQ(nearest(kSchedulers, "lblr"), "lblcr");
  EXPECT_EQ(nearest({"address"}, "adres"), "address");
  EXPECT_EQ(nearest(kSchedulers, "wlx"), "wlc");
}

TEST(Nearest, AnotherWordIsNotAGuess) {
  EXPECT_EQ(nearest(kSchedulers, "random"), "");
  EXPECT_EQ(nearest(kSchedulers, "xx"), "") << "nothing of it is left";
  EXPECT_EQ(nearest({"tcp", "udp", "sctp"}, "icmp"), "") << "two edits of four letters";
  EXPECT_EQ(nearest(kSchedulers, ""), "");
}

TEST(Nearest, WhatPeopleAndOtherProgramsSayIsAGuess) {
  const std::vector<std::string> checks{"tcp", "http", "https", "script", "ping"};
  EXPECT_EQ(natural(checks, "tcp_connect"), "tcp");
  EXPECT_EQ(natural(checks, "HTTP"), "http");
  EXPECT_EQ(natural(checks, "ssl-get"), "https");
  EXPECT_EQ(natural(checks, "MISC_CHECK"), "script");
  EXPECT_EQ(natural(checks, "icmp"), "ping");
  EXPECT_EQ(natural({"nat", "direct", "tunnel"}, "dr"), "direct");
  EXPECT_EQ(natural(kSchedulers, "round-robin"), "rr");
  EXPECT_EQ(natural({"0", "1"}, "Yes"), "1");
  EXPECT_EQ(natural({"lvs", "fos"}, "icmp"), "") << "known elsewhere";
}

TEST(Nearest, TheGuessIsAQuestion) {
  EXPECT_EQ(did_you_mean(kSchedulers, "wlx"), "; did you mean wlc?");
  EXPECT_EQ(did_you_mean(kSchedulers, "random"), "");
}

}  // namespace
}  // namespace lvs
