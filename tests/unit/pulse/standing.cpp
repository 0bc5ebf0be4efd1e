#include "pulse/standing.h"

#include <gtest/gtest.h>

namespace lvs::pulse {
namespace {

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

TEST(Standing, WhoServesNobodyIsTheWorseWithWhateverFile) {
  Standing nobody = standing(0, 3, 2);
  Standing somebody = standing(kServiceLinkDown, 2, 1);
  nobody.services = somebody.services = 3;
  EXPECT_LT(nobody, somebody);
  EXPECT_GT(somebody, nobody);
  nobody.excused = 1;
  EXPECT_GT(nobody, somebody) << "what may fail for both";
  nobody.excused = 0;
  somebody.unserved.reset();
  EXPECT_GT(nobody, somebody) << "who may serve nobody either";
  somebody.served_somebody = true;
  EXPECT_LT(nobody, somebody);
  EXPECT_GT(somebody, nobody);
}

TEST(Standing, WhatIsExcusedIsNotHeldAgainstThePeerButServesNobodyEither) {
  Standing peer = standing(0, 1);
  EXPECT_EQ(standing(0, 1), peer);
  peer.excused = 1;
  EXPECT_LT(standing(0, 1), peer);
  EXPECT_TRUE(serves_more_than(peer, standing(0, 1)));
  peer.excused = 2;
  EXPECT_EQ(standing(0, 0), peer) << "no service is served twice";
  peer.services = 1;
  EXPECT_TRUE(peer.serves_nobody());
}

// One check of servers that all services share was missed.
TEST(Standing, WhoFailedByChanceServesSomebody) {
  Standing peer = standing(0, 3);
  peer.services = 3;
  const Standing cut_off = standing(kNoWitness, 0);
  EXPECT_GT(cut_off, peer);
  peer.recovered = 1;
  EXPECT_LT(cut_off, peer);
  EXPECT_LT(peer, standing(0, 2)) << "and yet is not known to serve them";
}

}  // namespace
}  // namespace lvs::pulse
