// Single packets through the loaded programs: what comes out, what is counted, what is remembered.
// Runs in a network namespace of its own; no process sweeps, so what disappears here was taken out
// by the packet path.
#include <gmock/gmock.h>
#include <poll.h>

#include "common/time.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

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

TEST_F(PacketPath, WhatOpensNoConnectionGoesBackToTheLocalStackAsItCame) {
  balance(kWeb, {.scheduler = "rr"});
  const auto is_given_back = [this](const Packet& packet) {
    const auto outcome = first(packet);
    return outcome.verdict == TC_ACT_REDIRECT && outcome.packet == packet;
  };
  EXPECT_TRUE(is_given_back({.flags = kAck}));
  EXPECT_TRUE(is_given_back({.flags = kSyn | kRst}));
  EXPECT_TRUE(is_given_back({.dport = 81}));
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_TRUE(is_given_back({}));
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"passed-not-a-new-connection", 2},
                                                      {"passed-no-service", 1},
                                                      {"passed-not-armed", 1}}));
}

TEST_F(PacketPath, AServiceWithoutAServerRefusesAndCountsIt) {
  balance(kWeb, {.scheduler = "rr"}, 0);
  first({});
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"no-destination", 1}}));
}

TEST_F(PacketPath, WhatWasGivenBackPassesTheDeviceOnceMore) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  __sk_buff given_back{};
  given_back.mark = LVS_MARK_LOCAL;
  const Packet packet{.flags = kAck};
  const auto raw = run_frame(core->nic_ingress_fd(), build(packet), given_back);
  EXPECT_EQ(raw.verdict, kPass);
  EXPECT_EQ(read(raw.frame), packet) << "although its flow is known";
}

// Somebody's rule takes the mark off again and again; nft dup takes one off the TTL each time.
TEST_F(PacketPath, WhatIsGivenBackAndComesAgainDoesNotGoRoundForEver) {
  balance(kWeb, {.scheduler = "rr"});
  Packet stray{.flags = kAck};
  while (stray.ttl > 1 && first(stray).verdict == TC_ACT_REDIRECT) {
    --stray.ttl;
  }
  EXPECT_GT(stray.ttl, 1);
  EXPECT_EQ(drops()["in-circles"], 1U);
  EXPECT_EQ(first({.sport = 40001, .flags = kAck}).verdict, TC_ACT_REDIRECT)
      << "another packet is another matter";
}

TEST_F(PacketPath, OnesJustLikeItAreOthers) {
  balance(kWeb, {.scheduler = "rr"});
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(first({.flags = kAck}).verdict, TC_ACT_REDIRECT) << i;
  }
}

TEST_F(PacketPath, AFragmentOfACopyIsNotTakenForAPacketWithPorts) {
  balance(kWeb, {.scheduler = "rr"});
  __sk_buff context{};
  context.priority = LVS_PRIORITY_MAY_FRAGMENT;
  constexpr uint16_t kSecondFragment = 100;
  const auto raw =
      run_frame(core->ipvs0_egress_fd(), build({.fragment = kSecondFragment}), context);
  EXPECT_EQ(raw.verdict, TC_ACT_SHOT);
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"fragment", 1}}));
}

TEST_F(PacketPath, ACopyMayBeFragmentedIfItsSenderAllowedIt) {
  balance(kWeb, {.scheduler = "rr"}, 1, 80, {.forward = ipvs::Forward::direct});
  __sk_buff context{};
  context.priority = LVS_PRIORITY_MAY_FRAGMENT;
  constexpr uint16_t kDontFragment = 0x4000;
  const auto raw = run_frame(core->ipvs0_egress_fd(), build({.fragment = kDontFragment}), context);
  ASSERT_TRUE(read(raw.frame)) << "a checksum is wrong";
  EXPECT_EQ(read(raw.frame)->fragment, 0);
}

TEST_F(PacketPath, AServerWhoseNeighbourIsNotKnownIsReachedThroughIpvs1) {
  ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb, {*Address::parse("10.0.0.77"), 8080}, {}});
  const Packet packet{.ttl = 63};
  const auto waits = first(packet);
  EXPECT_EQ(waits.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(waits.packet, packet) << "not translated yet";
  const auto sent = second(packet);
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(sent.packet->to, "10.0.0.77");
  EXPECT_EQ(sent.packet->ttl, 63) << "nft dup has taken one";
}

