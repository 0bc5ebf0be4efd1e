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
  EXPECT_EQ(refusal_of({"staus"}),
            "expected a command: check, status, plan, reload, key, import, switchover, events, "
            "metrics, hold "
            "or release; did "
            "you mean status? (see --help)");
  EXPECT_THAT(refusal_of({"restore"}), testing::EndsWith("hold or release (see --help)"));
  EXPECT_THAT(refusal_of({}), HasSubstr("expected a command"));
}

TEST(Arguments, AMistypedOptionIsGuessedAmongThoseOfTheCommand) {
  EXPECT_EQ(refusal_of({"events", "--folow"}),
            "events: unknown option --folow; did you mean --follow? (see --help)");
  EXPECT_EQ(refusal_of({"hold", "--json"}), "hold: unknown option --json (see --help)");
}

TEST(Arguments, WhereMetricsAreServed) {
  const auto place = [](const std::string& text) {
    const auto arguments = parse_arguments({"metrics", "--listen", text});
    return arguments ? to_string(*arguments->listen) : arguments.error().what;
  };
  EXPECT_EQ(place("127.0.0.1"), "127.0.0.1:9539");
  EXPECT_EQ(place("10.0.0.1:80"), "10.0.0.1:80");
  EXPECT_EQ(place("::1"), "[::1]:9539");
  EXPECT_EQ(place("[fd00::1]:81"), "[fd00::1]:81");
  EXPECT_EQ(place("[::1]"), "[::1]:9539");
  EXPECT_EQ(place(":9000"), "127.0.0.1:9000");
  for (const std::string bad : {"", "localhost", "10.0.0.1:x", "10.0.0.1:65536", "fd00::x:1"}) {
    EXPECT_EQ(place(bad), "--listen: expected an address and a port (127.0.0.1:9539), not " + bad);
  }
  EXPECT_FALSE(parse_arguments({"metrics"})->listen);
}

TEST(Arguments, WhatImportIsToldIsRead) {
  const auto all = parse_arguments({"import", "--from", "keepalived", "--primary", "192.0.2.1",
                                    "--backup", "2001:db8::2", "--device", "bond0", "--output",
                                    "lvs.cf", "--force", "x.conf"});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->source, foreign::Source::keepalived);
  EXPECT_EQ(to_string(*all->primary) + " " + to_string(*all->backup), "192.0.2.1 2001:db8::2");
  EXPECT_EQ(all->device, "bond0");
  EXPECT_EQ(all->options.at("--output"), "lvs.cf");
  EXPECT_EQ(all->file, "x.conf");
  EXPECT_EQ(parse_arguments({"import", "-"})->file, "-");
  EXPECT_THAT(refusal_of({"import", "--from", "haproxy"}),
              HasSubstr("--from: expected ipvsadm, keepalived or ldirectord, not haproxy"));
  EXPECT_THAT(refusal_of({"import", "--primary", "0.0.0.0"}), HasSubstr("expected an address"));
  EXPECT_THAT(refusal_of({"import", "--backup"}), HasSubstr("--backup: expected an address"));
  EXPECT_THAT(refusal_of({"import", "--device", "eth0:1"}), HasSubstr("expected a network device"));
  EXPECT_THAT(refusal_of({"import", "--output"}), HasSubstr("--output: expected a file"));
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
