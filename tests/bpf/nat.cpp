// Single packets through the loaded programs: what comes out, what is counted, what is remembered.
// Runs in a network namespace of its own; no process sweeps, so what disappears here was taken out
// by the packet path.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <linux/pkt_cls.h>
#include <poll.h>
#include <sched.h>

#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <map>

#include "lvsd/core/io/core.h"
#include "tests/bpf/packet.h"

namespace lvs::test {
namespace {

using ipvs::DestStatus;

const ipvs::ServiceKey kWeb =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 80};
const ipvs::ServiceKey kNames =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("192.0.2.100"), 53};
const ipvs::ServiceKey kMark = ipvs::MarkKey{7, Family::v4};

struct Outcome {
  uint32_t verdict = 0;
  std::optional<Packet> packet;  // Nothing: a checksum is wrong.
};

struct PacketPath : ::testing::Test {
  boost::asio::io_context io;
  std::unique_ptr<core::Core> core;

  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    const char* commands[] = {
        "ip link set lo up",
        "ip link add eth0 type veth peer name peer0",
        "ip addr add 192.0.2.1/24 dev eth0",
        "ip link set eth0 up",
        "ip link set peer0 up",
        "ip link add eth1 type veth peer name peer1",
        "ip addr add 10.0.0.1/24 dev eth1",
        "ip link set eth1 up",
        "ip link set peer1 up",
        "ip neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth1",
        "ip neigh add 192.0.2.2 lladdr 02:00:00:00:00:01 dev eth0",
        "sysctl -q -w net.ipv4.ip_forward=1",
        "sysctl -q -w net.ipv4.conf.lo.forwarding=1",
    };
    for (const char* command : commands) {
      ASSERT_EQ(std::system(command), 0) << command;
    }
  }

  void SetUp() override { open({}); }
  void TearDown() override {
    core.reset();
    ASSERT_TRUE(core::Core::remove());
  }

  void open(core::CoreOptions options) {
    core.reset();
    ASSERT_TRUE(core::Core::remove());
    auto opened = core::Core::open(io, std::move(options), [](const LogEvent&) {});
    ASSERT_TRUE(opened) << opened.error().what;
    core = std::move(*opened);
    ASSERT_TRUE(core->set_armed(true));
  }

  ipvs::Reply ask(const ipvs::Request& request) {
    auto answer = core->handle(request);
    EXPECT_TRUE(answer) << answer.error().what;
    return answer ? *answer : ipvs::Reply{};
  }

  void balance(const ipvs::ServiceKey& key, const ipvs::Service& service, int servers = 1,
               uint16_t port = 8080, const ipvs::Dest& dest = {}) {
    ask(ipvs::NewService{key, service});
    for (int i = servers; i >= 1; --i) {
      ask(ipvs::NewDest{key, {*Address::parse("10.0.0." + std::to_string(1 + i)), port}, dest});
    }
  }

  std::vector<DestStatus> servers(const ipvs::ServiceKey& key) {
    return std::get<std::vector<DestStatus>>(ask(ipvs::GetDests{key}));
  }

  std::map<std::string, uint64_t> drops() {
    const auto reply = ask(ipvs::GetDrops{});
    std::map<std::string, uint64_t> counted;
    for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(reply)) {
      if (drop.packets != 0) {
        counted[drop.reason] = drop.packets;
      }
    }
    return counted;
  }

  std::vector<ipvs::Connection> connections() {
    return std::get<std::vector<ipvs::Connection>>(ask(ipvs::GetConnections{}));
  }

  static Outcome run(int program, const Packet& packet, uint32_t mark) {
    Frame in = build(packet);
    Frame out(in.size() + 256);
    __sk_buff context{};
    context.mark = mark;
    bpf_test_run_opts options{};
    options.sz = sizeof(options);
    options.data_in = in.data();
    options.data_size_in = static_cast<uint32_t>(in.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    options.ctx_in = &context;
    options.ctx_size_in = sizeof(context);
    EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0);
    out.resize(options.data_size_out);
    return {options.retval, read(out)};
  }
  // As nft hands the first packet over: the TTL is one less already.
  Outcome first(const Packet& packet, uint32_t mark = 0) {
    return run(core->ipvs0_egress_fd(), packet, mark);
  }
  Outcome on_nic(const Packet& packet) { return run(core->nic_ingress_fd(), packet, 0); }
};

