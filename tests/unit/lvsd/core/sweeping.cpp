// What a sweep looks at: every entry that the program would end, and few others.
#include "lvsd/core/sweeping.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <algorithm>

#include <iterator>
#include <vector>

#include "lvsd/bpf/sctp_states.h"

namespace lvs::core {
namespace {

constexpr uint64_t kNow = 1'000'000;

lvs_flow established() {
  lvs_flow flow{};
  flow.word = LVS_TCP_ESTABLISHED | LVS_WORD_ACTIVE;
  flow.expires = kNow + 1;
  return flow;
}

TEST(Sweeping, WhatLivesIsLeftAlone) {
  const Sweeping sweeping{.now = kNow};
  EXPECT_FALSE(sweeping.may_go(established(), IPPROTO_TCP));
  lvs_template client{};
  client.expires = kNow + 1;
  EXPECT_FALSE(sweeping.may_go(client));
}

TEST(Sweeping, WhatIsPastItsTimeOrDeadMayGo) {
  const Sweeping sweeping{.now = kNow};
  auto flow = established();
  flow.expires = kNow;
  EXPECT_TRUE(sweeping.may_go(flow, IPPROTO_TCP));
  flow = established();
  flow.word |= LVS_WORD_DEAD;
  EXPECT_TRUE(sweeping.may_go(flow, IPPROTO_TCP));
  lvs_template client{};
  client.expires = kNow;
  EXPECT_TRUE(sweeping.may_go(client));
  client.expires = kNow + 1;
  client.word = LVS_TEMPLATE_DEAD;
  EXPECT_TRUE(sweeping.may_go(client));
}

TEST(Sweeping, WhoeverIsNamedMayGo) {
  Sweeping sweeping{.now = kNow};
  sweeping.how.kill = 1;
  EXPECT_TRUE(sweeping.may_go(established(), IPPROTO_TCP));
  lvs_template client{};
  client.expires = kNow + 1;
  EXPECT_TRUE(sweeping.may_go(client));
}

TEST(Sweeping, UnderPressureWhatIsNotEstablishedMayGo) {
  Sweeping sweeping{.now = kNow};
  sweeping.how.half_open_ns = 1;
  sweeping.how.unassured = 1;
  auto half_open = established();
  half_open.word = LVS_TCP_SYN_RECV | LVS_WORD_ACTIVE;
  EXPECT_TRUE(sweeping.may_go(half_open, IPPROTO_TCP));
  EXPECT_FALSE(sweeping.may_go(established(), IPPROTO_TCP));
  auto datagrams = established();
  datagrams.word = 0;
  EXPECT_FALSE(sweeping.may_go(datagrams, IPPROTO_UDP)) << "only when idle ones are asked for";
  sweeping.how.udp_idle_ns = 1;
  EXPECT_TRUE(sweeping.may_go(datagrams, IPPROTO_UDP));
  auto associated = established();
  associated.word = LVS_SCTP_ESTABLISHED | LVS_WORD_ACTIVE;
  EXPECT_FALSE(sweeping.may_go(associated, IPPROTO_SCTP)) << "nor is it a datagram that is idle";
  associated.word = LVS_SCTP_COOKIE_SENT;
  EXPECT_TRUE(sweeping.may_go(associated, IPPROTO_SCTP));
  lvs_template client{};
  client.expires = kNow + 1;
  EXPECT_TRUE(sweeping.may_go(client));
  client.word = LVS_TEMPLATE_ASSURED;
  EXPECT_FALSE(sweeping.may_go(client));
  client.word = 1;
  EXPECT_FALSE(sweeping.may_go(client)) << "a connection is under it";
}

TEST(Sweeping, ConnectionsOfARemovedServerMayGoWhereTheyEndWithIt) {
  std::array<lvs_dest, 1> dests{};
  dests[0].use = LVS_DEST_AVAILABLE;
  Sweeping sweeping{.now = kNow, .ends_lost = true, .dests = dests};
  EXPECT_FALSE(sweeping.may_go(established(), IPPROTO_TCP));
  dests[0].use = LVS_DEST_REMOVED;
  EXPECT_TRUE(sweeping.may_go(established(), IPPROTO_TCP));
  sweeping.ends_lost = false;
  EXPECT_FALSE(sweeping.may_go(established(), IPPROTO_TCP));
}

TEST(Sweeping, EntriesOfRepliesAreShownInTurns) {
  Sweeping sweeping{.now = kNow, .shares = 4};
  auto reply = established();
  reply.direction = LVS_TO_CLIENT;
  reply.word = uint64_t{6} << LVS_WORD_GENERATION_SHIFT;
  int shown = 0;
  for (; sweeping.turn < 8; ++sweeping.turn) {
    shown += sweeping.may_go(reply, IPPROTO_TCP) ? 1 : 0;
  }
  EXPECT_EQ(shown, 2);
}

constexpr uint32_t kAll = 0xffffffffU;

lvs_flow half_open(uint32_t generation) {
  auto flow = established();
  flow.word = uint64_t{generation} << LVS_WORD_GENERATION_SHIFT | LVS_TCP_SYN_RECV;
  return flow;
}

TEST(Sweeping, ForDropEntryWhatIsHalfOpenIsDrawnAndWhatIsEstablishedIsNot) {
  Sweeping sweeping{.now = kNow};
  EXPECT_FALSE(sweeping.is_drawn(half_open(7), IPPROTO_TCP)) << "it is off";
  sweeping.how.drop_share = kAll;
  EXPECT_TRUE(sweeping.is_drawn(half_open(7), IPPROTO_TCP));
  EXPECT_FALSE(sweeping.is_drawn(established(), IPPROTO_TCP));
  auto flow = half_open(7);
  flow.direction = LVS_TO_CLIENT;
  EXPECT_FALSE(sweeping.is_drawn(flow, IPPROTO_TCP)) << "an entry of replies goes with its own";
  flow = half_open(7);
  flow.word = LVS_SCTP_INIT1;
  EXPECT_TRUE(sweeping.is_drawn(flow, IPPROTO_SCTP));
  flow.word = LVS_SCTP_ESTABLISHED;
  EXPECT_FALSE(sweeping.is_drawn(flow, IPPROTO_SCTP));
}

TEST(Sweeping, APartIsDrawnAndAnotherOneInTheNextTurn) {
  constexpr uint32_t kFlows = 64'000;
  Sweeping sweeping{.now = kNow};
  sweeping.how.drop_share = kAll / 32;
  const auto drawn = [&] {
    std::vector<uint32_t> all;
    for (uint32_t generation = 1; generation <= kFlows; ++generation) {
      if (sweeping.is_drawn(half_open(generation), IPPROTO_TCP)) {
        all.push_back(generation);
      }
    }
    return all;
  };
  const auto first = drawn();
  EXPECT_NEAR(static_cast<double>(first.size()), kFlows / 32.0, 250);
  sweeping.draw = 1;
  const auto second = drawn();
  std::vector<uint32_t> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                        std::back_inserter(both));
  EXPECT_NEAR(static_cast<double>(both.size()), kFlows / 32.0 / 32.0, 50);
}

TEST(Sweeping, ForDropEntryTemplatesOfForgedClientsAreDrawn) {
  Sweeping sweeping{.now = 2 * LVS_DROP_IDLE_NS};
  sweeping.how.drop_share = kAll;
  lvs_template client{};
  client.timeout = 3 * LVS_DROP_IDLE_NS;
  client.expires = sweeping.now + client.timeout;
  EXPECT_TRUE(sweeping.is_drawn(client, false));
  EXPECT_FALSE(sweeping.is_drawn(client, true)) << "its datagrams are of no connection";
  client.expires -= LVS_DROP_IDLE_NS;
  EXPECT_TRUE(sweeping.is_drawn(client, true)) << "it is idle";
  client.word = LVS_TEMPLATE_ASSURED;
  EXPECT_FALSE(sweeping.is_drawn(client, false));
  client.word = 1;
  EXPECT_FALSE(sweeping.is_drawn(client, false)) << "a connection is under it";
}

}  // namespace
}  // namespace lvs::core
