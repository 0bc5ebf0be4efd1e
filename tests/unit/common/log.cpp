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

TEST(LogLine, NoByteOutsideAsciiReachesTheLog) {
  EXPECT_EQ(to_line({Level::info, "check", "making \x1b[2J\xe9", {{"reason", "\xc3\xa9\x7f"}}}),
            "making \\x1b[2J\\xe9 event=check reason=\"\\xc3\\xa9\\x7f\"");
}

}  // namespace
}  // namespace lvs
