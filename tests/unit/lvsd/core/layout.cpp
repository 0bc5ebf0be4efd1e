// Slices, slots, keys and the nft script: what is written can be read back.
#include "lvsd/core/layout.h"

#include <gmock/gmock.h>

#include <cstring>

#include "lvsd/core/chain.h"
#include "lvsd/core/slots.h"

namespace lvs::core {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

const TimePoint t0{};
const ipvs::ServiceKey kWeb =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 80};
const ipvs::ServiceKey kAnyPort =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("192.0.2.101"), 0};
const ipvs::ServiceKey kMark = ipvs::MarkKey{0xfe000050, Family::v4};
const ipvs::ServiceKey kWeb6 =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("2001:db8::100"), 80};
const ipvs::ServiceKey kMark6 = ipvs::MarkKey{7, Family::v6};

TEST(Layout, KeysComeBackAsTheyWere) {
  for (const auto& key : {kWeb, kAnyPort, kMark, kWeb6, kMark6}) {
    EXPECT_EQ(from_map(to_map(key)), key);
  }
}

TEST(Layout, ServersComeBackAsTheyWere) {
  const Server server{5,
                      {*Address::parse("10.0.0.7"), 8080},
                      {.forward = ipvs::Forward::tunnel,
                       .weight = 3,
                       .upper_threshold = 100,
                       .lower_threshold = 50,
                       .tunnel_type = ipvs::TunnelType::gue,
                       .tunnel_port = 6080}};
  lvs_dest entry{};
  entry.total = 42;
  write_server(entry, kWeb, 9, server);
  EXPECT_EQ(server_of(entry, 5), server);
  EXPECT_EQ(entry.total, 42U) << "counters belong to the packet path";
  EXPECT_EQ(from_map(entry.service_key), kWeb);
}

TEST(Layout, ASliceHoldsTheServiceItsServersAndRoomForMore) {
  const ServiceEntry entry{
      .id = 1,
      .service = {.scheduler = "wrr", .flags = 1, .timeout = 300, .prefix = 24},
      .servers = {{0, {6, {}, {.weight = 9}}}, {2, {4, {}, {.weight = 6}}}},
      .used = 3,
      .room = 8};
  const auto slots = make_slice(entry);
  lvs_slice header{};
  std::memcpy(&header, slots.data(), sizeof(header));
  EXPECT_TRUE(is_whole(header));
  EXPECT_EQ(header.slots, slots.size());
  EXPECT_EQ(service_of(header), entry.service);
  EXPECT_EQ(header.dests, 3U);
  EXPECT_EQ(header.step, 3);
  EXPECT_EQ(header.top, 7);
  const auto at = [&](uint32_t place) { return slots[LVS_SLICE_SLOTS + place]; };
  EXPECT_EQ(at(0).dest, 6U);
  EXPECT_EQ(at(1).dest, LVS_NO_DEST);
  EXPECT_EQ(at(2).dest, 4U);
  EXPECT_EQ(at(2).weight, 6);
  EXPECT_EQ(at(7).dest, LVS_NO_DEST);
}

TEST(Layout, ASliceKnowsThePersistenceEngine) {
  const ServiceEntry entry{.id = 1,
                           .service = {.scheduler = "rr",
                                       .flags = ipvs::kPersistent | ipvs::kOnePacket,
                                       .timeout = 60,
                                       .prefix = 32,
                                       .persistence_engine = "sip"},
                           .servers = {},
                           .room = 8};
  const auto slots = make_slice(entry);
  lvs_slice header{};
  std::memcpy(&header, slots.data(), sizeof(header));
  EXPECT_EQ(service_of(header), entry.service);
}

TEST(Layout, AHeaderWhoseLengthsDisagreeIsNoSlice) {
  lvs_slice header{.scheduler = LVS_SH,
                   .dests = 4,
                   .sequence = 256,
                   .slots = LVS_SLICE_SLOTS + 8 + 256,
                   .room = 8};
  EXPECT_TRUE(is_whole(header));
  header.slots -= 1;
  EXPECT_FALSE(is_whole(header));
  header = {.scheduler = LVS_RR, .dests = 9, .slots = LVS_SLICE_SLOTS + 8, .room = 8};
  EXPECT_FALSE(is_whole(header));
  header = {.scheduler = 77, .slots = LVS_SLICE_SLOTS};
  EXPECT_FALSE(is_whole(header)) << "a scheduler that this program does not know";
  header = {.scheduler = LVS_RR, .slots = LVS_SLICE_SLOTS + LVS_PLACE_HEAD, .room = LVS_PLACE_HEAD};
  EXPECT_FALSE(is_whole(header)) << "a place that the cursor could not name";
}

