#include "common/log.h"

#include <gtest/gtest.h>

namespace lvs {
namespace {

TEST(LogLine, StartsWithTheWordsThatAdministratorsGrepFor) {
  EXPECT_EQ(
      to_line({Level::notice, "takeover", "partner dead: activating lvs", {{"silent_ms", "300"}}}),
      "partner dead: activating lvs event=takeover silent_ms=300");
}

TEST(LogLine, AHostileValueCannotStartASecondFieldOrLine) {
  EXPECT_EQ(to_line({Level::info, "check", "", {{"reason", "bad\nevent=takeover \"x\\"}}}),
            "event=check reason=\"bad\\x0aevent=takeover \\\"x\\\\\"");
}

}  // namespace
}  // namespace lvs
