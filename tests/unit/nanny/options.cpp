#include "nanny/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;
using testing::HasSubstr;

Options accepted(Words words) {
  const auto options = parse_options(words);
  EXPECT_TRUE(options) << options.error().what;
  return options ? *options : Options{};
}

Options watching(Words more) {
  Words words{"-h", "10.0.0.2", "-V", "192.0.2.1"};
  words.insert(words.end(), more.begin(), more.end());
  return accepted(words);
}

std::string refusal(const Words& words) {
  const auto options = parse_options(words);
  return options ? "accepted" : options.error().what;
}

TEST(Options, DefaultsAreThoseOfPiranha) {
  const Options options = watching({});
  EXPECT_EQ(options.mode, Options::Mode::by_hand);
  EXPECT_EQ(options.life, Options::Life::daemon);
  EXPECT_EQ(options.monitor.target, (Endpoint{*Address::parse("10.0.0.2"), 80}));
  EXPECT_EQ(options.monitor.interval, 10s);
  EXPECT_EQ(options.monitor.timeout, 10s);
  EXPECT_EQ(options.monitor.rise, 18);
  EXPECT_EQ(options.monitor.fall, 1);
  EXPECT_EQ(options.service, ipvs::ServiceKey(ipvs::AddressKey{ipvs::Protocol::tcp,
                                                               *Address::parse("192.0.2.1"), 80}));
  EXPECT_EQ(options.dest.forward, ipvs::Forward::masq);
  EXPECT_EQ(options.dest.weight, 1);
  EXPECT_TRUE(options.touch_table);
  EXPECT_FALSE(options.quiesce);
}

TEST(Options, TheCommandLineOfPiranhasLvsdIsUnderstood) {
  const Options options =
      accepted({"-c",         "-h",  "10.0.0.2", "-p", "21", "-r",        "2121", "-s",
                "QUIT\\r\\n", "-x",  "220",      "-q", "-a", "15",        "-I",   "/sbin/ipvsadm",
                "-t",         "6",   "-w",       "5",  "-V", "192.0.2.1", "-M",   "g",
                "-U",         "rsh", "--lvs"});
  EXPECT_EQ(options.life, Options::Life::nofork);
  EXPECT_EQ(options.monitor.target.port, 2121);
  EXPECT_EQ(options.virtual_place.port, 21);
  EXPECT_EQ(options.monitor.check, config::Check(config::SendExpect{"QUIT\r\n", "220", false}));
  EXPECT_EQ(options.monitor.interval, 6s);
  EXPECT_EQ(options.monitor.rise, 2);
  EXPECT_EQ(options.dest.forward, ipvs::Forward::direct);
  EXPECT_EQ(options.dest.weight, 5);
  EXPECT_TRUE(options.quiesce);
}

TEST(Options, LongNamesMeanTheSame) {
  const Options options =
      accepted({"--server=10.0.0.2", "--fwmark=80", "--port=443", "--udp", "--send_string", "ping",
                "--expect_string", "^po+ng", "--regex", "--nodaemon", "--norun"});
  EXPECT_EQ(options.service, ipvs::ServiceKey(ipvs::MarkKey{80, Family::v4}));
  EXPECT_EQ(options.monitor.protocol, ipvs::Protocol::udp);
  EXPECT_EQ(options.monitor.check, config::Check(config::SendExpect{"ping", "^po+ng", true}));
  EXPECT_EQ(options.life, Options::Life::foreground);
  EXPECT_FALSE(options.touch_table);
}

TEST(Options, TheMethodMayHaveADash) {
  EXPECT_EQ(watching({"-M", "-g"}).dest.forward, ipvs::Forward::direct);
  EXPECT_EQ(watching({"-M", "i"}).dest.forward, ipvs::Forward::tunnel);
  EXPECT_EQ(watching({"-M", "t"}).dest.forward, ipvs::Forward::tunnel);
  EXPECT_THAT(refusal({"-M", "x"}), HasSubstr("expected m, g or i"));
}

TEST(Options, SuppressLeavesBackslashesAlone) {
  EXPECT_EQ(watching({"-T", "-s", "a\\n", "-x", "b\\r"}).monitor.check,
            config::Check(config::SendExpect{"a\\n", "b\\r", false}));
}

TEST(Options, AWebServerIsAssumedOnPort80Only) {
  EXPECT_EQ(watching({}).monitor.check,
            config::Check(config::SendExpect{"GET / HTTP/1.0\r\n\r\n", "HTTP", false}));
  EXPECT_EQ(watching({"-p", "25"}).monitor.check, config::Check(config::TcpConnect{}));
}

TEST(Options, AProgramIsCheckedByItsExitStatusUnlessLegacyIsAsked) {
  EXPECT_EQ(watching({"-e", "check %h", "-x", "OK"}).monitor.check,
            config::Check(config::ScriptCheck{"check %h", "OK", false}));
  EXPECT_EQ(watching({"-e", "check %h", "--script-legacy"}).monitor.check,
            config::Check(config::ScriptCheck{"check %h", "", true}));
}

TEST(Options, AReentryShorterThanTheIntervalIsImmediate) {
  EXPECT_EQ(watching({"-t", "10", "-a", "9"}).monitor.rise, 1);
  EXPECT_EQ(watching({"-t", "10", "-a", "25"}).monitor.rise, 2);
}

TEST(Options, AFailoverServiceNeedsNoTableAndComesBackAtOnce) {
  const Options options = accepted({"--fos", "-h", "10.0.0.2"});
  EXPECT_TRUE(options.failover);
  EXPECT_FALSE(options.touch_table);
  EXPECT_EQ(options.monitor.rise, 1);
}

TEST(Options, WhatIsMissingIsNamed) {
  EXPECT_THAT(refusal({}), HasSubstr("--server ADDRESS is missing"));
  EXPECT_THAT(refusal({"-h", "10.0.0.2"}),
              HasSubstr("--virtaddress ADDRESS or --fwmark MARK is missing"));
  EXPECT_EQ(refusal({"-h", "10.0.0.2", "--norun"}), "accepted");
}

TEST(Options, WhatIsWrongIsNamed) {
  EXPECT_EQ(refusal({"-z"}), "-z: unknown option");
  EXPECT_EQ(refusal({"--frob"}), "--frob: unknown option");
  EXPECT_EQ(refusal({"-p"}), "-p: needs a value");
  EXPECT_EQ(refusal({"--lvsd", "extra"}), "extra: unexpected argument");
  EXPECT_EQ(refusal({"-h", "web1"}),
            "--server: expected an IP address, not \"web1\"; names are not looked up here");
  EXPECT_EQ(refusal({"-t", "0"}), "--interval: expected a number, 1 to 86400, not \"0\"");
  EXPECT_EQ(refusal({"-p", "65536"}), "--port: expected a number, 0 to 65535, not \"65536\"");
  EXPECT_EQ(refusal({"-w", "x"}), "--weight: expected a number, 0 to 65535, not \"x\"");
  EXPECT_EQ(refusal({"-h", "10.0.0.2", "-V", "2001:db8::1"}),
            "--virtaddress and --server are of different families");
}

TEST(Options, ModesWithoutAServer) {
  EXPECT_EQ(accepted({"--lvsd"}).mode, Options::Mode::lvsd);
  EXPECT_EQ(accepted({"--help"}).mode, Options::Mode::help);
  EXPECT_EQ(accepted({"--version"}).mode, Options::Mode::version);
}

}  // namespace
}  // namespace lvs::nanny
