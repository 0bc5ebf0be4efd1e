#include "lvsd/failing_services.h"

#include <gmock/gmock.h>

#include <array>

#include "common/rng.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr TimePoint kNow{1h};
constexpr Duration kPatience = 10s;
constexpr Duration kSlow = 240s;

using Services = FailingServices<ServiceId>;

FailingCount count(const Services& services, TimePoint now) {
  return services.count(now, [](ServiceId service) { return service; });
}

Services passing(std::initializer_list<ServiceId> ids) {
  Services services;
  for (const ServiceId id : ids) {
    services.see(id, Seen::passes, kPatience, kNow - 1h);
  }
  return services;
}

TEST(FailingServices, WhoServesBelievesTheWorseLateAndTheBetterAtOnce) {
  Services services = passing({1, 2});
  services.see(1, Seen::fails, kPatience, kNow);
  EXPECT_EQ(count(services, kNow + kPatience - 1ns).if_serving, 0U);
  EXPECT_EQ(count(services, kNow + 1s).changes_at, kNow + kPatience);
  EXPECT_EQ(count(services, kNow + kPatience).if_serving, 1U);
  EXPECT_EQ(count(services, kNow + kPatience).changes_at, std::nullopt);
  services.see(1, Seen::passes, kPatience, kNow + 20s);
  EXPECT_EQ(count(services, kNow + 20s).if_serving, 0U);
  EXPECT_EQ(count(services, kNow + 20s).changes_at, kNow + 20s + kPatience);
}

TEST(FailingServices, WhoDoesNotServeBelievesTheWorseAtOnceAndTheBetterLate) {
  Services services = passing({1, 2});
  services.see(1, Seen::fails, kPatience, kNow);
  EXPECT_EQ(count(services, kNow).if_not, 1U);
  services.see(1, Seen::passes, kPatience, kNow + 1s);
  EXPECT_EQ(count(services, kNow + kPatience).if_not, 1U);
  EXPECT_EQ(count(services, kNow + 1s + kPatience).if_not, 0U);
}

// Each of eight fails one check in twenty, and fails until its next one half a second later.
TEST(FailingServices, ChanceFailuresOfDifferentServicesDoNotAddUp) {
  Services services = passing({1, 2, 3, 4, 5, 6, 7, 8});
  Rng rng(1);
  int any = 0;
  size_t most = 0;
  constexpr int kChecks = 20000;
  for (int check = 0; check < kChecks; ++check) {
    const TimePoint now = kNow + check * 500ms;
    bool is_any = false;
    for (ServiceId id = 1; id <= 8; ++id) {
      const bool fails = rng.chance(0.1);
      is_any = is_any || fails;
      services.see(id, fails ? Seen::fails : Seen::passes, 2s, now);
      most = std::max(most, count(services, now).if_serving);
    }
    any += is_any ? 1 : 0;
  }
  EXPECT_GT(any, kChecks / 2) << "most of the time one of them does";
  EXPECT_EQ(most, 0U);
}

TEST(FailingServices, OneThatPassedForAsLongAsItFailedHasRecovered) {
  Services services = passing({1, 2});
  services.see(1, Seen::fails, kPatience, kNow);
  services.see(1, Seen::passes, kPatience, kNow + 2s);
  EXPECT_THAT(count(services, kNow + 4s - 1ns).recovered, IsEmpty());
  EXPECT_EQ(count(services, kNow + 3s).changes_at, kNow + 4s);
  EXPECT_THAT(count(services, kNow + 4s).recovered, ElementsAre(1U));
  EXPECT_THAT(count(services, kNow + 4s).failing, ElementsAre(1U)) << "and counts all the same";
  EXPECT_THAT(count(services, kNow + 2s + kPatience).recovered, IsEmpty());
}

TEST(FailingServices, OneThatFailedForLongDoesNotRecoverByOnePass) {
  Services services = passing({1, 2});
  services.see(1, Seen::fails, kPatience, kNow);
  services.see(1, Seen::passes, kPatience, kNow + 1h);
  EXPECT_THAT(count(services, kNow + 1h + kPatience - 1ns).recovered, IsEmpty());
  EXPECT_EQ(count(services, kNow + 1h + kPatience).if_not, 0U);
}