TEST(Slots, ThoseThatRestAreFreeOnceNoProgramRunsThatSawThem) {
  SlotAllocator slots(101);
  ASSERT_TRUE(slots.allocate(100, t0));
  slots.release(1, 60, t0);
  EXPECT_FALSE(slots.allocate(60, t0));
  slots.end_rest();
  EXPECT_EQ(slots.allocate(60, t0), 1U);
}

TEST(Slots, AReplacedSliceIsNotReusedForASecond) {
  SlotAllocator slots(101);
  const auto first = slots.allocate(60, t0);
  ASSERT_EQ(first, 1U) << "slot 0 means none";
  slots.release(*first, 60, t0);
  EXPECT_FALSE(slots.allocate(60, t0 + 999ms));
  EXPECT_EQ(slots.allocate(60, t0 + 1s), 1U);
}

TEST(Slots, FreedNeighboursBecomeOneAgain) {
  SlotAllocator slots(31);
  for (const uint32_t expected : {1U, 11U, 21U}) {
    ASSERT_EQ(slots.allocate(10, t0), expected);
  }
  slots.release(1, 10, t0);
  slots.release(21, 10, t0);
  slots.release(11, 10, t0);
  EXPECT_EQ(slots.allocate(30, t0 + 1s), 1U);
}

TEST(Slots, WhatIsInUseCanBeReservedOnce) {
  SlotAllocator slots(101);
  EXPECT_TRUE(slots.reserve(40, 10));
  EXPECT_FALSE(slots.reserve(45, 10));
  EXPECT_FALSE(slots.reserve(95, 10));
  EXPECT_EQ(slots.available(), 90U);
  EXPECT_EQ(slots.allocate(50, t0), 50U) << "the only hole that is big enough";
}

const ReplySource kSource{*Address::parse("10.0.0.2"), 8080, ipvs::Protocol::udp};

TEST(Chain, CatchesServicesMarksAndAnyPortInOneTransaction) {
  const auto script = chain_script({.services = {kWeb, kAnyPort, kMark}}, {});
  EXPECT_THAT(script, HasSubstr("add element ip lvs services { 192.0.2.100 . tcp . 80 }"));
  EXPECT_THAT(script, HasSubstr("add element ip lvs any_port { 192.0.2.101 . udp }"));
  EXPECT_THAT(script, HasSubstr("add element ip lvs marks { 4261412944 }"));
  EXPECT_THAT(script, HasSubstr("meta mark @marks dup to 192.0.2.254 device \"ipvs0\" drop"));
  EXPECT_THAT(script, Not(HasSubstr("ip6")));
}

TEST(Chain, RepliesAreLookedForWhereNoProgramSawThem) {
  const auto script = chain_script({.sources = {kSource, {kSource.address}}, .devices = {7}}, {});
  EXPECT_THAT(script, HasSubstr("add element ip lvs sources { 10.0.0.2 . udp . 8080 }"));
  EXPECT_THAT(script, HasSubstr("add element ip lvs any_sources { 10.0.0.2 }"));
  EXPECT_THAT(script, HasSubstr("add element ip lvs attached { 7 }"));
}

TEST(Chain, ServicesOfIPv6HaveATableOfTheirOwn) {
  const Caught both{.services = {kWeb, kWeb6, kMark6}};
  const auto script = chain_script(both, {});
  EXPECT_THAT(script, HasSubstr("add element ip lvs services { 192.0.2.100 . tcp . 80 }"));
  EXPECT_THAT(script, HasSubstr("add element ip6 lvs services { 2001:db8::100 . tcp . 80 }"));
  EXPECT_THAT(script, HasSubstr("add element ip6 lvs marks { 7 }"));
  EXPECT_THAT(script, Not(HasSubstr("add element ip lvs marks")));
  EXPECT_THAT(arming_script(both.has_ipv6(), true, {}), HasSubstr("ip6 lvs prerouting"));
}

TEST(Chain, RepliesAllComeToForwardWhereConnectionsAreTracked) {
  const Caught caught{.sources = {kSource}, .devices = {7}};
  const std::string skipped = "iif @attached meta l4proto tcp accept";
  EXPECT_THAT(chain_script(caught, {}), HasSubstr(skipped));
  EXPECT_THAT(chain_script(caught, {.is_asked_for = true}), Not(HasSubstr(skipped)));
}

