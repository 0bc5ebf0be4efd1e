// What a listing leaves out while nobody sweeps.
#include "lvsd/core/expired.h"

#include <gtest/gtest.h>

namespace lvs::core {
namespace {

constexpr uint64_t kNow = 1000;
constexpr uint32_t kServer = 7;
constexpr uint64_t kGeneration = 5;

lvs_flow connection(uint64_t expires, uint64_t word = 0) {
  lvs_flow flow{};
  flow.word = word;
  flow.expires = expires;
  flow.direction = LVS_TO_SERVER;
  flow.dest = kServer;
  return flow;
}

lvs_key client(uint32_t address) {
  lvs_key key{};
  key.saddr = address;
  return key;
}

lvs_flow controlled(lvs_flow flow, uint32_t address) {
  flow.template_key = client(address);
  flow.template_generation = kGeneration;
  return flow;
}

lvs_template item(uint64_t expires, uint64_t controlled, uint64_t word = 0) {
  lvs_template made{};
  made.word = kGeneration << LVS_TEMPLATE_GENERATION_SHIFT | word | controlled;
  made.expires = expires;
  made.dest = kServer;
  return made;
}

TEST(Expired, ConnectionsPastTheirTimeAreTakenOffTheirServer) {
  Expired expired(kNow);
  EXPECT_FALSE(expired.is_living(connection(kNow, LVS_WORD_ACTIVE)));
  EXPECT_FALSE(expired.is_living(connection(kNow - 1)));
  EXPECT_TRUE(expired.is_living(connection(kNow + 1, LVS_WORD_ACTIVE)));
  EXPECT_EQ(expired.of(kServer), (Expired::Counts{.active = 1, .total = 2}));
  EXPECT_EQ(expired.of(kServer + 1), Expired::Counts{});
}

TEST(Expired, DeadOnesAndRepliesWereNeverCounted) {
  Expired expired(kNow);
  EXPECT_FALSE(expired.is_living(connection(1, LVS_WORD_DEAD | LVS_WORD_ACTIVE)));
  lvs_flow reply = connection(1);
  reply.direction = LVS_TO_CLIENT;
  EXPECT_FALSE(expired.is_living(reply));
  EXPECT_FALSE(expired.is_living(client(1), item(1, 0, LVS_TEMPLATE_DEAD)));
  EXPECT_EQ(expired.of(kServer), Expired::Counts{});
}

TEST(Expired, ATemplateLivesAsLongAsALivingConnectionHoldsIt) {
  Expired expired(kNow);
  EXPECT_FALSE(expired.is_living(controlled(connection(1), 1)));
  EXPECT_FALSE(expired.is_living(controlled(connection(1), 2)));
  EXPECT_TRUE(expired.is_living(client(1), item(1, 2)));
  EXPECT_FALSE(expired.is_living(client(2), item(1, 1)));
  EXPECT_TRUE(expired.is_living(client(3), item(kNow + 1, 0)));
  EXPECT_FALSE(expired.is_living(client(4), item(kNow, 0)));
  EXPECT_EQ(expired.of(kServer).persistent, 2U);
}

}  // namespace
}  // namespace lvs::core
