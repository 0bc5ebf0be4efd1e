#include "tools/lvsctl/arguments.h"

#include <gmock/gmock.h>

namespace lvs::lvsctl {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string refusal_of(const std::vector<std::string>& words) {
  const auto arguments = parse_arguments(words);
  return arguments ? "" : arguments.error().what;
}

TEST(Arguments, ACommandItsOptionsAndAFileInAnyOrder) {
  const auto check = parse_arguments({"--json", "check", "x.cf", "--strict"});
  ASSERT_TRUE(check);
  EXPECT_EQ(check->command, "check");
  EXPECT_EQ(check->file, "x.cf");
  EXPECT_TRUE(check->has("--json") && check->has("--strict"));
  EXPECT_EQ(parse_arguments({"switchover", "--deadline", "3"})->deadline, 3s);
  EXPECT_EQ(parse_arguments({"check", "--json", "--help"})->command, "--help");
}

TEST(Arguments, AMistypedCommandIsGuessed) {
  EXPECT_EQ(
      refusal_of({"staus"}),
      "expected a command: check, status, plan, key, switchover, events, hold or release; did "
      "you mean status? (see --help)");
  EXPECT_THAT(refusal_of({"reload"}), testing::EndsWith("hold or release (see --help)"));
  EXPECT_THAT(refusal_of({}), HasSubstr("expected a command"));
}

TEST(Arguments, AMistypedOptionIsGuessedAmongThoseOfTheCommand) {
  EXPECT_EQ(refusal_of({"events", "--folow"}),
            "events: unknown option --folow; did you mean --follow? (see --help)");
  EXPECT_EQ(refusal_of({"hold", "--json"}), "hold: unknown option --json (see --help)");
}

TEST(Arguments, WhatIsTooMuchOrMissingIsSaid) {
  EXPECT_EQ(refusal_of({"status", "x"}), "status: unexpected x (see --help)");
  EXPECT_EQ(refusal_of({"check", "a", "b"}), "check: unexpected b (see --help)");
  for (const std::string bad : {"", "0", "x", "3601"}) {
    EXPECT_EQ(refusal_of({"switchover", "--deadline", bad}),
              "--deadline: expected seconds, 1 to 3600");
  }
  EXPECT_EQ(refusal_of({"switchover", "--deadline"}), "--deadline: expected seconds, 1 to 3600");
}

}  // namespace
}  // namespace lvs::lvsctl