TEST(Chain, WhatTheCoreSendsThroughTheStackIsNeitherCaughtAgainNorTracked) {
  const auto script = chain_script({.services = {kWeb}, .sources = {kSource}}, {});
  EXPECT_THAT(script, HasSubstr("ip lvs caught_input iif \"ipvs0\" accept"));
  EXPECT_THAT(script, HasSubstr("ip lvs caught_forward iif \"ipvs0\" accept"));
  EXPECT_THAT(arming_script(false, true, {}), HasSubstr("prerouting notrack"));
}

TEST(Chain, IsNeverTakenAwayToBeWritten) {
  EXPECT_THAT(chain_script({.services = {kWeb}}, {}), Not(HasSubstr("delete")));
}

TEST(Chain, OfAnUnarmedCoreLeavesEverythingToTheStack) {
  const auto disarmed = arming_script(true, false, {});
  EXPECT_THAT(disarmed, HasSubstr("flush chain ip lvs input\n"));
  EXPECT_THAT(disarmed, HasSubstr("flush chain ip6 lvs forward\n"));
  EXPECT_THAT(disarmed, Not(HasSubstr("jump")));
  EXPECT_THAT(disarmed, Not(HasSubstr("tproxy")));
}

// A takeover waits for it.
TEST(Chain, IsArmedWithoutASecondLookAtTheServices) {
  const auto armed = arming_script(false, true, {});
  EXPECT_THAT(armed, HasSubstr("add rule ip lvs input jump caught_input\n"));
  EXPECT_THAT(armed, HasSubstr("add rule ip lvs forward jump caught_forward\n"));
  EXPECT_THAT(armed, Not(HasSubstr("set ip lvs")));
  EXPECT_THAT(armed, Not(HasSubstr("element")));
  const auto written = chain_script({.services = {kWeb}}, {});
  EXPECT_THAT(written, Not(HasSubstr("flush chain ip lvs input\n"))) << "it goes on catching";
}

TEST(Chain, ChangesByWhatCameAndWent) {
  EXPECT_EQ(
      chain_change({.services = {kWeb, kMark}}, {.services = {kAnyPort}, .sources = {kSource}}),
      "delete element ip lvs any_port { 192.0.2.101 . udp }\n"
      "delete element ip lvs sources { 10.0.0.2 . udp . 8080 }\n"
      "add element ip lvs marks { 4261412944 }\n"
      "add element ip lvs services { 192.0.2.100 . tcp . 80 }\n");
}

// A service with these real servers, by NAT unless said otherwise.
ServiceEntry with(const std::vector<ipvs::DestKey>& servers,
                  ipvs::Forward forward = ipvs::Forward::masq) {
  ServiceEntry entry;
  for (const auto& key : servers) {
    entry.servers.emplace(entry.used++, Server{.key = key, .dest = {.forward = forward}});
  }
  return entry;
}

TEST(ReplySources, AServerOfTwoServicesIsOneUntilBothLostIt) {
  const ipvs::DestKey server{*Address::parse("10.0.0.2"), 8080};
  const auto other_web = ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.102"), 80};
  const ReplySource source{server.address, 8080, ipvs::Protocol::tcp};
  const auto entry = with({server});
  ReplySources sources;
  EXPECT_EQ(sources.follow(kWeb, &entry).added, std::vector{source});
  EXPECT_TRUE(sources.follow(kWeb, &entry).added.empty()) << "nothing changed";
  EXPECT_TRUE(sources.follow(other_web, &entry).added.empty());
  EXPECT_TRUE(sources.follow(kWeb, nullptr).gone.empty());
  EXPECT_EQ(sources.follow(other_web, nullptr).gone, std::vector{source});
  EXPECT_TRUE(sources.all().empty());
}

TEST(ReplySources, OnlyTranslatedServersReplyThroughTheDirector) {
  const ipvs::DestKey server{*Address::parse("10.0.0.2"), 8080};
  const auto direct = with({server}, ipvs::Forward::direct);
  ReplySources sources;
  EXPECT_TRUE(sources.follow(kWeb, &direct).added.empty());
  const auto translated = with({server});
  EXPECT_EQ(sources.follow(kWeb, &translated).added.size(), 1U);
  EXPECT_EQ(sources.follow(kWeb, &direct).gone.size(), 1U);
}

TEST(ReplySources, OfAMarkAnyPortOfTheServerMayReply) {
  const auto entry = with({{*Address::parse("10.0.0.2"), 8080}});
  ReplySources sources;
  EXPECT_EQ(sources.follow(kMark, &entry).added,
            std::vector{ReplySource{*Address::parse("10.0.0.2")}});
}

}  // namespace
}  // namespace lvs::core