TEST_F(PacketPath, DirectRoutingChangesNothingButTheTtl) {
  balance(kWeb, {.scheduler = "rr"}, 1, 80, {.forward = ipvs::Forward::direct});
  const auto first_sent = first({.ttl = 63});
  EXPECT_EQ(first_sent.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(first_sent.packet, (Packet{.ttl = 63}));
  const auto sent = on_nic({.flags = kAck, .ttl = 64});
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(sent.packet, (Packet{.flags = kAck, .ttl = 63}));
  EXPECT_EQ(connections().at(0).state, "ESTABLISHED") << "by the client's segments alone";
  on_nic({.flags = kFin | kAck});
  EXPECT_EQ(connections().at(0).state, "FIN_WAIT");
}

TEST_F(PacketPath, AServerThatIsTheDirectorItselfGetsItsPacketsFromTheStack) {
  ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb, {*Address::parse("10.0.0.1"), 80}, {.forward = ipvs::Forward::direct}});
  const auto given_back = first({});
  EXPECT_EQ(given_back.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(given_back.packet, Packet{});
  EXPECT_EQ(on_nic({.flags = kAck}).verdict, kPass);
  EXPECT_EQ(connections().at(0).state, "ESTABLISHED");
}

TEST_F(PacketPath, AKnownFlowGoesOnWhenTheCoreIsNotArmed) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_EQ(on_nic({.flags = kAck}).verdict, TC_ACT_REDIRECT);
}

