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
  const Switchover away(status("active", "passive"));
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

TEST(Switchover, OfAStandbyIsDoneWhenItServes) {
  const Switchover here(status("standby", "active"));
  EXPECT_FALSE(here.judge(status("standby", "active")));
  EXPECT_FALSE(here.judge(status("preparing", "handing-over")));
  EXPECT_TRUE(here.judge(status("active", "passive"))->done);
}

}  // namespace
}  // namespace lvs::lvsctl
