#include "pulse/options.h"

#include <gmock/gmock.h>

namespace lvs::pulse {
namespace {

using testing::HasSubstr;

TEST(Options, WithoutAnyTheKeeperRunsWithPiranhasFile) {
  const auto options = parse_options({});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mode, Mode::keeper);
  EXPECT_EQ(options->config_file, "/etc/sysconfig/ha/lvs.cf");
  EXPECT_FALSE(options->foreground);
}

TEST(Options, PiranhasCommandLinesStillWork) {
  const auto options = parse_options({"-v", "--nodaemon", "-c", "/tmp/lvs.cf", "--forceactive",
                                      "--lvs", "/opt/lvsd", "--fos=/usr/sbin/fos"});
  ASSERT_TRUE(options);
  EXPECT_TRUE(options->verbose);
  EXPECT_TRUE(options->foreground);
  EXPECT_TRUE(options->force_active);
  EXPECT_EQ(options->config_file, "/tmp/lvs.cf");
  EXPECT_EQ(options->lvsd, "/opt/lvsd");
}

TEST(Options, EveryWordForATestStartChecks) {
  for (const char* word : {"-t", "--test-start", "--norun", "--check"}) {
    const auto options = parse_options({word});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->mode, Mode::check) << word;
  }
}

TEST(Options, WhatIsWrongIsNamed) {
  EXPECT_THAT(parse_options({"--fast"}).error().what, HasSubstr("--fast: unknown option"));
  EXPECT_THAT(parse_options({"now"}).error().what, HasSubstr("now: unexpected argument"));
  EXPECT_THAT(parse_options({"-c"}).error().what, HasSubstr("-c: needs a value"));
  EXPECT_THAT(parse_options({"--verbose=2"}).error().what, HasSubstr("--verbose: takes no value"));
}

}  // namespace
}  // namespace lvs::pulse
