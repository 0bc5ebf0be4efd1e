#include "lvsd/plan.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kPairs = 5'000;

std::set<ipvs::ServiceKey> keys_of(const ipvs::Table& table) {
  std::set<ipvs::ServiceKey> keys;
  for (const auto& [key, entry] : table) {
    keys.insert(key);
  }
  return keys;
}

// Each law is tried on the same seeded pairs of tables.
template <typename Law>
void for_random_pairs(const Law& law) {
  Rng rng(7);
  for (uint64_t i = 0; i < kPairs && !testing::Test::HasFailure(); ++i) {
    const ipvs::Table actual = random_table(rng);
    const ipvs::Table desired = random_table(rng);
    std::set<ipvs::ServiceKey> owned;
    for (const auto& [key, entry] : actual) {
      if (rng.chance(0.6)) {
        owned.insert(key);
      }
    }
    SCOPED_TRACE("pair " + std::to_string(i));
    law(actual, desired, owned);
  }
}

TEST(Plan, AppliedGivesTheDesiredTableWhenAllIsOurs) {
  for_random_pairs([](const auto& actual, const auto& desired, const auto&) {
    ipvs::Table table = actual;
    for (const auto& op : plan(actual, desired, keys_of(actual))) {
      ASSERT_TRUE(apply_op(op, table)) << ipvs::to_string(op);
    }
    EXPECT_EQ(table, desired);
  });
}

TEST(Plan, SecondPlanIsEmpty) {
  for_random_pairs([](const auto& actual, const auto& desired, const auto& owned) {
    ipvs::Table table = actual;
    for (const auto& op : plan(actual, desired, owned)) {
      ASSERT_TRUE(apply_op(op, table));
    }
    EXPECT_THAT(plan(table, desired, owned), IsEmpty());
  });
}

TEST(Plan, LeavesForeignServicesAlone) {
  for_random_pairs([](const auto& actual, const auto& desired, const auto& owned) {
    ipvs::Table table = actual;
    for (const auto& op : plan(actual, desired, owned)) {
      ASSERT_TRUE(apply_op(op, table));
    }
    for (const auto& [key, entry] : actual) {
      if (!owned.contains(key) && !desired.contains(key)) {
        ASSERT_TRUE(table.contains(key)) << ipvs::to_string(key);
        EXPECT_EQ(table.at(key), entry);
      }
    }
  });
}

// The model of a core refuses a server without its service and a second one of a kind: so a plan
// whose every step is accepted leaves a sensible table wherever it is cut off.
TEST(Plan, NeverAsksForWhatACoreRefuses) {
  for_random_pairs([](const auto& actual, const auto& desired, const auto& owned) {
    ipvs::Table table = actual;
    bool has_added = false;
    for (const auto& op : plan(actual, desired, owned)) {
      ASSERT_TRUE(apply_op(op, table)) << ipvs::to_string(op);
      has_added |= std::holds_alternative<ipvs::NewService>(op);
      EXPECT_FALSE(has_added && std::holds_alternative<ipvs::DelService>(op));
    }
  });
}

TEST(Plan, RemovesBeforeItAddsAndMakesAServiceBeforeItsServers) {
  ipvs::Table actual, desired;
  const ipvs::ServiceKey old_key = ipvs::MarkKey{9, Family::v4};
  actual[old_key] = {};
  desired[web_key()].dests[server_at(1)] = {};
  EXPECT_THAT(plan(actual, desired, {old_key}),
              ElementsAre(ipvs::Request(ipvs::DelService{old_key}),
                          ipvs::Request(ipvs::NewService{web_key(), {}}),
                          ipvs::Request(ipvs::NewDest{web_key(), server_at(1), {}})));
}

TEST(Plan, EditsWeightsInPlaceSoThatConnectionsStay) {
  ipvs::Table actual, desired;
  actual[web_key()].dests[server_at(1)] = {};
  desired = actual;
  desired[web_key()].dests[server_at(1)].weight = 5;
  EXPECT_THAT(plan(actual, desired, {web_key()}),
              ElementsAre(ipvs::Request(
                  ipvs::SetDest{web_key(), server_at(1), desired[web_key()].dests[server_at(1)]})));
}

TEST(ApplyOp, KeepsFlagsOutsideTheMask) {
  ipvs::Table table;
  table[web_key()].service.flags = ipvs::kPersistent | ipvs::kSched1;
  ipvs::SetService edit{web_key(), {}, ipvs::kSched1};
  ASSERT_TRUE(apply_op(edit, table));
  EXPECT_EQ(table[web_key()].service.flags, ipvs::kPersistent);
}

}  // namespace
}  // namespace lvs::lvsd
