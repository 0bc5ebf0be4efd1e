// What was found of a packet, and the answer that comes of it.
#include "lvsd/core/whereabouts.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace lvs::core {
namespace {

using ipvs::ChosenBy;
using ipvs::Whereabouts;
using ipvs::WherePacket;

constexpr uint64_t kSecond = 1'000'000'000;
const WherePacket kPacket{
    ipvs::Protocol::tcp, {*Address::parse("192.0.2.9"), 4000}, {*Address::parse("192.0.2.1"), 80}};
const FoundService kWeb{ipvs::AddressKey{ipvs::Protocol::tcp, kPacket.virtual_service.address, 80},
                        "rr", 24};
const Endpoint kServer{*Address::parse("10.0.0.2"), 8080};

uint64_t word(uint32_t generation, uint64_t bits = 0) {
  return uint64_t{generation} << LVS_WORD_GENERATION_SHIFT | bits;
}

FoundFlow flow(uint32_t generation, uint64_t bits = 0) {
  FoundFlow found{{}, kServer.address};
  found.entry.word = word(generation, bits);
  found.entry.expires = 160 * kSecond;
  found.entry.port = htons(kServer.port);
  found.entry.dest = 3;
  return found;
}

// A packet that begins a connection.
Found begun() {
  Found found;
  found.matched = found.of_flow = kWeb;
  found.after = flow(7);
  found.server = lvs_dest{};
  inet_pton(AF_INET, "10.0.0.2", found.server->address);
  found.server->family = AF_INET;
  found.server->weight = 5;
  found.server->active = 2;
  found.server->total = 6;
  found.now = 100 * kSecond;
  return found;
}

FoundTemplate persistence(uint32_t before, uint32_t after, uint32_t dest) {
  FoundTemplate found{{}, lvs_template{}, *Address::parse("192.0.2.0")};
  found.before.word = word(before);
  found.before.expires = 130 * kSecond + kSecond / 2;
  found.after->word = word(after);
  found.after->dest = dest;
  return found;
}

TEST(Whereabouts, a_new_connection_is_the_schedulers) {
  const auto answer = whereabouts(kPacket, begun());
  EXPECT_EQ(answer.refusal, "");
  EXPECT_EQ(answer.by, ChosenBy::scheduler);
  EXPECT_EQ(answer.service, kWeb.key);
  EXPECT_EQ(answer.scheduler, "rr");
  EXPECT_EQ(answer.server, kServer);
  EXPECT_EQ(answer.weight, 5);
  EXPECT_EQ(answer.active, 2U);
  EXPECT_EQ(answer.inactive, 4U);
  EXPECT_EQ(answer.connection, std::nullopt);
  EXPECT_EQ(answer.way.device, "");
}

TEST(Whereabouts, a_connection_that_is_there_is_named_and_leads) {
  auto found = begun();
  found.before = flow(7, LVS_WORD_NOOUTPUT);
  auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.by, ChosenBy::connection);
  ASSERT_TRUE(answer.connection);
  EXPECT_EQ(answer.connection->destination, kServer);
  EXPECT_EQ(answer.connection->expires_s, 60U);
  found.after = flow(8);
  answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.by, ChosenBy::scheduler) << "begun anew";
  EXPECT_TRUE(answer.connection);
  found.before = flow(7, LVS_WORD_DEAD);
  EXPECT_EQ(whereabouts(kPacket, found).connection, std::nullopt);
  found.before = flow(7);
  found.before->entry.direction = LVS_TO_CLIENT;
  EXPECT_EQ(whereabouts(kPacket, found).connection, std::nullopt);
}

TEST(Whereabouts, a_template_leads_when_it_was_there_and_led_here) {
  auto found = begun();
  found.persistence = persistence(4, 4, 3);
  const auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.by, ChosenBy::persistence);
  EXPECT_EQ(answer.persistence, (Whereabouts::Template{*Address::parse("192.0.2.0"), 24, 31}));
  found.persistence = persistence(4, 5, 3);
  EXPECT_EQ(whereabouts(kPacket, found).by, ChosenBy::scheduler) << "another one by now";
  found.persistence = persistence(4, 4, 2);
  EXPECT_EQ(whereabouts(kPacket, found).by, ChosenBy::scheduler) << "of another server";
  found.persistence->after.reset();
  EXPECT_EQ(whereabouts(kPacket, found).by, ChosenBy::scheduler) << "it ended";
}

