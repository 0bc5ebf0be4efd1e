#include "nanny/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace lvs::nanny {
namespace {

using namespace std::chrono_literals;

TEST(Schedule, AHerdStartsSpreadOverHalfASecond) {
  Rng rng{1};
  std::vector<int> tenths(5);
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = first_delay(10s, rng);
    ASSERT_GE(delay, 0s);
    ASSERT_LT(delay, 500ms);
    ++tenths[static_cast<size_t>(delay / 100ms)];
  }
  EXPECT_GT(*std::min_element(tenths.begin(), tenths.end()), 140);
  EXPECT_LT(*std::max_element(tenths.begin(), tenths.end()), 260);
}

TEST(Schedule, AShortIntervalStartsWithinItself) {
  Rng rng{1};
  for (int i = 0; i < 1000; ++i) {
    ASSERT_LT(first_delay(20ms, rng), 20ms);
  }
}

TEST(Schedule, TheFirstPauseSpreadsTheHerdOverTheInterval) {
  Rng rng{1};
  std::vector<Duration> pauses;
  for (int i = 0; i < 1000; ++i) {
    pauses.push_back(pause(10s, 1, rng));
  }
  const auto [least, most] = std::minmax_element(pauses.begin(), pauses.end());
  EXPECT_GT(*least, 5s);
  EXPECT_LT(*least, 5200ms);
  EXPECT_GT(*most, 9800ms);
  EXPECT_LE(*most, 10s);
}

TEST(Schedule, LaterPausesVaryByATenthAndNeverExceedTheInterval) {
  Rng rng{1};
  for (uint64_t check = 2; check < 1000; ++check) {
    const Duration length = pause(10s, check, rng);
    ASSERT_GT(length, 9s);
    ASSERT_LE(length, 10s);
  }
}

TEST(Schedule, TheShortestIntervalsStillHaveAPause) {
  Rng rng{1};
  EXPECT_EQ(pause(1ns, 1, rng), 1ns);
  EXPECT_EQ(first_delay(0ns, rng), 0ns);
}

}  // namespace
}  // namespace lvs::nanny
