#include "lvsd/options.h"

#include <gmock/gmock.h>

namespace lvs::lvsd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Options parsed(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  EXPECT_TRUE(options) << (options ? "" : options.error().what);
  return options ? *options : Options{};
}

TEST(Options, AreADaemonWithTheUsualFileByDefault) {
  const Options options = parsed({});
  EXPECT_EQ(options.mode, Mode::daemon);
  EXPECT_EQ(options.config_file, "/etc/sysconfig/ha/lvs.cf");
  EXPECT_FALSE(options.foreground);
}

TEST(Options, NameTheFileInEitherWay) {
  EXPECT_EQ(parsed({"-c", "a.cf"}).config_file, "a.cf");
  EXPECT_EQ(parsed({"--configfile=b.cf"}).config_file, "b.cf");
  EXPECT_EQ(parsed({"--configfile", "c.cf"}).config_file, "c.cf");
}

TEST(Options, AsPulseGivesThem) {
  const Options options = parsed({"--nofork", "--standby", "-c", "a.cf"});
  EXPECT_TRUE(options.foreground && options.standby);
  EXPECT_FALSE(options.log_to_stderr);
  EXPECT_TRUE(parsed({"-n"}).log_to_stderr);
  const Options again = parsed({"-n", "--restarted", "--predecessor", "signal 9"});
  EXPECT_TRUE(again.restarted);
  EXPECT_EQ(again.predecessor, "signal 9");
}

TEST(Options, OfTheCoreAlone) {
  const Options options =
      parsed({"--core", "--interfaces", "eth0,eth1", "--connections=4096", "-n"});
  EXPECT_EQ(options.mode, Mode::core);
  EXPECT_THAT(options.interfaces, ElementsAre("eth0", "eth1"));
  EXPECT_EQ(options.connections, 4096U);
  EXPECT_EQ(parsed({"--core"}).connections, 0U);
  EXPECT_EQ(parsed({"--core", "--remove"}).mode, Mode::core_remove);
  EXPECT_EQ(parsed({"--remove", "--core"}).mode, Mode::core_remove);
}

TEST(Options, RefuseWhatMakesNoSense) {
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--wrong"},
                                                {"-c"},
                                                {"--remove"},
                                                {"--interfaces", "eth0"},
                                                {"--connections", "4096"},
                                                {"--core", "--connections", "1023"},
                                                {"--core", "--connections", "16777217"},
                                                {"--core", "--connections", "4k"},
                                                {"--check=yes"},
                                                {"lvs.cf"}}) {
    const auto options = parse_options(wrong);
    EXPECT_FALSE(options) << wrong.front();
  }
}

}  // namespace
}  // namespace lvs::lvsd