// Every second check of it fails.
TEST(FailingServices, OneThatFailsHalfOfTheTimeRecoversForMomentsOnly) {
  Services services = passing({1, 2});
  TimePoint now = kNow;
  for (int check = 0; check < 100; ++check, now += 1s) {
    services.see(1, check % 2 == 0 ? Seen::fails : Seen::passes, kPatience, now);
    EXPECT_THAT(count(services, now).recovered, IsEmpty());
  }
}

TEST(FailingServices, ASlowOneThatIsNotCheckedYetDelaysNoOther) {
  Services services = passing({1, 2});
  services.see(3, Seen::nothing, kSlow, kNow);
  services.see(1, Seen::fails, kPatience, kNow);
  FailingCount counted = count(services, kNow + kPatience);
  EXPECT_EQ(counted.if_serving, 1U);
  EXPECT_EQ(counted.if_not, 2U) << "nobody is moved to who has not checked it";
  EXPECT_THAT(counted.failing, ElementsAre(1U, 3U));
  EXPECT_THAT(counted.doubtful, ElementsAre(3U)) << "nor is that held against the peer";
  services.see(3, Seen::fails, kSlow, kNow + kPatience);
  services.see(1, Seen::passes, kPatience, kNow + 20s);
  services.see(1, Seen::fails, kPatience, kNow + 40s);
  counted = count(services, kNow + 50s);
  EXPECT_EQ(counted.if_serving, 1U) << "the slow one has its own patience";
  EXPECT_THAT(counted.doubtful, ElementsAre(3U));
  counted = count(services, kNow + kPatience + kSlow);
  EXPECT_EQ(counted.if_serving, 2U);
  EXPECT_THAT(counted.doubtful, IsEmpty());
}

TEST(FailingServices, OneThatPassesItsFirstCheckIsBelievedAtOnce) {
  Services services;
  services.see(1, Seen::nothing, kPatience, kNow);
  EXPECT_FALSE(services.is_any_known(kNow));
  EXPECT_EQ(count(services, kNow).if_not, 1U);
  services.see(1, Seen::passes, kPatience, kNow + 1s);
  EXPECT_TRUE(services.is_any_known(kNow));
  EXPECT_EQ(count(services, kNow + 1s), FailingCount{});
}

TEST(FailingServices, OneThatCannotBeCheckedIsNotKnownAfterItsPatience) {
  Services services = passing({1, 2});
  services.see(1, Seen::uncheckable, kPatience, kNow);
  FailingCount counted = count(services, kNow + kPatience - 1ns);
  EXPECT_EQ(counted.if_not, 0U) << "what was known holds";
  EXPECT_EQ(counted.changes_at, kNow + kPatience);
  services.see(1, Seen::uncheckable, kPatience, kNow + 1s);
  counted = count(services, kNow + kPatience);
  EXPECT_EQ(counted.if_serving, 0U);
  EXPECT_THAT(counted.failing, ElementsAre(1U));
  EXPECT_THAT(counted.uncheckable, ElementsAre(1U));
  EXPECT_THAT(counted.doubtful, ElementsAre(1U));
  EXPECT_FALSE(services.is_each_uncheckable(kNow + kPatience));
  EXPECT_THAT(services.doubts(kNow + kPatience), ElementsAre(Pair(1U, Doubt::uncheckable)));
  services.see(1, Seen::passes, kPatience, kNow + kPatience);
  EXPECT_EQ(count(services, kNow + kPatience), FailingCount{});
}

TEST(FailingServices, OneThatWasNeverCheckedWaitsForItsPatienceAsWell) {
  Services services;
  services.see(1, Seen::nothing, kPatience, kNow);
  services.see(1, Seen::uncheckable, kPatience, kNow);
  EXPECT_EQ(count(services, kNow).if_not, 1U);
  EXPECT_THAT(count(services, kNow).uncheckable, IsEmpty());
  EXPECT_FALSE(services.is_each_uncheckable(kNow + kPatience - 1ns));
  EXPECT_TRUE(services.is_each_uncheckable(kNow + kPatience));
  services.begin_anew(kNow + kPatience);
  EXPECT_FALSE(services.is_each_uncheckable(kNow + kPatience));
  EXPECT_TRUE(services.is_each_uncheckable(kNow + 2 * kPatience));
}

