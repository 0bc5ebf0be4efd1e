// Clients that lvs.cf denies, on single packets: which of theirs are dropped, and where, and which
// are nobody's business.
#include <gmock/gmock.h>

#include "lvsd/core/io/devices.h"
#include "tests/bpf/icmp_packet.h"
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

const ipvs::ServiceKey kWeb6 =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("2001:db8::100"), 80};
constexpr auto kDropped = static_cast<uint32_t>(TC_ACT_SHOT);
constexpr auto kSent = static_cast<uint32_t>(TC_ACT_REDIRECT);
constexpr uint16_t kMoreFragments = 0x2000;
constexpr uint16_t kAtByte8 = 1;
constexpr const char* kRouter = "198.51.100.9";

struct Deny : PacketPath {
  static void SetUpTestSuite() {
    PacketPath::SetUpTestSuite();
    add_ipv6();
    run_all({
        "ip addr add 192.0.2.100/32 dev lo",
        "ip -6 addr add 2001:db8::100/128 dev lo nodad",
    });
  }

  static std::vector<Prefix> prefixes_of(const std::vector<std::string>& texts) {
    std::vector<Prefix> prefixes;
    for (const auto& text : texts) {
      prefixes.push_back(*Prefix::parse(text));
    }
    return prefixes;
  }
  void deny(const std::vector<std::string>& texts) {
    const auto done = core->set_denied(prefixes_of(texts));
    ASSERT_TRUE(done) << done.error().what;
  }
  std::map<std::string, uint64_t> denied() {
    std::map<std::string, uint64_t> packets;
    const auto reply = ask(ipvs::GetDenied{});
    for (const auto& one : std::get<std::vector<ipvs::DeniedPrefix>>(reply)) {
      packets[to_string(one.prefix)] = one.packets;
    }
    return packets;
  }
  uint32_t at_device(const Packet& packet) { return on_nic(packet).verdict; }
  uint32_t behind_input(const Packet& packet, uint32_t mark = 0) {
    return first(packet, mark).verdict;
  }
  // As express wants it: a frame to that device's own MAC.
  uint32_t by_eth0(const Packet& packet) {
    __sk_buff context{};
    context.ifindex = context.ingress_ifindex = ::if_nametoindex("eth0");
    Frame frame = build(packet);
    for (const auto& device : core::devices()) {
      if (device.name == "eth0") {
        std::copy(device.mac.begin(), device.mac.end(), frame.begin());
      }
    }
    return run_frame(core->nic_ingress_fd(), frame, context).verdict;
  }
  uint32_t run6(int program, const Packet6& packet) {
    __sk_buff context{};
    context.ingress_ifindex = ::if_nametoindex("eth0");
    return run_frame(program, build(packet), context).verdict;
  }
  uint32_t error_from(const std::string& sender, const Packet& quoted, const std::string& to) {
    const IcmpError error{.from = sender, .to = to, .quoted = quoted};
    return run_frame(core->nic_ingress_fd(), build(error)).verdict;
  }
};

TEST_F(Deny, ThePacketsOfADeniedClientToAServiceAreDroppedAndCounted) {
  balance(kWeb, {.scheduler = "rr"});
  deny({"192.0.2.0/25", "198.51.100.7"});
  EXPECT_EQ(at_device({}), kDropped) << "before the stack has seen it";
  EXPECT_EQ(behind_input({}), kDropped) << "what came by another device";
  EXPECT_EQ(at_device({.from = "198.51.100.7"}), kDropped);
  EXPECT_EQ(at_device({.flags = kAck}), kDropped) << "also what would begin nothing";
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"denied", 4}}));
  EXPECT_EQ(denied(), (std::map<std::string, uint64_t>{{"192.0.2.0/25", 3}, {"198.51.100.7", 1}}));
  EXPECT_TRUE(connections().empty());
}

