#include "lvsd/core/pressure.h"

#include <gtest/gtest.h>

namespace lvs::core {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr uint64_t kSecond = 1'000'000'000;

TEST(Size, FollowsTheMemoryWithinItsBounds) {
  EXPECT_EQ(connections_for(0), 65'536U);
  EXPECT_EQ(connections_for(4 * kGiB), 65'536U);
  EXPECT_EQ(connections_for(24 * kGiB), 262'144U);
  EXPECT_EQ(connections_for(1024 * kGiB), 1'048'576U);
}

TEST(Pressure, ATableWithRoomEndsNothingEarly) {
  const auto sweep = sweep_under({.connections = 750, .templates = 750, .max = 1000});
  EXPECT_EQ(sweep.half_open_ns, 0U);
  EXPECT_EQ(sweep.udp_idle_ns, 0U);
  EXPECT_EQ(sweep.unassured, 0U);
}

TEST(Pressure, FromThreeQuartersOnTheLeastValuableGo) {
  const auto sweep = sweep_under({.connections = 751, .templates = 0, .max = 1000});
  EXPECT_EQ(sweep.half_open_ns, 3 * kSecond);
  EXPECT_EQ(sweep.udp_idle_ns, 60 * kSecond);
  EXPECT_EQ(sweep.unassured, 1U);
}

TEST(Pressure, FromNineTenthsOnSooner) {
  const auto sweep = sweep_under({.connections = 901, .templates = 0, .max = 1000});
  EXPECT_EQ(sweep.half_open_ns, 1 * kSecond);
  EXPECT_EQ(sweep.udp_idle_ns, 10 * kSecond);
}

TEST(Pressure, TemplatesCountAsConnectionsDo) {
  EXPECT_EQ(sweep_under({.connections = 0, .templates = 901, .max = 1000}).half_open_ns,
            1 * kSecond);
}

TEST(Pressure, TheLargestTableDoesNotOverflow) {
  EXPECT_EQ(sweep_under({.connections = 0, .templates = 0, .max = kConnectionsMax}).unassured, 0U);
  EXPECT_EQ(sweep_under({.connections = kConnectionsMax, .templates = 0, .max = kConnectionsMax})
                .unassured,
            1U);
}

}  // namespace
}  // namespace lvs::core
