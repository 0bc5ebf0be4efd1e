// ICMP errors about connections: who gets them, and what they quote then.
#include "tests/bpf/icmp_packet.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

constexpr const char* kRouter = "192.0.2.7";

struct IcmpPath : PacketPath {
  const Packet request_at_server{.to = "10.0.0.2", .dport = 8080, .flags = kAck};
  const Packet reply_at_client{
      .from = "192.0.2.100", .to = "192.0.2.2", .sport = 80, .dport = 40000, .flags = kAck};

  void SetUp() override {
    PacketPath::SetUp();
    balance(kWeb, {.scheduler = "rr"});
    first({});
  }

  struct IcmpOutcome {
    uint32_t verdict = 0;
    std::optional<IcmpError> error;  // Nothing: a checksum or length is wrong.
  };
  IcmpOutcome error_on_nic(const IcmpError& error) {
    const auto raw = run_frame(core->nic_ingress_fd(), build(error));
    return {raw.verdict, read_error(raw.frame)};
  }
  void expect_untouched(const IcmpError& error) {
    const auto seen = run_frame(core->nic_ingress_fd(), build(error));
    EXPECT_EQ(seen.verdict, kPass);
    EXPECT_EQ(seen.frame, build(error));
  }
};

TEST_F(IcmpPath, AnErrorAboutAReplyGoesToTheServerWhichSeesItsOwnPacketQuoted) {
  IcmpError error{.from = kRouter, .to = "192.0.2.100", .quoted = reply_at_client};
  for (const uint8_t option_words : {0, 3}) {
    for (const uint8_t type : {3, 4, 11}) {
      error.type = type;
      error.option_words = option_words;
      error.quoted.option_words = option_words;
      const auto sent = error_on_nic(error);
      EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
      ASSERT_TRUE(sent.error) << "a checksum is wrong";
      IcmpError expected = error;
      expected.to = "10.0.0.2";
      expected.ttl = 63;
      expected.quoted.from = "10.0.0.2";
      expected.quoted.sport = 8080;
      EXPECT_EQ(*sent.error, expected);
    }
  }
}

TEST_F(IcmpPath, AnErrorAboutARequestGoesToTheClientAsFromTheVip) {
  const IcmpError error{.from = "10.0.0.9", .to = "192.0.2.2", .quoted = request_at_server};
  const auto sent = error_on_nic(error);
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(sent.error) << "a checksum is wrong";
  IcmpError expected = error;
  expected.from = "192.0.2.100";
  expected.ttl = 63;
  expected.quoted.to = "192.0.2.100";
  expected.quoted.dport = 80;
  EXPECT_EQ(*sent.error, expected);
}

TEST_F(IcmpPath, ErrorsAboutDatagramsAreTranslatedToo) {
  balance(kNames, {.scheduler = "rr"}, 1, 5353);
  first({.dport = 53, .protocol = 17, .flags = 0});
  const Packet question{.to = "10.0.0.2", .dport = 5353, .protocol = 17, .flags = 0};
  const auto sent = error_on_nic(
      {.from = "10.0.0.2", .to = "192.0.2.2", .code = 3, .mtu = 0, .quoted = question});
  ASSERT_TRUE(sent.error) << "a checksum is wrong";
  EXPECT_EQ(sent.error->from, "192.0.2.100");
  EXPECT_EQ(sent.error->quoted.dport, 53);
}

TEST_F(IcmpPath, ErrorsCountAsTrafficAndChangeNoState) {
  const auto before = connections().at(0);
  error_on_nic({.from = kRouter, .to = "192.0.2.100", .quoted = reply_at_client});
  EXPECT_EQ(connections().at(0).state, before.state);
  EXPECT_EQ(servers(kWeb)[0].stats.in_packets, 2U);
  EXPECT_EQ(servers(kWeb)[0].stats.out_packets, 0U);
}

TEST_F(IcmpPath, WhatIsNotAnErrorOfAConnectionIsLeftToTheStackUntouched) {
  const IcmpError base{.from = kRouter, .to = "192.0.2.100", .quoted = reply_at_client};
  IcmpError other_port = base;
  other_port.quoted.sport = 81;
  expect_untouched(other_port);
  IcmpError echo = base;
  echo.type = 8;
  expect_untouched(echo);
  IcmpError not_to_the_sender = base;
  not_to_the_sender.to = "192.0.2.1";
  expect_untouched(not_to_the_sender);
  IcmpError of_a_later_fragment = base;
  of_a_later_fragment.quoted.fragment = 100;
  expect_untouched(of_a_later_fragment);
  IcmpError without_ports = base;
  without_ports.quoted_l4_bytes = 2;
  expect_untouched(without_ports);
  EXPECT_TRUE(drops().empty());
}

TEST_F(IcmpPath, AnErrorAboutAnEndedConnectionIsLeftToTheStack) {
  ask(ipvs::KillConnections{*Address::parse("192.0.2.0"), 24});
  expect_untouched({.from = kRouter, .to = "192.0.2.100", .quoted = reply_at_client});
  expect_untouched({.from = "10.0.0.9", .to = "192.0.2.2", .quoted = request_at_server});
}

TEST_F(IcmpPath, AnErrorWithTtlOfOneEndsHere) {
  const IcmpError error{.from = kRouter, .to = "192.0.2.100", .ttl = 1, .quoted = reply_at_client};
  EXPECT_EQ(error_on_nic(error).verdict, TC_ACT_SHOT);
  EXPECT_EQ(drops()["time-exceeded"], 1U);
}

}  // namespace
}  // namespace lvs::test
