// ICMP errors about connections: who gets them, and what they quote then.
#include <chrono>

#include "tests/bpf/icmp_packet.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

constexpr uint16_t kDontFragment = 0x4000;
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
  static IcmpOutcome refused(int program, const Packet& packet, uint32_t segment = 0,
                             uint32_t mark = 0) {
    __sk_buff context{};
    context.mark = mark;
    context.gso_size = segment;
    context.gso_segs = segment == 0 ? 0 : 2;
    const auto raw = run_frame(program, build(packet), context);
    return {raw.verdict, raw.verdict == TC_ACT_REDIRECT ? read_error(raw.frame) : std::nullopt};
  }
  IcmpOutcome refused_on_nic(const Packet& packet, uint32_t segment = 0) {
    return refused(core->nic_ingress_fd(), packet, segment);
  }
  // Links of 1,500 bytes take `bytes` of TCP payload more than they can.
  static Packet too_big(Packet packet, size_t bytes = 1) {
    packet.fragment = kDontFragment;
    packet.payload = std::string(1460 + bytes, 'x');
    return packet;
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

TEST_F(IcmpPath, ATooBigRequestIsAnsweredToTheClientFromTheVip) {
  const Packet big = too_big({.flags = kAck});
  const IcmpError expected{.from = "192.0.2.100", .to = "192.0.2.2", .mtu = 1500, .quoted = big};
  const Packet new_one = too_big({.sport = 40001});
  IcmpError to_new_one = expected;
  to_new_one.quoted = new_one;
  const auto behind_the_stack = refused(core->ipvs0_egress_fd(), new_one);
  EXPECT_EQ(behind_the_stack.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(behind_the_stack.error) << "a checksum or length is wrong";
  EXPECT_EQ(*behind_the_stack.error, to_new_one);

  const auto by_remembered_route = refused_on_nic(big);
  EXPECT_EQ(by_remembered_route.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(by_remembered_route.error) << "a checksum or length is wrong";
  EXPECT_EQ(*by_remembered_route.error, expected);
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"too-big", 2}}));
}

