#include "nanny/echo.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

const Echo kEcho{0x1234, 3, 0x1122334455667788};

// What a machine makes of a request: the type changes, the rest comes back.
std::string reply(bool is_v4) {
  std::string packet = echo_request(is_v4, kEcho);
  packet[0] = static_cast<char>(is_v4 ? 0 : 129);
  return is_v4 ? "\x46" + std::string(23, '\0') + packet : packet;  // A header with options.
}

TEST(Echo, ARequestOfIpv4HasItsChecksum) {
  const std::string packet = echo_request(true, kEcho);
  uint32_t sum = 0;
  for (size_t at = 0; at < packet.size(); at += 2) {
    sum +=
        static_cast<unsigned char>(packet[at]) * 256U + static_cast<unsigned char>(packet[at + 1]);
  }
  EXPECT_EQ((sum >> 16) + (sum & 0xffff), 0xffffU);
  EXPECT_EQ(packet[0], 8);
  EXPECT_EQ(static_cast<unsigned char>(echo_request(false, kEcho)[0]), 128);
}

TEST(Echo, AReplyIsReadBehindTheHeaderThatIpv4Has) {
  EXPECT_EQ(read_echo_reply(true, reply(true)), kEcho);
  EXPECT_EQ(read_echo_reply(false, reply(false)), kEcho);
}

TEST(Echo, OtherPacketsAreNotOurs) {
  EXPECT_FALSE(read_echo_reply(true, ""));
  EXPECT_FALSE(read_echo_reply(true, reply(true).substr(0, 39)));
  EXPECT_FALSE(read_echo_reply(true, reply(true) + "x"));
  EXPECT_FALSE(read_echo_reply(true, "\x4f" + reply(true).substr(1))) << "header beyond its end";
  EXPECT_FALSE(read_echo_reply(false, echo_request(false, kEcho))) << "a request";
  std::string unreachable = reply(true);
  unreachable[24] = 3;
  EXPECT_FALSE(read_echo_reply(true, unreachable));
}

}  // namespace
}  // namespace lvs::nanny
