#include "tools/lvsctl/switchover.h"

#include <gtest/gtest.h>

namespace lvs::lvsctl {
namespace {

boost::json::object status(const char* state, const char* peer, const char* reason = "") {
  return {{"node", "primary"},
          {"state", state},
          {"reason", reason},
          {"peer", boost::json::object{{"role", peer}}}};
}

TEST(Switchover, IsDoneWhenThePeerServesAndWeDoNot) {
  Switchover away(status("active", "passive"));
  EXPECT_FALSE(away.judge(status("handing-over", "passive")));
  EXPECT_FALSE(away.judge(status("handing-over", "active"))) << "we still hold the addresses";
  const auto outcome = away.judge(status("standby", "active"));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->done);
  EXPECT_EQ(outcome->text, "the backup director serves");
}

TEST(Switchover, HasFailedWhenWeServeAgain) {
  const auto outcome =
      Switchover(status("active", "passive")).judge(status("active", "passive", "peer-silent"));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(outcome->text,
            "the backup director did not take over (peer-silent); this one goes on serving");
}

TEST(Switchover, ThatWasUnderWayIsWaitedFor) {
  Switchover away(status("handing-over", "passive"));
  EXPECT_FALSE(away.judge(status("handing-over", "active")));
  EXPECT_TRUE(away.judge(status("standby", "active"))->done);
  Switchover here(status("preparing", "handing-over"));
  EXPECT_TRUE(here.judge(status("active", "passive"))->done);
}

TEST(Switchover, OfAStandbyIsDoneWhenItServes) {
  Switchover here(status("standby", "active"));
  EXPECT_FALSE(here.judge(status("standby", "active")));
  EXPECT_FALSE(here.judge(status("preparing", "handing-over")));
  EXPECT_TRUE(here.judge(status("active", "passive"))->done);
}

boost::json::object waiting(const char* state, bool is_switching) {
  auto all = status(state, "passive", "peer-silent");
  all["switching"] = is_switching;
  return all;
}

TEST(Switchover, ThatWaitsForThePeerIsUnderWayAndThenSaysWhyNot) {
  Switchover away(status("active", "passive"));
  EXPECT_FALSE(away.judge(waiting("active", true)));
  const auto outcome = away.judge(waiting("active", false));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(outcome->text,
            "the backup director serves fewer services than this one; this one goes on serving");
}

TEST(Switchover, OfAStandbyThatIsNotHeardHasFailedBeforeTheDeadline) {
  Switchover here(status("standby", "active"));
  EXPECT_FALSE(here.judge(waiting("standby", true)));
  EXPECT_FALSE(here.judge(waiting("preparing", false)));
  const auto outcome = here.judge(waiting("standby", false));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(outcome->text, "the backup director did not hand over; see lvsctl status");
}

}  // namespace
}  // namespace lvs::lvsctl