TEST_F(IcmpPath, ATooBigReplyIsAnsweredToTheServerFromTheVip) {
  Packet big = kReply;
  big.flags = kAck;
  big = too_big(big);
  const auto answer = refused_on_nic(big);
  EXPECT_EQ(answer.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(answer.error) << "a checksum or length is wrong";
  EXPECT_EQ(*answer.error,
            (IcmpError{.from = "192.0.2.100", .to = "10.0.0.2", .mtu = 1500, .quoted = big}));
}

TEST_F(IcmpPath, OptionsOfATooBigPacketAreQuoted) {
  Packet big = too_big({.flags = kAck});
  big.option_words = 10;
  const auto answer = refused_on_nic(big);
  ASSERT_TRUE(answer.error) << "a checksum or length is wrong";
  EXPECT_EQ(answer.error->quoted.dport, 80);
  EXPECT_EQ(answer.error->quoted_l4_bytes, 8U);
}

TEST_F(IcmpPath, OfATrainEachSegmentMustFit) {
  Packet train = too_big({.flags = kAck}, 1000);
  EXPECT_EQ(
      run_frame(core->nic_ingress_fd(), build(train), {.gso_segs = 2, .gso_size = 1460}).verdict,
      TC_ACT_REDIRECT);
  EXPECT_TRUE(drops().empty());
  const auto answer = refused_on_nic(train, 1461);
  ASSERT_TRUE(answer.error) << "a checksum or length is wrong";
  EXPECT_EQ(answer.error->mtu, 1500);
  EXPECT_EQ(drops()["too-big"], 1U);
}

TEST_F(IcmpPath, WhatExactlyFitsIsForwarded) {
  EXPECT_EQ(on_nic(too_big({.flags = kAck}, 0)).packet->to, "10.0.0.2");
  EXPECT_EQ(first(too_big({.sport = 40001}, 0)).packet->to, "10.0.0.2");
}

TEST_F(IcmpPath, ATooBigRequestThatMayBeCutIsTranslatedAndSentByTheStack) {
  Packet big = too_big({.flags = kAck});
  big.fragment = 0;
  const auto passed = on_nic(big);
  EXPECT_EQ(passed.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(passed.packet) << "a checksum is wrong";
  EXPECT_EQ(passed.packet->to, "10.0.0.2");
  EXPECT_EQ(passed.packet->ttl, big.ttl) << "the stack takes one";
  EXPECT_EQ(drops()["passed-to-be-fragmented"], 1U);
}

TEST_F(IcmpPath, TtlOfOneEndsHereAndTheSenderIsTold) {
  const Packet last_hop{.flags = kAck, .ttl = 1};
  IcmpError expected{.from = "192.0.2.100",
                     .to = "192.0.2.2",
                     .type = 11,
                     .code = 0,
                     .mtu = 0,
                     .quoted = last_hop};
  const auto on_known_flow = refused_on_nic(last_hop);
  ASSERT_TRUE(on_known_flow.error) << "a checksum or length is wrong";
  EXPECT_EQ(*on_known_flow.error, expected);
  expected.quoted.sport = 40001;
  const auto on_new_flow = refused(core->ipvs0_egress_fd(), {.sport = 40001, .ttl = 0});
  ASSERT_TRUE(on_new_flow.error) << "a checksum or length is wrong";
  EXPECT_EQ(*on_new_flow.error, expected);
  EXPECT_EQ(drops()["time-exceeded"], 2U);
}

TEST_F(IcmpPath, AClientOfAServiceWithoutServersIsToldThatThePortIsUnreachable) {
  ask(ipvs::DelDest{kWeb, {*Address::parse("10.0.0.2"), 8080}});
  balance(kNames, {.scheduler = "wlc"}, 0);
  balance(kMark, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60}, 0);
  struct Try {
    Packet packet;
    uint32_t mark = 0;
  };
  for (const Try& one : {Try{{.sport = 40001}}, Try{{.sport = 40001}, 7},
                         Try{{.dport = 53, .protocol = 17, .flags = 0, .has_checksum = false}}}) {
    const auto answer = refused(core->ipvs0_egress_fd(), one.packet, 0, one.mark);
    EXPECT_EQ(answer.verdict, TC_ACT_REDIRECT);
    ASSERT_TRUE(answer.error) << "a checksum or length is wrong";
    EXPECT_EQ(
        *answer.error,
        (IcmpError{
            .from = "192.0.2.100", .to = "192.0.2.2", .code = 3, .mtu = 0, .quoted = one.packet}));
  }
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"no-destination", 3}}));
}

TEST_F(IcmpPath, WhatIsDroppedForAnotherReasonIsDroppedInSilence) {
  ask(ipvs::DelDest{kWeb, {*Address::parse("10.0.0.2"), 8080}});
  EXPECT_EQ(first({.flags = kAck}).verdict, TC_ACT_SHOT);
  EXPECT_EQ(drops()["destination-removed"], 1U);
}

TEST_F(IcmpPath, AnswersAreLimitedAsTheStackLimitsItsOwn) {
  constexpr int kFlood = 1000;
  constexpr int kAtOnce = 50;
  const auto begin = std::chrono::steady_clock::now();
  int answered = 0;
  for (int i = 0; i < kFlood; ++i) {
    answered += refused_on_nic({.flags = kAck, .ttl = 1}).verdict == TC_ACT_REDIRECT ? 1 : 0;
  }
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  constexpr int kTick = 10;  // The packet path's clock is coarse.
  EXPECT_GE(answered, kAtOnce);
  EXPECT_LE(answered, kAtOnce + passed.count() + kTick);
  EXPECT_EQ(drops()["time-exceeded"], static_cast<uint64_t>(kFlood));
  for (int i = 0; i < 2 * kAtOnce; ++i) {
    EXPECT_EQ(refused_on_nic(too_big({.flags = kAck})).verdict, TC_ACT_REDIRECT)
        << "path MTU discovery is not limited";
  }
}

}  // namespace
}  // namespace lvs::test