constexpr uint32_t kPass = static_cast<uint32_t>(TC_ACT_UNSPEC);

const Packet kReply = {
    .from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000, .flags = kSyn | kAck};

TEST_F(PacketPath, FirstPacketGoesToTheServerAndTheReplyComesFromTheVip) {
  balance(kWeb, {.scheduler = "rr"});
  const auto sent = first({.ttl = 63, .payload = "hello"});
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(sent.packet) << "a checksum is wrong";
  EXPECT_EQ(*sent.packet, (Packet{.to = "10.0.0.2", .dport = 8080, .ttl = 63, .payload = "hello"}));

  const auto answered = on_nic(kReply);
  EXPECT_EQ(answered.verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(answered.packet) << "a checksum is wrong";
  EXPECT_EQ(*answered.packet, (Packet{.from = "192.0.2.100",
                                      .to = "192.0.2.2",
                                      .sport = 80,
                                      .dport = 40000,
                                      .flags = kSyn | kAck,
                                      .ttl = 63}));
}

TEST_F(PacketPath, KnownFlowIsTranslatedOnTheNicWithAndWithoutTheRememberedNextHop) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  for (int i = 0; i < 3; ++i) {
    const auto sent = on_nic({.flags = kAck, .payload = "x"});
    EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
    ASSERT_TRUE(sent.packet) << "a checksum is wrong";
    EXPECT_EQ(sent.packet->to, "10.0.0.2");
    EXPECT_EQ(sent.packet->ttl, 63);
  }
  EXPECT_EQ(servers(kWeb)[0].stats.in_packets, 4U);
  EXPECT_EQ(servers(kWeb)[0].stats.connections, 1U);
}

TEST_F(PacketPath, UnknownFlowsAreLeftToTheStackUntouched) {
  balance(kWeb, {.scheduler = "rr"});
  const Packet other{.flags = kAck};
  const auto seen = on_nic(other);
  EXPECT_EQ(seen.verdict, kPass);
  EXPECT_EQ(*seen.packet, other);
  EXPECT_TRUE(connections().empty());
}

TEST_F(PacketPath, PacketsWithIpOptionsAreTranslatedToo) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  const auto sent = on_nic({.flags = kAck, .option_words = 3, .payload = "odd"});
  ASSERT_TRUE(sent.packet) << "a checksum is wrong";
  EXPECT_EQ(sent.packet->to, "10.0.0.2");
  EXPECT_EQ(sent.packet->dport, 8080);
}

TEST_F(PacketPath, DatagramWithoutChecksumKeepsNone) {
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  const Packet ask_name{.dport = 53, .protocol = 17, .flags = 0, .payload = "q"};
  Packet unsummed = ask_name;
  unsummed.has_checksum = false;
  EXPECT_TRUE(first(ask_name).packet->has_checksum);
  const auto sent = on_nic(unsummed);
  ASSERT_TRUE(sent.packet);
  EXPECT_EQ(sent.packet->to, "10.0.0.2");
  EXPECT_FALSE(sent.packet->has_checksum);
}

TEST_F(PacketPath, WhatMayNotOpenAConnectionIsDroppedWithItsReason) {
  balance(kWeb, {.scheduler = "rr"}, 0);
  first({});
  first({.flags = kAck});
  first({.flags = kSyn | kRst});
  first({.dport = 81});
  ASSERT_TRUE(core->set_armed(false));
  first({});
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"no-destination", 1},
                                                      {"not-a-new-connection", 2},
                                                      {"no-service", 1},
                                                      {"not-armed", 1}}));
}

TEST_F(PacketPath, AKnownFlowGoesOnWhenTheCoreIsNotArmed) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_EQ(on_nic({.flags = kAck}).verdict, TC_ACT_REDIRECT);
}

TEST_F(PacketPath, TtlOfOneEndsHere) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  EXPECT_EQ(on_nic({.flags = kAck, .ttl = 1}).verdict, TC_ACT_SHOT);
  EXPECT_EQ(drops()["time-exceeded"], 1U);
}

TEST_F(PacketPath, FragmentsPassAndAreCounted) {
  balance(kWeb, {.scheduler = "rr"});
  EXPECT_EQ(on_nic({.flags = kAck, .fragment = 0x2000}).verdict, kPass);
  EXPECT_EQ(drops()["passed-fragment"], 1U);
}

