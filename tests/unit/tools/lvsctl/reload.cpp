#include "tools/lvsctl/reload.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace lvs::lvsctl {
namespace {

boost::json::object parsed(const char* text) {
  return boost::json::parse(text).as_object();
}

const Reload kReload(parsed(R"({"pid": 10, "reloads": 0})"),
                     parsed(R"({"pid": 11, "reloads": 4})"));
constexpr const char* kPulseDone =
    R"({"pid": 10, "reloads": 1, "reload_errors": [], "config_serial": 8})";
constexpr const char* kLvsdDone = R"({"pid": 11, "reloads": 5, "reload_error": ""})";

TEST(Reload, IsDoneWhenBothHaveReadTheFileAgain) {
  EXPECT_FALSE(kReload.judge(parsed(R"({"pid": 10, "reloads": 0})"), parsed(kLvsdDone)));
  EXPECT_FALSE(kReload.judge(parsed(kPulseDone), parsed(R"({"pid": 11, "reloads": 4})")));
  const auto outcome = kReload.judge(parsed(kPulseDone), parsed(kLvsdDone));
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->done);
  EXPECT_EQ(outcome->text, "reloaded: serial 8 runs");
}

TEST(Reload, OneThatWasStartedAgainHasReadItToo) {
  EXPECT_TRUE(kReload.judge(parsed(kPulseDone),
                            parsed(R"({"pid": 12, "reloads": 0, "reload_error": ""})")));
}

TEST(Reload, EachReasonToRefuseItIsToldOnce) {
  const auto outcome = kReload.judge(
      parsed(R"({"pid": 10, "reloads": 1, "reload_errors": ["no key", "lvs.cf:3: what"]})"),
      parsed(R"({"pid": 11, "reloads": 5, "reload_error": "lvs.cf:3: what"})"));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(outcome->text, "refused, the configuration that ran goes on:\nno key\nlvs.cf:3: what");
}

TEST(Reload, OfManyReasonsTheFirstAreTold) {
  std::string lines;
  boost::json::array list;
  for (int line = 1; line <= 30; ++line) {
    const std::string error = "lvs.cf:" + std::to_string(line) + ": x";
    list.emplace_back(error);
    lines += error + "\n";
  }
  boost::json::object pulse = parsed(kPulseDone);
  pulse["reload_errors"] = list;
  boost::json::object lvsd = parsed(kLvsdDone);
  lvsd["reload_error"] = lines;
  const std::string text = kReload.judge(pulse, lvsd)->text;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 21) << text;
  EXPECT_TRUE(text.ends_with("lvs.cf:20: x\nand 10 more: lvsctl check has them all")) << text;
}

TEST(Reload, WhatPulseAloneRefusesIsSaidToBeHalfTaken) {
  const auto outcome = kReload.judge(
      parsed(R"({"pid": 10, "reloads": 1, "reload_errors": ["no key"]})"), parsed(kLvsdDone));
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->done);
  EXPECT_EQ(outcome->text,
            "refused by pulse, which goes on as before; lvsd has taken the file:\nno key");
}

TEST(Reload, IsNotBegunWhereOneWouldRefuseItAlone) {
  const auto takes = parsed(R"({"refusals": [], "refused": ""})");
  const auto pulse_refuses = parsed(R"({"refusals": ["no key", "and no device"]})");
  const auto lvsd_refuses = parsed(R"({"refused": "another core"})");
  const Error unread{EINVAL, "lvs.cf:3: what"};
  EXPECT_FALSE(refusal_by_one(takes, takes));
  EXPECT_FALSE(refusal_by_one(pulse_refuses, lvsd_refuses)) << "both refuse, and remember why";
  EXPECT_FALSE(refusal_by_one(Error{EAGAIN, "waiting: no address"}, takes)) << "it has not begun";
  const auto text_of = [](const std::optional<Outcome>& outcome) {
    return outcome && !outcome->done ? outcome->text : "";
  };
  EXPECT_EQ(text_of(refusal_by_one(pulse_refuses, takes)),
            "refused by pulse; neither daemon was told to reload:\nno key\nand no device");
  EXPECT_EQ(text_of(refusal_by_one(takes, lvsd_refuses)),
            "refused by lvsd; neither daemon was told to reload:\nanother core");
  EXPECT_EQ(text_of(refusal_by_one(takes, unread)),
            "refused by lvsd; neither daemon was told to reload:\nlvs.cf:3: what");
}

TEST(Reload, APulseThatWaitsForItsAddressSaysSo) {
  const auto outcome = kReload.judge(
      parsed(R"({"pid": 10, "reloads": 1, "state": "waiting", "reason": "no address"})"),
      parsed(kLvsdDone));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->text, "pulse waits: no address");
}

}  // namespace
}  // namespace lvs::lvsctl
