// What goes of a cache and what stays: once a minute, each half hour, and when it is too full.
#include "lvsd/core/aging.h"

#include <gtest/gtest.h>

namespace lvs::core {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kNow = 1'000'000 * kSecond;

CacheOwner owner(uint32_t cached, uint64_t expiration_s = 86'400) {
  return {.is_by_locality = true,
          .cache = 5,
          .cached = cached,
          .expiration_ns = expiration_s * kSecond};
}

lvs_locality idle_for(uint64_t seconds) {
  lvs_locality locality{};
  locality.used = kNow - seconds * kSecond;
  return locality;
}

constexpr lvs_locality_key kKey{.address = {1}, .service = 3, .cache = 5};

struct CacheAging : ::testing::Test {
  void pass(int times) {
    for (int i = 0; i < times; ++i) {
      aging.begin();
    }
  }
  bool goes(uint64_t idle_s, const CacheOwner& of) {
    return aging.goes(kKey, idle_for(idle_s), of, kNow);
  }
  Aging aging;
};

TEST_F(CacheAging, WhatHasExpiredGoesEachHalfHour) {
  for (int round = 0; round < 2; ++round) {
    pass(29);
    EXPECT_FALSE(goes(1'000'000 - 1, owner(1)));
    pass(1);
    EXPECT_TRUE(goes(86'400, owner(1)));
    EXPECT_FALSE(goes(86'399, owner(1)));
    EXPECT_TRUE(goes(0, owner(1, 0))) << "at once, when nothing is to be remembered";
  }
}

TEST_F(CacheAging, OfATooFullOneSomeGoThatAreIdle) {
  pass(1);
  const auto full = owner(LVS_LOCALITIES_OF_SERVICE + 3);
  EXPECT_FALSE(goes(359, full));
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(goes(360, full)) << i;
  }
  EXPECT_FALSE(goes(360, full)) << "a third more than are too many, and not all";
  EXPECT_EQ(aging.stayed(3, 5), 2U);
  pass(1);
  EXPECT_FALSE(goes(360, owner(LVS_LOCALITIES_OF_SERVICE)));
}

TEST_F(CacheAging, NoMoreThanHalfGoAtOnce) {
  pass(1);
  const auto full = owner(LVS_LOCALITIES_MOST);
  uint32_t gone = 0;
  for (uint32_t i = 0; i < LVS_LOCALITIES_MOST; ++i) {
    gone += goes(86'400, full) ? 1U : 0U;
  }
  EXPECT_EQ(gone, LVS_LOCALITIES_OF_SERVICE / 2);
  EXPECT_EQ(aging.stayed(3, 5), LVS_LOCALITIES_MOST - gone);
}

TEST_F(CacheAging, WhatIsNoServicesGoes) {
  pass(1);
  EXPECT_TRUE(goes(0, {}));
  auto anew = owner(0);
  anew.cache = 6;
  EXPECT_TRUE(goes(0, anew));
  EXPECT_FALSE(aging.is_any_left());
  EXPECT_FALSE(goes(0, owner(0)));
  EXPECT_TRUE(aging.is_any_left());
  EXPECT_EQ(aging.stayed(3, 6), 0U) << "of another cache of that service";
}

TEST_F(CacheAging, AClockThatIsBehindEndsNothing) {
  pass(30);
  auto later = idle_for(0);
  later.used = kNow + 1;
  EXPECT_FALSE(aging.goes(kKey, later, owner(1), kNow));
}

}  // namespace
}  // namespace lvs::core
