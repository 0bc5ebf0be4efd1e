// IPv6 through the programs: what of a packet changes, what the director answers, and what is his
// own business no more.
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

const ipvs::ServiceKey kWeb6 =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("2001:db8::100"), 80};
const ipvs::ServiceKey kNames6 =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("2001:db8::100"), 53};
constexpr const char* kVip = "2001:db8::100";
constexpr const char* kClient = "2001:db8::2";
constexpr const char* kServer = "fd00::2";
constexpr const char* kRouter = "2001:db8::7";

struct Ipv6Path : PacketPath {
  const Packet6 answer{
      .from = kServer, .to = kClient, .sport = 8080, .dport = 40000, .flags = kSyn | kAck};

  static void SetUpTestSuite() {
    PacketPath::SetUpTestSuite();
    add_ipv6();
  }

  void balance6(const ipvs::ServiceKey& key, const ipvs::Service& service, uint16_t port = 8080,
                const ipvs::Dest& dest = {}) {
    ask(ipvs::NewService{key, service});
    ask(ipvs::NewDest{key, {*Address::parse(kServer), port}, dest});
  }

  struct Outcome6 {
    uint32_t verdict = 0;
    std::optional<Packet6> packet;  // Nothing: a checksum is wrong.
  };
  static Outcome6 run6(int program, const Packet6& packet, uint32_t mark = 0) {
    __sk_buff context{};
    context.mark = mark;
    context.ingress_ifindex = ::if_nametoindex("eth0");
    const auto raw = run_frame(program, build(packet), context);
    return {raw.verdict, read6(raw.frame)};
  }
  Outcome6 first6(const Packet6& packet, uint32_t mark = 0) {
    return run6(core->ipvs0_egress_fd(), packet, mark);
  }
  Outcome6 on_nic6(const Packet6& packet) { return run6(core->nic_ingress_fd(), packet); }

  std::optional<Icmp6Error> answered(int program, const Packet6& packet) {
    const auto raw = run_frame(program, build(packet));
    return raw.verdict == TC_ACT_REDIRECT ? read_error6(raw.frame) : std::nullopt;
  }
};

TEST_F(Ipv6Path, ARequestGetsTheServersAddressAndPortAndAReplyTheVips) {
  balance6(kWeb6, {.scheduler = "rr"});
  for (const std::string& payload : {std::string(), std::string("odd"), std::string(1000, 'x')}) {
    const Packet6 request{.payload = payload};
    const auto there = first6(request);
    EXPECT_EQ(there.verdict, TC_ACT_REDIRECT);
    Packet6 wanted = request;
    wanted.to = kServer;
    wanted.dport = 8080;
    ASSERT_TRUE(there.packet) << "a checksum is wrong";
    EXPECT_EQ(*there.packet, wanted);
    const auto back = on_nic6(answer);
    EXPECT_EQ(back.verdict, TC_ACT_REDIRECT);
    ASSERT_TRUE(back.packet) << "a checksum is wrong";
    EXPECT_EQ(back.packet->from, kVip);
    EXPECT_EQ(back.packet->sport, 80);
    EXPECT_EQ(back.packet->hop_limit, 63);
  }
  const auto known = on_nic6({.flags = kAck});
  EXPECT_EQ(known.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(known.packet->hop_limit, 63) << "what nft has not spent, the program does";
}

TEST_F(Ipv6Path, DatagramsAreTranslatedToo) {
  balance6(kNames6, {.scheduler = "rr"}, 5353);
  const auto there =
      first6({.dport = 53, .protocol = 17, .flags = 0, .payload = std::string(77, 'q')});
  ASSERT_TRUE(there.packet) << "a checksum is wrong";
  EXPECT_EQ(there.packet->dport, 5353);
  EXPECT_EQ(there.packet->to, kServer);
}

TEST_F(Ipv6Path, ExtensionHeadersStayWhereTheyAre) {
  balance6(kWeb6, {.scheduler = "rr"});
  Packet6 request{.extensions = {kHopByHop, kDestinationOptions, kRouting}};
  const auto there = first6(request);
  EXPECT_EQ(there.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(there.packet) << "a checksum is wrong";
  EXPECT_EQ(there.packet->extensions, request.extensions);
  EXPECT_EQ(there.packet->to, kServer);
  request.extensions = {kFragment};  // Of a packet that is whole.
  EXPECT_EQ(first6(request).packet->to, kServer);
}

TEST_F(Ipv6Path, WhatCannotBeReadIsTheStacks) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  EXPECT_EQ(on_nic6({.extensions = std::vector<uint8_t>(7, kDestinationOptions)}).verdict, kPass);
  EXPECT_EQ(on_nic6({.dport = 81, .flags = kAck}).verdict, kPass);
  Frame cut = build(Packet6{.flags = kAck});
  cut.resize(kEthernet + kIpv6Header + 12);
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), cut).verdict, kPass);
}

