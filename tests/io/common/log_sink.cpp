#include "common/io/log_sink.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace lvs::io {
namespace {

using testing::IsEmpty;
using testing::MatchesRegex;

std::string written(const LogEvent& event) {
  testing::internal::CaptureStderr();
  log(event);
  return testing::internal::GetCapturedStderr();
}

TEST(LogSink, ALineTellsWhenWhoHowBadAndWhat) {
  open_log("lvsd", LogTarget::standard_error, Level::info);
  EXPECT_THAT(written({Level::warning, "drift", "", {{"differences", "2"}}}),
              MatchesRegex("....-..-.. ..:..:..\\.... lvsd\\[" + std::to_string(::getpid()) +
                           "\\]: warning event=drift differences=2\n"));
}

TEST(LogSink, WhatIsBelowTheLowestLevelIsNotWritten) {
  open_log("lvsd", LogTarget::standard_error, Level::info);
  EXPECT_THAT(written({Level::debug, "probe", "", {}}), IsEmpty());
}

// A text is no format: neither spdlog's nor fmt's marks in it mean anything.
TEST(LogSink, BracesAndPercentSignsAreWrittenAsTheyAre) {
  open_log("lvsd", LogTarget::standard_error, Level::info);
  EXPECT_THAT(written({Level::info, "odd", "", {{"text", "{}%v%P"}}}),
              MatchesRegex(".*event=odd text=\\{\\}%v%P\n"));
}

}  // namespace
}  // namespace lvs::io
