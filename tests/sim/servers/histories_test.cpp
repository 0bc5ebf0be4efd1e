// A slice of the histories of lvsd and nanny, as `lvs_sim --servers` runs many more; and that a
// seed is a history.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sim/servers/chaos.h"

namespace lvs::sim::servers {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kSlice = 1500;

TEST(Servers, HistoriesBreakNoLaw) {
  for (uint64_t seed = 1; seed <= kSlice; ++seed) {
    const auto world = live_through(seed, false);
    ASSERT_THAT(world->violations(), IsEmpty())
        << "lvs_sim --servers " << seed << " shows the history";
  }
}

TEST(Servers, AreTheSameForTheSameSeedToldOrNot) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(live_through(seed, true)->history_hash(), live_through(seed, false)->history_hash());
  }
  EXPECT_NE(live_through(1, false)->history_hash(), live_through(2, false)->history_hash());
}

TEST(Servers, ATranscriptTellsWhatHappened) {
  const auto world = live_through(1, true);
  EXPECT_THAT(world->transcript(), HasSubstr("lvsd starts"));
  EXPECT_THAT(world->transcript(), HasSubstr("everything is mended"));
  EXPECT_THAT(world->transcript(), HasSubstr("core: add service"));
  EXPECT_THAT(live_through(1, false)->transcript(), IsEmpty());
}

}  // namespace
}  // namespace lvs::sim::servers
