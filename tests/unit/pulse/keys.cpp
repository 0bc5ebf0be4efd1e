#include "pulse/keys.h"

#include <gtest/gtest.h>

namespace lvs::pulse {
namespace {

const Key kOld = {'o', 'l', 'd'};
const Key kNew = {'n', 'e', 'w'};
const Key kOther = {'o', 't', 'h', 'e', 'r'};

Heartbeat some_heartbeat() {
  Heartbeat heartbeat;
  heartbeat.my_incarnation = heartbeat.sequence = 1;
  return heartbeat;
}

bool believes(const Keys& keys, const Key& signed_with) {
  const Judged judged = decode(encode(some_heartbeat(), signed_with), keys);
  EXPECT_EQ(judged.is_by_next, signed_with == keys.next);
  return std::holds_alternative<Heartbeat>(judged.decoded);
}

// Each step on one director after the other: whatever the two have, both believe each other.
TEST(Keys, AreChangedWithoutAMomentOfDisbelief) {
  const Keys steps[] = {{kOld, {}}, {kOld, kNew}, {kNew, kOld}, {kNew, {}}};
  for (size_t step = 0; step + 1 < std::size(steps); ++step) {
    const Keys& before = steps[step];
    const Keys& after = steps[step + 1];
    EXPECT_TRUE(believes(before, after.now)) << step;
    EXPECT_TRUE(believes(after, before.now)) << step;
  }
}

TEST(Keys, NoOtherIsBelieved) {
  EXPECT_FALSE(believes({kOld, {}}, kNew));
  EXPECT_FALSE(believes({kOld, kNew}, kOther));
  EXPECT_FALSE(believes({kNew, {}}, kOld)) << "the old one is gone";
}

TEST(Keys, WhatIsNoHeartbeatIsToldAsBefore) {
  const std::vector<uint8_t> junk = {1, 2, 3};
  EXPECT_EQ(std::get<Refusal>(decode(junk, Keys{kOld, kNew}).decoded), Refusal::malformed);
}

}  // namespace
}  // namespace lvs::pulse