TEST(Whereabouts, a_refusal_has_its_reason_and_what_is_none_has_not) {
  Found found;
  found.matched = kWeb;
  found.drops[LVS_DROP_NO_DESTINATION] = 1;
  auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.refusal, "no-destination");
  EXPECT_EQ(answer.service, kWeb.key);
  EXPECT_EQ(answer.by, ChosenBy::nobody);
  found.drops = {};
  found.drops[LVS_EVICTED_HALF_OPEN] = 1;
  EXPECT_EQ(whereabouts(kPacket, found).refusal, "passed-no-service");
  found.is_dropped = true;
  EXPECT_EQ(whereabouts(kPacket, found).refusal, "dropped");
  for (const auto reason : {LVS_PASS_NOT_ARMED, LVS_PASS_NOT_NEW, LVS_DROP_PACKET,
                            LVS_DROP_FRAGMENT, LVS_DROP_DENIED}) {
    found.drops = {};
    found.drops[reason] = 1;
    EXPECT_NE(whereabouts(kPacket, found).refusal, "dropped") << reason;
  }
  found.drops = {};
  found.drops[LVS_PASS_NO_SERVICE] = 1;
  EXPECT_EQ(whereabouts(kPacket, found).service, std::nullopt);
}

TEST(Whereabouts, what_is_kept_out_is_told_with_its_connection_alone) {
  auto found = begun();
  found.before = flow(7);
  found.kept_out = kNotOwnAddress;
  const auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.refusal, "not-own-address");
  EXPECT_TRUE(answer.connection);
  EXPECT_EQ(answer.service, std::nullopt);
  EXPECT_EQ(answer.server, std::nullopt);
}

TEST(Whereabouts, a_reply_goes_to_no_server) {
  auto found = begun();
  found.after->entry.direction = LVS_TO_CLIENT;
  const auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.refusal, "reply");
  EXPECT_EQ(answer.server, std::nullopt);
  EXPECT_EQ(wanted_room(found, answer), (Room{}));
}

TEST(Whereabouts, the_way_has_a_mac_when_the_connection_knows_one) {
  auto found = begun();
  found.device = "eth1";
  found.next_hop = Address::parse("10.0.0.2");
  auto answer = whereabouts(kPacket, found);
  EXPECT_EQ(answer.way.device, "eth1");
  EXPECT_EQ(answer.way.next_hop, Address::parse("10.0.0.2"));
  EXPECT_EQ(answer.way.mac, "");
  found.after->entry.route = {.ifindex = 3, .dmac = {2, 0, 0, 0, 0, 0xab}};
  EXPECT_EQ(whereabouts(kPacket, found).way.mac, "02:00:00:00:00:ab");
  found.after->entry.flags = LVS_FLOW_TO_SELF;
  answer = whereabouts(kPacket, found);
  EXPECT_TRUE(answer.way.is_local);
  EXPECT_EQ(answer.way.device, "");
}

TEST(Whereabouts, room_is_wanted_for_what_is_new) {
  auto found = begun();
  const auto room = [&found] { return wanted_room(found, whereabouts(kPacket, found)); };
  EXPECT_EQ(room(), (Room{.connections = 2}));
  found.service_flags = LVS_SERVICE_PERSISTENT;
  EXPECT_EQ(room(), (Room{.connections = 2, .templates = 1}));
  found.after->entry.forward = LVS_FORWARD_DIRECT;
  EXPECT_EQ(room(), (Room{.connections = 1, .templates = 1}));
  found.persistence = persistence(4, 4, 3);
  EXPECT_EQ(room(), (Room{.connections = 1})) << "its template is there";
  found.before = flow(7);
  EXPECT_EQ(room(), (Room{}));
  found.before.reset();
  found.persistence.reset();
  found.service_flags = 0;
  found.after->entry.flags = LVS_FLOW_ONE_PACKET;
  EXPECT_EQ(room(), (Room{}));
}

}  // namespace
}  // namespace lvs::core