TEST(FailingServices, FailuresBeforeOneCannotBeCheckedAreNotBelievedLater) {
  Services services = passing({1, 2});
  services.see(1, Seen::fails, kPatience, kNow);
  services.see(1, Seen::uncheckable, kPatience, kNow + kPatience - 1ns);
  for (const Duration later : {Duration{0}, kPatience, 2 * kPatience}) {
    EXPECT_EQ(count(services, kNow + kPatience + later).if_serving, 0U);
  }
}

TEST(FailingServices, EachDoubtHasItsReason) {
  Services services = passing({1, 2, 3, 4});
  services.see(1, Seen::nothing, kPatience, kNow);
  services.see(2, Seen::fails, kPatience, kNow);
  services.see(3, Seen::fails, kPatience, kNow + 5s);
  services.see(4, Seen::fails, kPatience, kNow);
  services.see(4, Seen::passes, kPatience, kNow + 5s);
  services.see(5, Seen::passes, kPatience, kNow);
  EXPECT_THAT(services.doubts(kNow + kPatience),
              ElementsAre(Pair(1U, Doubt::unknown), Pair(2U, Doubt::fails),
                          Pair(3U, Doubt::fails_lately), Pair(4U, Doubt::passes_lately)));
}

TEST(FailingServices, OneThatPassesNowIsNotDoubtfulThoughItFailedAMomentAgo) {
  Services services = passing({1});
  services.see(1, Seen::fails, kPatience, kNow);
  EXPECT_THAT(count(services, kNow).doubtful, ElementsAre(1U));
  services.see(1, Seen::passes, kPatience, kNow + 1s);
  EXPECT_THAT(count(services, kNow + 1s).failing, ElementsAre(1U));
  EXPECT_THAT(count(services, kNow + 1s).doubtful, IsEmpty());
}

TEST(FailingServices, WhatCameAndWentIsNoOthersAffair) {
  Services services = passing({1, 2, 3});
  services.see(2, Seen::fails, kPatience, kNow);
  services.forget(1);
  services.see(4, Seen::passes, kPatience, kNow + 5s);
  EXPECT_EQ(count(services, kNow + kPatience).if_serving, 1U) << "its doubt stays its own";
  services.forget(2);
  EXPECT_EQ(count(services, kNow + kPatience), FailingCount{});
  services.see(2, Seen::fails, kPatience, kNow + kPatience);
  EXPECT_EQ(count(services, kNow + kPatience).if_serving, 0U) << "one that is back begins anew";
}

TEST(FailingServices, WhatNobodyLookedAtBeginsAnew) {
  Services services = passing({1, 2, 3});
  services.see(1, Seen::fails, kPatience, kNow);
  services.see(2, Seen::fails, kPatience, kNow);
  services.see(2, Seen::passes, kPatience, kNow + 1s);
  services.begin_anew(kNow + kPatience);
  FailingCount counted = count(services, kNow + kPatience);
  EXPECT_EQ(counted.if_serving, 0U);
  EXPECT_THAT(counted.failing, ElementsAre(1U));
  EXPECT_EQ(count(services, kNow + 2 * kPatience).if_serving, 1U);
}

TEST(FailingServices, APatienceIsThreeSecondsAtLeast) {
  Services services = passing({1});
  services.see(1, Seen::fails, 100ms, kNow);
  EXPECT_EQ(count(services, kNow + kPatienceMin - 1ns).if_serving, 0U);
  EXPECT_EQ(count(services, kNow + kPatienceMin).if_serving, 1U);
}

TEST(FailingServices, OfManyTheFirstAreNamedAndAllCounted) {
  Services services;
  for (ServiceId id = 1000; id > 0; --id) {
    services.see(id, Seen::fails, kPatience, kNow);
  }
  const FailingCount counted = count(services, kNow);
  EXPECT_EQ(counted.if_not, 1000U);
  ASSERT_EQ(counted.failing.size(), kNamedMax);
  EXPECT_EQ(counted.failing.front(), 1U);
  EXPECT_EQ(counted.failing.back(), kNamedMax);
  ASSERT_EQ(counted.doubtful.size(), kListedMax) << "pulse compares what the peer names with it";
  EXPECT_EQ(counted.doubtful.back(), kListedMax);
}

}  // namespace
}  // namespace lvs::lvsd