TEST_F(PacketPath, StatesFollowTheSegmentsOfBothSides) {
  balance(kWeb, {.scheduler = "rr"});
  const auto state = [this] { return connections().at(0).state; };
  Packet from_server = kReply;
  first({});
  EXPECT_EQ(state(), "SYN_RECV");
  on_nic(kReply);
  EXPECT_EQ(state(), "SYN_RECV");
  on_nic({.flags = kAck});
  EXPECT_EQ(state(), "ESTABLISHED");
  EXPECT_EQ(servers(kWeb)[0].active, 1U);
  from_server.flags = kFin | kAck;
  on_nic(from_server);
  EXPECT_EQ(state(), "FIN_WAIT");
  EXPECT_EQ(servers(kWeb)[0].active, 0U);
  EXPECT_EQ(servers(kWeb)[0].inactive, 1U);
  on_nic({.flags = kFin | kAck});
  EXPECT_EQ(state(), "TIME_WAIT");
}

TEST_F(PacketPath, SynOnAnEndedConnectionIsScheduledAnewBehindTheFirewall) {
  balance(kWeb, {.scheduler = "rr"}, 2);
  first({});
  on_nic({.flags = kRst});
  on_nic(kReply);  // SYN_RECV stays on a client's RST; the server's closes.
  Packet reset = kReply;
  reset.flags = kRst;
  on_nic(reset);
  ASSERT_EQ(connections().at(0).state, "CLOSE");
  EXPECT_EQ(on_nic({}).verdict, kPass) << "INPUT rules hold for it";
  EXPECT_EQ(first({}).packet->to, "10.0.0.3") << "the next turn";
  EXPECT_EQ(connections().size(), 1U);
}

TEST_F(PacketPath, SynOnAnEndedConnectionUnderATemplateStaysWithIt) {
  balance(kWeb, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60}, 2);
  first({});
  Packet reset = kReply;
  reset.flags = kRst;
  on_nic(reset);
  ASSERT_EQ(servers(kWeb)[0].inactive, 1U);
  EXPECT_EQ(on_nic({}).verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(servers(kWeb)[0].active, 1U);
}

TEST_F(PacketPath, KilledConnectionsLeaveEveryCounterAtZero) {
  balance(kWeb, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60});
  first({});
  on_nic({.flags = kAck});
  ASSERT_EQ(servers(kWeb)[0].active, 1U);
  ask(ipvs::KillConnections{*Address::parse("192.0.2.0"), 24});
  EXPECT_EQ(servers(kWeb)[0].active, 0U);
  EXPECT_EQ(servers(kWeb)[0].inactive, 0U);
  EXPECT_EQ(servers(kWeb)[0].persistent, 0U);
  EXPECT_EQ(on_nic(kReply).verdict, kPass) << "the reply's entry went with it";
}

TEST_F(PacketPath, ServerThatAcceptsADirectClientIsNotTranslated) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  Packet reset = kReply;
  reset.flags = kRst;
  on_nic(reset);
  const auto direct = on_nic(kReply);
  EXPECT_EQ(direct.verdict, kPass);
  EXPECT_EQ(direct.packet->from, "10.0.0.2");
  EXPECT_EQ(drops()["passed-reused-by-server"], 1U);
  EXPECT_TRUE(connections().empty());
}

TEST_F(PacketPath, WlcGivesTiesToTheNewestAndWeighsByConnections) {
  balance(kWeb, {.scheduler = "wlc"}, 2);
  ask(ipvs::SetDest{kWeb, {*Address::parse("10.0.0.3"), 8080}, {.weight = 3}});
  std::vector<std::string> order;
  for (uint16_t i = 0; i < 8; ++i) {
    order.push_back(first({.sport = static_cast<uint16_t>(41000 + i)}).packet->to);
  }
  // 10.0.0.2 is the newest and first; then the load of the other must exceed three times its own.
  EXPECT_THAT(order, ::testing::ElementsAre("10.0.0.2", "10.0.0.3", "10.0.0.3", "10.0.0.3",
                                            "10.0.0.2", "10.0.0.3", "10.0.0.3", "10.0.0.3"));
}

TEST_F(PacketPath, OverloadedServerIsPassedOverUntilItEmpties) {
  balance(kWeb, {.scheduler = "rr"}, 2, 8080, {.upper_threshold = 2, .lower_threshold = 1});
  for (uint16_t i = 0; i < 5; ++i) {
    first({.sport = static_cast<uint16_t>(41000 + i)});
  }
  EXPECT_EQ(drops()["no-destination"], 1U);
  ask(ipvs::KillConnections{*Address::parse("192.0.2.2"), 32});
  EXPECT_EQ(first({}).verdict, TC_ACT_REDIRECT);
}

