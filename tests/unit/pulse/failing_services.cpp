#include "pulse/failing_services.h"

#include <gtest/gtest.h>

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1h};
constexpr Duration kVerdictSkew = 10s;
constexpr bool kServing = true;
constexpr bool kPassive = false;

FailingServices counting(uint16_t down, bool serves, TimePoint now = kNow) {
  FailingServices services;
  services.set(0, kVerdictSkew);
  services.refresh(serves, now);
  services.set(down, kVerdictSkew);
  services.refresh(serves, now);
  return services;
}

TEST(FailingServices, WhoServesWaitsBeforeItBelievesTheWorse) {
  FailingServices services = counting(3, kServing);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), kNow + kVerdictSkew);
  services.set(2, kVerdictSkew);
  services.refresh(kServing, kNow + 5s);
  services.set(4, kVerdictSkew);
  services.refresh(kServing, kNow + kVerdictSkew);
  EXPECT_EQ(services.counted(), 2) << "the fewest of that time";
  services.refresh(kServing, kNow + 2 * kVerdictSkew);
  EXPECT_EQ(services.counted(), 4);
  services.set(1, kVerdictSkew);
  services.refresh(kServing, kNow + 2 * kVerdictSkew);
  EXPECT_EQ(services.counted(), 1) << "the better at once";
}

TEST(FailingServices, WhoDoesNotServeWaitsBeforeItBelievesTheBetter) {
  FailingServices services = counting(3, kPassive);
  EXPECT_EQ(services.counted(), 3) << "the worse at once";
  services.set(0, kVerdictSkew);
  services.refresh(kPassive, kNow);
  EXPECT_EQ(services.counted(), 3);
  services.set(1, kVerdictSkew);
  services.refresh(kPassive, kNow + 5s);
  services.set(0, kVerdictSkew);
  services.refresh(kPassive, kNow + kVerdictSkew);
  EXPECT_EQ(services.counted(), 1) << "the most of that time";
  services.refresh(kPassive, kNow + 2 * kVerdictSkew);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), std::nullopt);
}

TEST(FailingServices, WhatComesAndGoesInTimeCountsForNothing) {
  FailingServices services = counting(3, kServing);
  services.set(0, kVerdictSkew);
  services.refresh(kServing, kNow + 9s);
  services.set(3, kVerdictSkew);
  services.refresh(kServing, kNow + 9s);
  services.refresh(kServing, kNow + 18s);
  EXPECT_EQ(services.counted(), 0);
}

// lvsd ended, or has begun anew: what it knew is no reason for a move in the moment it is back.
TEST(FailingServices, WhatIsNotKnownIsNotCountedAndBeginsAnew) {
  FailingServices services = counting(3, kPassive);
  services.set(std::nullopt, 0s);
  services.refresh(kPassive, kNow);
  EXPECT_EQ(services.counted(), std::nullopt);
  services.set(3, kVerdictSkew);
  services.refresh(kServing, kNow);
  EXPECT_EQ(services.counted(), 0);
  EXPECT_EQ(services.next_change(), kNow + kVerdictSkew);
}

TEST(FailingServices, OnlyWhoSeesMoreOfThemIsLessFitForIt) {
  EXPECT_EQ(fitness_beside(Fitness::whole, 1, 0), Fitness::hardly);
  EXPECT_EQ(fitness_beside(Fitness::none, 1, 0), Fitness::none);
  EXPECT_EQ(fitness_beside(Fitness::whole, 1, 1), Fitness::whole);
  EXPECT_EQ(fitness_beside(Fitness::whole, 0, 1), Fitness::whole);
  EXPECT_EQ(fitness_beside(Fitness::whole, 1, std::nullopt), Fitness::whole);
  EXPECT_EQ(fitness_beside(Fitness::whole, std::nullopt, 0), Fitness::whole);
}

}  // namespace
}  // namespace lvs::pulse