TEST_F(PacketPath, WhatADisarmedCoreOnceSentToAServerAsItIsGoesToItsOwnStack) {
  balance(kWeb, {.scheduler = "rr"}, 1, 80, {.forward = ipvs::Forward::direct});
  first({});
  EXPECT_EQ(on_nic({.flags = kAck}).verdict, TC_ACT_REDIRECT);
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_EQ(on_nic({.flags = kAck}).verdict, kPass);
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

TEST_F(PacketPath, ANewTimeoutHoldsFromTheVeryNextPacket) {
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  const Packet ask_name{.dport = 53, .protocol = 17, .flags = 0};
  first(ask_name);
  EXPECT_GT(connections().at(0).expires_s, 70U);
  ask(ipvs::SetConfig{{.udp = 70}});
  EXPECT_GT(connections().at(0).expires_s, 70U);
  on_nic(ask_name);
  EXPECT_LE(connections().at(0).expires_s, 70U);
}
using SmallPath = Small<PacketPath>;

TEST_F(SmallPath, FullTableDropsNewFlowsAndThePacketPathMakesRoomItself) {
  balance(kNames, {.scheduler = "rr"}, 1, 53);
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
  ask(ipvs::SetConfig{{.udp = 1}});
  for (int i = 0; i < made; ++i) {
    on_nic(flow(i));
  }
  EXPECT_TRUE(gets_in(flow(5000))) << "expired flows were not reclaimed";
  // What has expired is no longer listed, but is counted until it is swept.
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (core->status().connections != 0 && Clock::now() < end) {
    io.run_one();
  }
  EXPECT_EQ(core->status().connections, 0U);
  EXPECT_EQ(connections().size(), 0U);
}

struct LargePath : PacketPath {
  core::CoreOptions options() const override {
    return {.interfaces = {}, .connections_max = 65'536};
  }
};

// More than is swept in one go: a bit at a time, and whoever asks in the meantime is not kept
// waiting.
TEST_F(LargePath, ALargeTableIsSweptInStridesAndLosesOnlyWhatHasExpired) {
  constexpr int kFlows = 20'000;
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  balance(kWeb, {.scheduler = "rr"});
  first({.sport = 500});
  on_nic({.sport = 500, .flags = kAck});
  ask(ipvs::SetConfig{{.udp = 1}});
  for (int i = 0; i < kFlows; ++i) {
    first({.sport = static_cast<uint16_t>(10'000 + i), .dport = 53, .protocol = 17, .flags = 0});
  }
  const auto bound = [this] { return servers(kNames).at(0).inactive; };
  EXPECT_EQ(bound(), static_cast<uint32_t>(kFlows));
  const auto end = Clock::now() + std::chrono::seconds(60);
  while (bound() != 0 && Clock::now() < end) {
    io.run_one();
  }
  EXPECT_EQ(bound(), 0U);
  EXPECT_EQ(servers(kWeb).at(0).active, 1U);
  EXPECT_EQ(connections().size(), 1U);
}

struct KilledInParts {
  uint32_t connections = 0;
  int parts = 0;
};

// Each part is a request, and lvsd answers others between two.
TEST_F(LargePath, ALargeTableIsKilledInPartsAndTheOthersStay) {
  constexpr uint32_t kFlows = 12'000;
  constexpr int kPartsMax = 100;
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  balance(kWeb, {.scheduler = "rr"});
  first({.from = "192.0.2.3", .sport = 500});
  for (uint32_t i = 0; i < kFlows; ++i) {
    first({.sport = static_cast<uint16_t>(10'000 + i), .dport = 53, .protocol = 17, .flags = 0});
  }
  const auto kill = [this](ipvs::KillConnections part) {
    KilledInParts all;
    do {
      const auto answer = std::get<ipvs::Killed>(ask(part));
      all.connections += answer.connections;
      part.from = answer.next;
      ++all.parts;
    } while (part.from != 0 && all.parts < kPartsMax);
    return all;
  };
  const auto nobody = kill({*Address::parse("198.51.100.0"), 24});
  EXPECT_EQ(nobody.connections, 0U);
  EXPECT_GT(nobody.parts, 1);
  EXPECT_LT(nobody.parts, kPartsMax);
  EXPECT_EQ(kill({*Address::parse("192.0.2.2"), 32}).connections, kFlows);
  EXPECT_EQ(servers(kNames).at(0).inactive, 0U);
  EXPECT_EQ(servers(kWeb).at(0).active, 1U);
  const auto refused = core->handle(ipvs::KillConnections{*Address::parse("::"), 0, ~0ULL});
  EXPECT_EQ(refused ? 0 : refused.error().code, EINVAL);
}

// A flood of SYNs from forged clients; nobody sweeps (the event loop does not run).
TEST_F(SmallPath, AFloodOfHalfOpenConnectionsKeepsNobodyOutAndCutsNobodyOff) {
  balance(kWeb, {.scheduler = "rr"});
  const Packet established{.sport = 500};
  first(established);
  on_nic({.sport = 500, .flags = kAck});
  flood();
  EXPECT_GE(drops()["connection-table-full"], 1U);
  EXPECT_TRUE(gets_in({.sport = 501}));
  EXPECT_GE(drops()["evicted-half-open"], 1U);
  EXPECT_EQ(on_nic({.sport = 500, .flags = kAck}).packet->to, "10.0.0.2");
  EXPECT_EQ(core->status().connections, connections().size());
}

// What is over lingers for two minutes; not where others need the room.
TEST_F(SmallPath, ConnectionsThatAreOverMakeRoom) {
  balance(kWeb, {.scheduler = "rr"});
  for (int i = 0; i < 3000; ++i) {
    const auto port = static_cast<uint16_t>(10'000 + i);
    first({.sport = port});
    on_nic({.sport = port, .flags = kAck});
    on_nic({.sport = port, .flags = kFin | kAck});
    Packet farewell = kReply;
    farewell.dport = port;
    farewell.flags = kFin | kAck;
    on_nic(farewell);
  }
  EXPECT_GE(drops()["connection-table-full"], 1U);
  EXPECT_TRUE(gets_in({.sport = 501}));
  EXPECT_EQ(drops()["evicted-half-open"], 0U) << "nobody was cut off";
  EXPECT_EQ(core->status().connections, connections().size());
}

TEST_F(SmallPath, TemplatesOfAFloodMakeRoomAndThoseOfClientsThatWereThereStay) {
  balance(kWeb, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 300}, 2);
  const auto server_of = [this](const Packet& packet) { return first(packet).packet->to; };
  const auto chosen = server_of({.sport = 500});
  on_nic({.sport = 500, .flags = kAck});
  flood();
  EXPECT_TRUE(gets_in({.from = "192.0.2.77", .sport = 500}));
  EXPECT_EQ(server_of({.sport = 502}), chosen) << "the assured template is still there";
  EXPECT_EQ(core->status().templates, templates());
}

}  // namespace
}  // namespace lvs::test