TEST_F(Ipv6Path, DirectRoutingChangesTheHopLimitAlone) {
  balance6(kWeb6, {.scheduler = "rr"}, 80, {.forward = ipvs::Forward::direct});
  const Packet6 request{.payload = "hello"};
  EXPECT_EQ(first6(request).packet, request);
  Packet6 spent = request;
  spent.hop_limit = 63;
  EXPECT_EQ(on_nic6(request).packet, spent);
}

TEST_F(Ipv6Path, AMarkOfIPv6IsNotOneOfIPv4) {
  balance6(ipvs::MarkKey{7, Family::v6}, {.scheduler = "rr"}, 0);
  EXPECT_EQ(first({}, 7).verdict, TC_ACT_REDIRECT) << "back to the stack";
  EXPECT_TRUE(connections().empty());
  EXPECT_EQ(first6({.dport = 443}, 7).packet->to, kServer);
  EXPECT_EQ(connections().size(), 1U);
}

TEST_F(Ipv6Path, ClientsOfANetworkPersistTogether) {
  balance6(kWeb6, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60, .prefix = 61});
  first6({.from = "2001:db8:0:7::1"});
  first6({.from = "2001:db8:0:1::2"});
  EXPECT_EQ(templates(), 1U);
  first6({.from = "2001:db8:0:8::2"});
  EXPECT_EQ(templates(), 2U);
}

TEST_F(Ipv6Path, WhatIsTooBigIsAnsweredByTheVipWithTheMtu) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  const Packet6 big{.flags = kAck, .payload = std::string(1441, 'x')};
  const auto error = answered(core->nic_ingress_fd(), big);
  ASSERT_TRUE(error) << "no answer, or a checksum is wrong";
  EXPECT_EQ(
      *error,
      (Icmp6Error{
          .from = kVip, .to = kClient, .type = 2, .mtu = 1500, .quoted = {}, .quoted_bytes = 128}));
  EXPECT_EQ(on_nic6({.flags = kAck, .payload = std::string(1440, 'x')}).verdict, TC_ACT_REDIRECT);
}

TEST_F(Ipv6Path, AHopTooManyAndAServiceWithoutServersAreAnswered) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  const Packet6 tired{.flags = kAck, .hop_limit = 1};
  const auto exceeded = answered(core->nic_ingress_fd(), tired);
  ASSERT_TRUE(exceeded);
  EXPECT_EQ(exceeded->type, 3);
  EXPECT_EQ(exceeded->quoted_bytes, 48U) << "a short packet is quoted as far as it goes";
  ask(ipvs::NewService{kNames6, {.scheduler = "rr"}});
  const auto refused = answered(core->ipvs0_egress_fd(), {.dport = 53, .protocol = 17, .flags = 0});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->type, 1);
  EXPECT_EQ(refused->code, 4);
}

TEST_F(Ipv6Path, AnErrorAboutAReplyGoesToTheServerWhichSeesItsOwnPacketQuoted) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  Icmp6Error error{
      .from = kRouter,
      .to = kVip,
      .quoted = {.from = kVip, .to = kClient, .sport = 80, .dport = 40000, .flags = kAck}};
  for (const auto& extensions : {std::vector<uint8_t>{}, std::vector<uint8_t>{kHopByHop}}) {
    error.quoted.extensions = extensions;
    error.quoted_bytes = 48 + kExtension * extensions.size();
    const auto sent = run_frame(core->nic_ingress_fd(), build(error));
    EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
    Icmp6Error wanted = error;
    wanted.to = kServer;
    wanted.hop_limit = 63;
    wanted.quoted.from = kServer;
    wanted.quoted.sport = 8080;
    const auto seen = read_error6(sent.frame);
    ASSERT_TRUE(seen) << "a checksum is wrong";
    EXPECT_EQ(*seen, wanted);
  }
}

