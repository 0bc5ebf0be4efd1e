// Where rr and wrr go on when the list changes: the rules of ip_vs_rr and ip_vs_wrr. What the
// packet path makes of it is compared with the kernel's walk in tests/bpf/scheduling.cpp.
#include "lvsd/core/cursor.h"

#include <gmock/gmock.h>

#include <vector>

namespace lvs::core {

void PrintTo(const Cursor& cursor, std::ostream* out) {
  *out << "{place " << cursor.place << ", level " << cursor.level << "}";
}

namespace {

const uint32_t kHead = LVS_PLACE_HEAD;
const lvs_slot kNone{LVS_NO_DEST, 0};

TEST(Cursor, IsInTheServicesWord) {
  const auto current = LVS_CURRENT(1048575, 2047, 2147483647);
  EXPECT_EQ(LVS_CURRENT_SLICE(current), 1048575U);
  EXPECT_EQ(cursor_of(current), (Cursor{2047, 2147483647}));
  EXPECT_EQ(cursor_of(LVS_CURRENT(7, LVS_PLACE_HEAD, 0)), (Cursor{kHead, 0}));
}

TEST(Cursor, WrrFallsByTheGreatestCommonDivisorFromTheLargestWeight) {
  const std::vector<lvs_slot> list = {{1, 9}, kNone, {2, 6}, {3, 0}};
  EXPECT_EQ(steps_of(LVS_WRR, list), (Steps{7, 3}));
  EXPECT_EQ(steps_of(LVS_WRR, {}), (Steps{0, 1}));
  EXPECT_EQ(steps_of(LVS_RR, list), (Steps{1, 1})) << "weights do not matter";
}

TEST(Cursor, WrrBeginsAtTheHeadAgainAndKeepsItsWeightWhereItCan) {
  EXPECT_EQ(cursor_with(LVS_WRR, {7, 3}, {2, 0}), (Cursor{kHead, 7})) << "nothing yet";
  EXPECT_EQ(cursor_with(LVS_WRR, {7, 3}, {2, 9}), (Cursor{kHead, 7})) << "above the largest";
  EXPECT_EQ(cursor_with(LVS_WRR, {7, 3}, {2, 5}), (Cursor{kHead, 4})) << "down to a step";
  EXPECT_EQ(cursor_with(LVS_WRR, {7, 1}, {2, 5}), (Cursor{kHead, 5}));
}

TEST(Cursor, OfRrStaysWhenAServerComes) {
  EXPECT_EQ(cursor_with(LVS_RR, {1, 1}, {2, 1}), (Cursor{2, 1}));
}

TEST(Cursor, OfAServerThatGoesStepsBackToTheNewerOne) {
  const std::vector<lvs_slot> list = {{1, 1}, kNone, kNone, {2, 1}, {3, 1}};
  EXPECT_EQ(cursor_without(list, 2, {2, 1}), (Cursor{3, 1}));
  EXPECT_EQ(cursor_without(list, 2, {4, 1}), (Cursor{4, 1})) << "it stood elsewhere";
  EXPECT_EQ(cursor_without(std::vector<lvs_slot>{{1, 1}, kNone}, 1, {1, 1}), (Cursor{kHead, 1}))
      << "the newest of all: the next that comes is the first";
}

TEST(Cursor, GoesAlongWhenGapsAreClosed) {
  const std::vector<lvs_slot> list = {kNone, {1, 1}, kNone, {2, 1}, {3, 1}};
  EXPECT_EQ(renumbered(list, {1, 1}), (Cursor{0, 1}));
  EXPECT_EQ(renumbered(list, {3, 1}), (Cursor{1, 1}));
  EXPECT_EQ(renumbered(list, {4, 1}), (Cursor{2, 1}));
  EXPECT_EQ(renumbered(list, {kHead, 5}), (Cursor{kHead, 5}));
}

}  // namespace
}  // namespace lvs::core