TEST_F(PacketPath, MarkWinsOverAddressAndIsComparedWhole) {
  balance(kWeb, {.scheduler = "rr"});
  ask(ipvs::NewService{kMark, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kMark, {*Address::parse("10.0.0.9"), 0}, {}});
  EXPECT_EQ(first({.sport = 1000}, 7).packet->to, "10.0.0.9");
  EXPECT_EQ(first({.sport = 1000, .dport = 443}, 7).packet->dport, 443) << "its own port";
  EXPECT_EQ(first({.sport = 1001}, 0x10007).packet->to, "10.0.0.2");
}

TEST_F(PacketPath, TemplateKeepsAClientsNetworkOnOneServerOverPorts) {
  ask(ipvs::NewService{
      kMark, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60, .prefix = 24}});
  ask(ipvs::NewDest{kMark, {*Address::parse("10.0.0.2"), 0}, {}});
  ask(ipvs::NewDest{kMark, {*Address::parse("10.0.0.3"), 0}, {}});
  EXPECT_EQ(first({.sport = 1}, 7).packet->to, "10.0.0.3");
  EXPECT_EQ(first({.from = "192.0.2.77", .dport = 443}, 7).packet->to, "10.0.0.3");
  EXPECT_EQ(first({.from = "192.0.3.1"}, 7).packet->to, "10.0.0.2");
  EXPECT_EQ(servers(kMark)[0].persistent, 1U);
  // Weight 0 keeps the client; a removed server does not.
  ask(ipvs::SetDest{kMark, {*Address::parse("10.0.0.3"), 0}, {.weight = 0}});
  EXPECT_EQ(first({.sport = 2}, 7).packet->to, "10.0.0.3");
  ask(ipvs::DelDest{kMark, {*Address::parse("10.0.0.3"), 0}});
  EXPECT_EQ(first({.sport = 3}, 7).packet->to, "10.0.0.2");
}

TEST_F(PacketPath, TemplateOfAMarkIsListedAsTheKernelDoes) {
  balance(kMark, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60}, 1, 0);
  first({}, 7);
  ipvs::Connection of_template;
  for (const auto& one : connections()) {
    of_template = one.is_template ? one : of_template;
  }
  EXPECT_EQ(of_template.protocol, 0);
  EXPECT_EQ(to_string(of_template.client), "192.0.2.2:0");
  EXPECT_EQ(to_string(of_template.virtual_service), "0.0.0.7:0");
  EXPECT_EQ(to_string(of_template.destination), "10.0.0.2:0");
}

TEST_F(PacketPath, AnyPortServiceMustBePersistent) {
  const ipvs::ServiceKey any =
      ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 0};
  balance(any, {.scheduler = "rr"}, 1, 0);
  EXPECT_EQ(first({}).verdict, TC_ACT_SHOT);
  EXPECT_EQ(drops()["any-port-service-not-persistent"], 1U);
  ask(ipvs::SetService{any, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 60}});
  EXPECT_EQ(first({.dport = 8443}).packet->dport, 8443);
}

TEST_F(PacketPath, FullTableDropsNewFlowsAndThePacketPathMakesRoomItself) {
  open({.interfaces = {}, .connections_max = 1024});
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  ask(ipvs::SetConfig{{.udp = 1}});
  const Packet base{.dport = 53, .protocol = 17, .flags = 0};
  const auto flow = [&](int i) {
    Packet packet = base;
    packet.sport = static_cast<uint16_t>(10000 + i);
    return packet;
  };
  int made = 0;
  while (made < 3000 && first(flow(made)).verdict == TC_ACT_REDIRECT) {
    ++made;
  }
  EXPECT_GE(made, 1000);
  EXPECT_GE(drops()["connection-table-full"], 1U);
  EXPECT_EQ(core->status().connections, static_cast<uint32_t>(made))
      << "the refused one left no trace";
  int tries = 0;
  while (first(flow(5000)).verdict != TC_ACT_REDIRECT && ++tries < 500) {
    ::poll(nullptr, 0, 10);
  }
  EXPECT_LT(tries, 500) << "expired flows were not reclaimed";
  EXPECT_EQ(core->status().connections, connections().size());
}

}  // namespace
}  // namespace lvs::test