TEST_F(Ipv6Path, AnErrorAboutARequestGoesToTheClientAsFromTheVip) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  const Icmp6Error error{
      .from = "fd00::9", .to = kClient, .quoted = {.to = kServer, .dport = 8080, .flags = kAck}};
  const auto sent = run_frame(core->nic_ingress_fd(), build(error));
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  Icmp6Error wanted = error;
  wanted.from = kVip;
  wanted.hop_limit = 63;
  wanted.quoted.to = kVip;
  wanted.quoted.dport = 80;
  const auto seen = read_error6(sent.frame);
  ASSERT_TRUE(seen) << "a checksum is wrong";
  EXPECT_EQ(*seen, wanted);
}

TEST_F(Ipv6Path, NeighboursAndErrorsOfNoConnectionAreTheStacks) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({});
  Icmp6Error error{.from = kRouter,
                   .to = kVip,
                   .quoted = {.from = kVip, .to = kClient, .sport = 80, .dport = 40000}};
  const auto left_alone = [&](const Icmp6Error& one) {
    const auto seen = run_frame(core->nic_ingress_fd(), build(one));
    return seen.verdict == kPass && seen.frame == build(one);
  };
  Icmp6Error solicitation = error;
  solicitation.type = 135;
  EXPECT_TRUE(left_alone(solicitation));
  Icmp6Error other_port = error;
  other_port.quoted.sport = 81;
  EXPECT_TRUE(left_alone(other_port));
  Icmp6Error not_to_the_sender = error;
  not_to_the_sender.to = "2001:db8::1";
  EXPECT_TRUE(left_alone(not_to_the_sender));
}

TEST_F(Ipv6Path, ConnectionsOfAPrefixEndOfTheOtherFamilyToo) {
  balance6(kWeb6, {.scheduler = "rr"});
  balance(kWeb, {.scheduler = "rr"});
  first({});
  first6({});
  first6({.from = "2001:db8:1::2"});
  const auto killed = [&](const char* prefix, uint32_t length) {
    return std::get<ipvs::Killed>(ask(ipvs::KillConnections{*Address::parse(prefix), length}))
        .connections;
  };
  EXPECT_EQ(killed("2001:db8:1::", 48), 1U);
  EXPECT_EQ(killed("::", 0), 1U);
  EXPECT_EQ(connections().size(), 1U) << "IPv4 is another matter";
  EXPECT_EQ(killed("0.0.0.0", 0), 1U);
  EXPECT_EQ(servers(kWeb6)[0].inactive + servers(kWeb6)[0].active, 0U);
}
using SmallIpv6Path = Small<Ipv6Path>;

TEST_F(SmallIpv6Path, AFloodKeepsNoHonestClientOut) {
  balance6(kWeb6, {.scheduler = "rr"});
  first6({.from = "2001:db8:9::9"});
  on_nic6({.from = kServer,
           .to = "2001:db8:9::9",
           .sport = 8080,
           .dport = 40000,
           .flags = kSyn | kAck});
  on_nic6({.from = "2001:db8:9::9", .flags = kAck});
  for (int i = 0; i < 3000; ++i) {
    char text[8];
    std::snprintf(text, sizeof(text), "%x", i + 1);
    first6({.from = std::string("2001:db8:f::") + text});
  }
  constexpr int kTriesMax = 3000;
  int tries = 0;
  while (first6({.from = "2001:db8::66"}).verdict != TC_ACT_REDIRECT && ++tries < kTriesMax) {
    ::poll(nullptr, 0, 10);
  }
  EXPECT_LT(tries, kTriesMax);
  EXPECT_EQ(on_nic6({.from = "2001:db8:9::9", .flags = kAck}).verdict, TC_ACT_REDIRECT)
      << "what is established stays";
}

}  // namespace
}  // namespace lvs::test