TEST_F(Deny, OthersAreServedAsEver) {
  balance(kWeb, {.scheduler = "rr"});
  deny({"192.0.2.0/25", "198.51.100.7"});
  EXPECT_EQ(behind_input({.from = "192.0.2.128"}), kSent);
  EXPECT_EQ(behind_input({.from = "198.51.100.6"}), kSent);
  EXPECT_EQ(at_device({.from = "198.51.100.6", .flags = kAck}), kSent);
  EXPECT_TRUE(drops().empty());
}

TEST_F(Deny, WhateverElseADeniedClientSendsGoesOn) {
  balance(kWeb, {.scheduler = "rr"});
  deny({"192.0.2.2"});
  EXPECT_EQ(at_device({.dport = 22}), kPass) << "to the director";
  EXPECT_EQ(at_device({.to = "192.0.2.1"}), kPass) << "to its own address";
  EXPECT_EQ(at_device({.dport = 539, .protocol = 17, .flags = 0}), kPass) << "a heartbeat";
  EXPECT_EQ(at_device({.to = "10.0.0.9", .dport = 80}), kPass) << "through it";
  EXPECT_EQ(behind_input({.dport = 22}), kSent) << "back to the stack";
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"passed-no-service", 1}}));
}

TEST_F(Deny, WhatIsNotToAnAddressOfThisDirectorGoesOn) {
  const ipvs::ServiceKey elsewhere =
      ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("10.0.0.77"), 80};
  balance(elsewhere, {.scheduler = "rr"});
  deny({"192.0.2.2"});
  EXPECT_EQ(at_device({.to = "10.0.0.77"}), kPass);
}

TEST_F(Deny, ACoreThatIsNotArmedLeavesNewOnesToTheStack) {
  balance(kWeb, {.scheduler = "rr"});
  deny({"192.0.2.2"});
  ASSERT_TRUE(core->set_armed(false));
  EXPECT_EQ(at_device({}), kPass);
}

TEST_F(Deny, AnEstablishedConnectionStallsAndGoesOnWhenThePrefixLeaves) {
  balance(kWeb, {.scheduler = "rr"});
  behind_input({});
  at_device({.flags = kAck});
  deny({"192.0.2.2"});
  EXPECT_EQ(at_device({.flags = kAck}), kDropped);
  EXPECT_EQ(behind_input({.flags = kAck}), kDropped);
  EXPECT_EQ(at_device(kReply), kSent) << "what the server says goes on";
  EXPECT_EQ(connections().size(), 1U);
  deny({});
  EXPECT_EQ(at_device({.flags = kAck}), kSent);
  EXPECT_EQ(denied(), (std::map<std::string, uint64_t>{}));
}

TEST_F(Deny, RealServersInADeniedPrefixAnswer) {
  balance(kWeb, {.scheduler = "rr"});
  behind_input({});
  deny({"10.0.0.0/8"});
  EXPECT_EQ(at_device(kReply), kSent);
  EXPECT_EQ(behind_input(kReply), kSent);
  EXPECT_TRUE(drops().empty());
}

TEST_F(Deny, AServiceByMarkIsKnownBehindInput) {
  balance(kMark, {.scheduler = "rr"}, 1, 0);
  deny({"192.0.2.2"});
  EXPECT_EQ(at_device({.dport = 443}), kPass);
  EXPECT_EQ(behind_input({.dport = 443}, 7), kDropped);
  EXPECT_EQ(drops()["denied"], 1U);
}

TEST_F(Deny, ExpressIsNoWayRound) {
  balance(kWeb, {.scheduler = "rr"});
  ask(ipvs::SetSetting{"express", 1});
  deny({"192.0.2.2"});
  EXPECT_EQ(by_eth0({}), kDropped);
  EXPECT_EQ(by_eth0({.from = "192.0.2.3"}), kSent);
}

TEST_F(Deny, FragmentsAreDroppedWhereTheyAreKnown) {
  balance(kNames, {.scheduler = "rr"}, 1, 53);
  deny({"192.0.2.2"});
  Packet fragment{.dport = 53, .protocol = 17, .flags = 0, .fragment = kMoreFragments};
  fragment.has_checksum = false;
  fragment.payload = std::string(8, 'x');
  EXPECT_EQ(behind_input(fragment), kDropped);
  fragment.fragment = kAtByte8;
  EXPECT_EQ(behind_input(fragment), kDropped);
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"denied", 2}}));
}

