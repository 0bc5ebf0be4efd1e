// The tables of the hashing schedulers and the one list of schedulers. The hashes stand against
// values of the kernel's own functions; whole tables against real ip_vs in the transcripts of
// tests/kernel/transcripts/hashing.
#include "lvsd/core/schedulers.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "common/ipvs/capabilities.h"
#include "lvsd/bpf/hashes.h"

namespace lvs::core {
namespace {

using ::testing::Each;

Servers with_weights(const std::vector<int32_t>& weights) {
  Servers servers;
  uint32_t place = 0;
  for (const auto weight : weights) {
    const auto address = "10.0.0." + std::to_string(place + 1);
    servers.emplace(place, Server{.id = place,
                                  .key = {*Address::parse(address), 80},
                                  .dest = {.weight = weight},
                                  .last_weight = weight});
    ++place;
  }
  return servers;
}

std::map<uint32_t, int> slots_of(const HashTable& table) {
  std::map<uint32_t, int> slots;
  for (const auto id : table) {
    ++slots[id];
  }
  return slots;
}

TEST(Schedulers, AreAllInTheCoreThatTheListHas) {
  for (const auto& scheduler : ipvs::kSchedulers) {
    const auto* found = find_scheduler(std::string(scheduler.name));
    ASSERT_NE(found, nullptr) << scheduler.name;
    EXPECT_EQ(find_scheduler(static_cast<uint32_t>(found->number)), found);
  }
  EXPECT_EQ(find_scheduler("none"), nullptr);
  EXPECT_EQ(find_scheduler(0U), nullptr);
}

TEST(Hashes, AreTheKernels) {
  EXPECT_EQ(lvs_hash32(1, 8), 0x61U);
  EXPECT_EQ(lvs_hash32(0xc0000202, 8), (0xc0000202U * 0x61c88647U) >> 24);
}

TEST(DestinationHashing, DealsTheSlotsInTurnFromTheNewest) {
  const auto table = dh_table(with_weights({5, 0, 1}));
  ASSERT_EQ(table.size(), 256U);
  for (uint32_t i = 0; i < table.size(); ++i) {
    ASSERT_EQ(table[i], 2 - i % 3);
  }
  EXPECT_THAT(dh_table({}), Each(LVS_NO_DEST));
}

TEST(SourceHashing, DealsAsManySlotsInARowAsAServerWeighsAndAtLeastOne) {
  const auto table = sh_table(with_weights({2, 0, 3}));
  const std::vector<uint32_t> round = {2, 2, 2, 1, 0, 0};
  for (uint32_t i = 0; i < table.size(); ++i) {
    ASSERT_EQ(table[i], round[i % round.size()]);
  }
  EXPECT_THAT(sh_table({}), Each(LVS_NO_DEST));
  EXPECT_THAT(sh_table(with_weights({1, 300})), Each(1U)) << "no slot left for the older";
}

TEST(Maglev, SharesTheTableByWeight) {
  const auto slots = slots_of(mh_table(with_weights({1, 1, 2})));
  EXPECT_NEAR(slots.at(0), 4093 / 4, 1);
  EXPECT_NEAR(slots.at(1), 4093 / 4, 1);
  EXPECT_NEAR(slots.at(2), 4093 / 2, 2);
  EXPECT_THAT(mh_table({}), Each(LVS_NO_DEST));
  EXPECT_THAT(mh_table(with_weights({0, 0})), Each(LVS_NO_DEST));
}

TEST(Maglev, KeepsTheSlotsOfAQuiescedServer) {
  auto servers = with_weights({1, 1, 2});
  const auto before = mh_table(servers);
  servers.at(1).dest.weight = 0;
  EXPECT_EQ(mh_table(servers), before) << "its last weight counts";
}

TEST(Maglev, MovesFewSlotsOfTheOthersWhenAServerGoes) {
  auto servers = with_weights(std::vector<int32_t>(10, 1));
  const auto before = mh_table(servers);
  servers.erase(3);
  const auto after = mh_table(servers);
  int moved = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    moved += before[i] != 3 && before[i] != after[i] ? 1 : 0;
  }
  EXPECT_LT(moved, 4093 / 20);
}

TEST(Maglev, HugeWeightsAreScaledAsTheKernelDoes) {
  const auto slots = slots_of(mh_table(with_weights({65535, 65534, 1})));
  EXPECT_EQ(slots.at(2), 4093 / (63 + 63 + 1) + 1)
      << "65535 takes 63 slots in a round, 1 takes one";
}

}  // namespace
}  // namespace lvs::core
