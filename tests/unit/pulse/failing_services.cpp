#include "pulse/failing_services.h"

#include <gtest/gtest.h>

#include <tuple>

#include "pulse/standing.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1h};
constexpr Duration kPatience = 10s;
constexpr bool kServing = true;
constexpr bool kPassive = false;

FailingServices counting(uint16_t down, bool serves, TimePoint now = kNow) {
  FailingServices services;
  services.set(0, kPatience);
  services.refresh(serves, now);
  services.set(down, kPatience);
  services.refresh(serves, now);
  return services;
}

TEST(FailingServices, WhoServesWaitsBeforeItBelievesTheWorse) {
  FailingServices services = counting(3, kServing);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), kNow + kPatience);
  services.set(2, kPatience);
  services.refresh(kServing, kNow + 5s);
  services.set(4, kPatience);
  services.refresh(kServing, kNow + kPatience);
  EXPECT_EQ(services.counted(), 2) << "the fewest of that time";
  services.refresh(kServing, kNow + 2 * kPatience);
  EXPECT_EQ(services.counted(), 4);
  services.set(1, kPatience);
  services.refresh(kServing, kNow + 2 * kPatience);
  EXPECT_EQ(services.counted(), 1) << "the better at once";
}

TEST(FailingServices, WhoDoesNotServeWaitsBeforeItBelievesTheBetter) {
  FailingServices services = counting(3, kPassive);
  EXPECT_EQ(services.counted(), 3) << "the worse at once";
  services.set(0, kPatience);
  services.refresh(kPassive, kNow);
  EXPECT_EQ(services.counted(), 3);
  services.set(1, kPatience);
  services.refresh(kPassive, kNow + 5s);
  services.set(0, kPatience);
  services.refresh(kPassive, kNow + kPatience);
  EXPECT_EQ(services.counted(), 1) << "the most of that time";
  services.refresh(kPassive, kNow + 2 * kPatience);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), std::nullopt);
}

// What failed for longer than it did not is no chance.
TEST(FailingServices, WhatComesAndGoesCountsByTheShareOfItsTime) {
  for (const auto& [bad, good, counts] :
       {std::tuple{3s, 2s, true}, std::tuple{2s, 3s, false}, std::tuple{9s, 9s, false}}) {
    FailingServices services = counting(0, kServing);
    TimePoint now = kNow;
    uint16_t most = 0;
    for (int round = 0; round < 20; ++round) {
      services.set(1, kPatience);
      services.refresh(kServing, now);
      services.refresh(kServing, now += bad);
      most = std::max(most, *services.counted());
      services.set(0, kPatience);
      services.refresh(kServing, now);
      services.refresh(kServing, now += good);
    }
    EXPECT_EQ(most, counts ? 1 : 0) << bad.count() << " s of " << (bad + good).count();
  }
}

// lvsd ended, or has begun anew: what it knew is no reason for a move in the moment it is back.
TEST(FailingServices, WhatIsNotKnownIsNotCountedAndBeginsAnew) {
  FailingServices services = counting(3, kPassive);
  services.set(std::nullopt, 0s);
  services.refresh(kPassive, kNow);
  EXPECT_EQ(services.counted(), std::nullopt);
  services.set(3, kPatience);
  services.refresh(kServing, kNow);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), kNow + kPatience);
}

Standing standing(uint32_t reasons, Unserved unserved, uint64_t digest = 1) {
  return {reasons, unserved, digest};
}

TEST(Standing, WhoCanServeMoreServicesIsTheBetter) {
  EXPECT_LT(standing(0, 1), standing(0, 0));
  EXPECT_EQ(standing(0, 1), standing(0, 1));
  EXPECT_GT(standing(0, 1), standing(kServiceLinkDown, 2));
  EXPECT_GT(standing(0, 1), standing(kNoWay, 2));
  EXPECT_GT(standing(kNoWitness, 0), standing(0, 1)) << "a witness serves nobody";
  EXPECT_LT(standing(kNoWitness, 1), standing(0, 1));
  EXPECT_LT(standing(kLvsdAway, 0), standing(kNoWay, 3)) << "one that cannot serve at all";
}

TEST(Standing, WhatCannotBeComparedDecidesNothing) {
  EXPECT_EQ(standing(0, 1), standing(0, std::nullopt));
  EXPECT_EQ(standing(0, 1, 1), standing(0, 0, 2)) << "of different files";
  EXPECT_LT(standing(kNoWay, 1, 1), standing(0, 3, 2)) << "but the reasons do";
}

}  // namespace
}  // namespace lvs::pulse
