#include "lvsd/slow_belief.h"

#include <gtest/gtest.h>

#include <tuple>

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1h};
constexpr Duration kPatience = 10s;

TEST(SlowBelief, BelievesAfterItsPatienceAndTheContraryAtOnce) {
  SlowBelief belief(false);
  belief.see(true, kPatience, kNow);
  EXPECT_FALSE(belief.is_believed(kNow + kPatience - 1ns));
  EXPECT_EQ(belief.believed_from(kNow + 1s), kNow + kPatience);
  EXPECT_EQ(belief.believed_from(kNow + kPatience), std::nullopt);
  EXPECT_TRUE(belief.is_believed(kNow + kPatience));
  belief.see(true, kPatience, kNow + kPatience);
  EXPECT_TRUE(belief.is_believed(kNow + kPatience)) << "seen again it is no news";
  belief.see(false, kPatience, kNow + 20s);
  EXPECT_FALSE(belief.is_believed(kNow + 20s));
  belief.see(true, kPatience, kNow + 21s);
  EXPECT_FALSE(belief.is_believed(kNow + 30s)) << "it begins anew";
  EXPECT_TRUE(belief.is_believed(kNow + 31s));
}

TEST(SlowBelief, WhatWasBelievedFromTheBeginningIsUntilTheContraryIsSeen) {
  SlowBelief belief(true);
  EXPECT_TRUE(belief.is_believed(kNow));
  belief.see(true, kPatience, kNow);
  EXPECT_TRUE(belief.is_believed(kNow));
  belief.see(false, kPatience, kNow);
  EXPECT_FALSE(belief.is_believed(kNow + 1h));
}

// What is there for longer than it is not is no chance.
TEST(SlowBelief, WhatComesAndGoesIsBelievedByTheShareOfItsTime) {
  for (const auto& [there, away, believed] :
       {std::tuple{3s, 2s, true}, std::tuple{2s, 3s, false}, std::tuple{9s, 9s, false}}) {
    SlowBelief belief(false);
    TimePoint now = kNow;
    bool ever = false;
    for (int round = 0; round < 20; ++round) {
      belief.see(true, kPatience, now);
      now += there;
      ever = ever || belief.is_believed(now);
      belief.see(false, kPatience, now);
      now += away;
    }
    EXPECT_EQ(ever, believed) << there.count() << " s of " << (there + away).count();
  }
}

TEST(SlowBelief, AShorterPatienceLeavesNoOldDoubt) {
  SlowBelief belief(false);
  belief.see(true, 100s, kNow);
  belief.see(false, kPatience, kNow + 90s);
  belief.see(true, kPatience, kNow + 95s);
  EXPECT_FALSE(belief.is_believed(kNow + 99s));
  EXPECT_TRUE(belief.is_believed(kNow + 100s));
}

}  // namespace
}  // namespace lvs::lvsd