TEST_F(Deny, OfOnePacketServicesToo) {
  balance(kNames, {.scheduler = "rr", .flags = ipvs::kOnePacket}, 1, 53);
  deny({"192.0.2.2"});
  EXPECT_EQ(behind_input({.dport = 53, .protocol = 17, .flags = 0}), kDropped);
}

TEST_F(Deny, FtpDataThatWasToldOfIsDroppedAndOtherPortsAreNot) {
  const ipvs::ServiceKey ftp =
      ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 21};
  balance(ftp, {.scheduler = "rr"}, 1, 21);
  behind_input({.dport = 21});
  Packet told = kReply;
  told.sport = 21;
  told.flags = kAck;
  told.payload = "229 Entering Extended Passive Mode (|||40001|)\r\n";
  at_device(told);
  deny({"192.0.2.2"});
  EXPECT_EQ(at_device({.sport = 50000, .dport = 40001}), kDropped);
  EXPECT_EQ(behind_input({.sport = 50000, .dport = 40001}), kDropped);
  EXPECT_EQ(at_device({.sport = 50000, .dport = 40002}), kPass);
}

TEST_F(Deny, IcmpErrorsAboutADeniedClientsConnectionAreDropped) {
  balance(kWeb, {.scheduler = "rr"});
  behind_input({});
  behind_input({.from = "192.0.2.3"});
  const Packet to_denied{
      .from = "192.0.2.100", .to = "192.0.2.2", .sport = 80, .dport = 40000, .flags = kAck};
  Packet to_other = to_denied;
  to_other.to = "192.0.2.3";
  deny({"192.0.2.2"});
  EXPECT_EQ(error_from(kRouter, to_denied, "192.0.2.100"), kDropped);
  EXPECT_EQ(error_from("192.0.2.2", to_other, "192.0.2.100"), kDropped) << "forged by him";
  EXPECT_EQ(error_from(kRouter, to_other, "192.0.2.100"), kSent);
  const Packet at_server{.to = "10.0.0.2", .dport = 8080, .flags = kAck};
  EXPECT_EQ(error_from("10.0.0.9", at_server, "192.0.2.2"), kSent) << "the server's side answers";
  EXPECT_EQ(denied()["192.0.2.2"], 2U);
}

TEST_F(Deny, IPv6HasAListOfItsOwn) {
  ask(ipvs::NewService{kWeb6, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb6, {*Address::parse("fd00::2"), 8080}, {}});
  balance(kWeb, {.scheduler = "rr"});
  EXPECT_EQ(run6(core->ipvs0_egress_fd(), {}), kSent);
  deny({"2001:db8::/120"});
  EXPECT_EQ(run6(core->nic_ingress_fd(), {.flags = kAck}), kDropped);
  EXPECT_EQ(run6(core->ipvs0_egress_fd(), {.sport = 40001}), kDropped);
  EXPECT_EQ(run6(core->ipvs0_egress_fd(), {.from = "2001:db8::1:2"}), kSent);
  EXPECT_EQ(run6(core->nic_ingress_fd(), {.dport = 22}), kPass);
  EXPECT_EQ(behind_input({}), kSent);
  EXPECT_EQ(denied(), (std::map<std::string, uint64_t>{{"2001:db8::/120", 2}}));
}

TEST_F(Deny, AnIcmp6ErrorAboutADeniedClientsConnectionIsDropped) {
  ask(ipvs::NewService{kWeb6, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kWeb6, {*Address::parse("fd00::2"), 8080}, {}});
  run6(core->ipvs0_egress_fd(), {});
  const Icmp6Error error{.from = "2001:db8::7",
                         .to = "2001:db8::100",
                         .quoted = {.from = "2001:db8::100",
                                    .to = "2001:db8::2",
                                    .sport = 80,
                                    .dport = 40000,
                                    .flags = kAck}};
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), build(error)).verdict, kSent);
  deny({"2001:db8::2"});
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), build(error)).verdict, kDropped);
  deny({"2001:db8::7"});
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), build(error)).verdict, kDropped);
}

TEST_F(Deny, IpsecBehindADeniedFlowIsDropped) {
  const ipvs::ServiceKey isakmp =
      ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("192.0.2.100"), 500};
  balance(isakmp, {.scheduler = "rr"}, 1, 500);
  behind_input({.sport = 500, .dport = 500, .protocol = 17, .flags = 0});
  Frame esp = build(Packet{.protocol = 17, .flags = 0, .has_checksum = false});
  esp[kEthernet + 9] = 50;
  put16(&esp[kEthernet + 10], 0);
  put16(&esp[kEthernet + 10], static_cast<uint16_t>(~folded(sum_of(&esp[kEthernet], 20))));
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), esp).verdict, kSent);
  deny({"192.0.2.2"});
  EXPECT_EQ(run_frame(core->nic_ingress_fd(), esp).verdict, kDropped);
}

TEST_F(Deny, AListTakesThePlaceOfAnotherAndWhatStaysKeepsItsCount) {
  balance(kWeb, {.scheduler = "rr"});
  deny({"192.0.2.2", "198.51.100.0/24"});
  at_device({});
  deny({"192.0.2.2", "198.51.0.0/16", "2001:db8::/32"});
  EXPECT_EQ(denied(), (std::map<std::string, uint64_t>{
                          {"192.0.2.2", 1}, {"198.51.0.0/16", 0}, {"2001:db8::/32", 0}}));
  EXPECT_EQ(at_device({.from = "198.51.7.7"}), kDropped);
  deny({"198.51.0.0/16", "198.51.7.0/24"});
  EXPECT_EQ(at_device({.from = "198.51.7.7"}), kDropped);
  EXPECT_EQ(denied(), (std::map<std::string, uint64_t>{{"198.51.0.0/16", 1}, {"198.51.7.0/24", 1}}))
      << "the longest prefix counts";
}

std::vector<std::string> networks_in(int network, uint32_t how_many) {
  std::vector<std::string> texts;
  for (uint32_t i = 0; i < how_many; ++i) {
    texts.push_back(std::to_string(network + static_cast<int>(i / 65536)) + "." +
                    std::to_string(i / 256 % 256) + "." + std::to_string(i % 256) + ".0/24");
  }
  return texts;
}

// The kernel refuses what has no room.
TEST_F(Deny, WhatTheKernelRefusesIsToldAndTheOthersAreDenied) {
  deny({"99.0.0.0/8", "103.200.0.0/24"});
  auto list = networks_in(100, LVS_DENIED_ROOM);
  list.emplace_back("103.0.0.0/8");
  list.emplace_back("2001:db8::/32");
  const auto done = core->set_denied(prefixes_of(list));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ENOSPC);
  EXPECT_THAT(done.error().what, ::testing::StartsWith("deny 100.7.254.0/24: "));
  EXPECT_THAT(done.error().what, ::testing::EndsWith(", and 2 more"));
  EXPECT_TRUE(denied().contains("100.7.253.0/24"));
  EXPECT_TRUE(denied().contains("2001:db8::/32")) << "behind the one that was refused";
  EXPECT_FALSE(denied().contains("99.0.0.0/8")) << "not denied any more";
  EXPECT_TRUE(denied().contains("103.200.0.0/24")) << "what the wider one was to cover";
  deny({"103.0.0.0/8"});
  EXPECT_EQ(denied().size(), 1U) << "now there is room, and the narrower one has gone";
}

TEST_F(Deny, TheLongestListMayBeReplacedByAnother) {
  deny(networks_in(101, LVS_DENIED_MAX));
  EXPECT_EQ(denied().size(), LVS_DENIED_MAX);
  deny(networks_in(102, LVS_DENIED_MAX));
  EXPECT_EQ(denied().size(), LVS_DENIED_MAX);
  EXPECT_TRUE(denied().contains("102.3.255.0/24"));
}

}  // namespace
}  // namespace lvs::test
