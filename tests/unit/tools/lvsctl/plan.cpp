#include "tools/lvsctl/plan.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace lvs::lvsctl {
namespace {

PlanPage page_of(const std::string& answer) {
  return plan_page(boost::json::parse(answer).as_object());
}

TEST(Plan, AddressesAndSettingsComeBeforeTheTable) {
  const auto page = page_of(R"({"unsupported": [], "refused": "",
      "addresses": ["add address 192.0.2.20 on eth0:2"],
      "settings": ["set net.ipv4.vs.conntrack to 1"],
      "operations": ["add service TCP 192.0.2.20:80"]})");
  EXPECT_TRUE(page.good);
  EXPECT_EQ(page.text,
            "add address 192.0.2.20 on eth0:2\nset net.ipv4.vs.conntrack to 1\n"
            "add service TCP 192.0.2.20:80\n");
}

// The key is pulse's alone.
TEST(Plan, WhatPulseRefusesIsRefused) {
  const auto page = page_of(R"({"unsupported": [], "refused": "",
      "refusals": ["heartbeat_key: /etc/k: No such file or directory"],
      "operations": ["add service TCP 192.0.2.20:80"]})");
  EXPECT_FALSE(page.good);
  EXPECT_EQ(page.text,
            "a reload would be refused: heartbeat_key: /etc/k: No such file or directory\n");
}

TEST(Plan, WhatTheFileSaysAnewComesFirst) {
  const auto page = page_of(R"({"unsupported": [], "refused": "",
      "differences": ["virtual web: check from tcp to http"],
      "addresses": ["add address 192.0.2.20 on eth0:2"], "operations": []})");
  EXPECT_EQ(page.text,
            "lvs.cf: virtual web: check from tcp to http\nadd address 192.0.2.20 on eth0:2\n");
}

TEST(Plan, NothingIsSaidToBeNothing) {
  const auto page =
      page_of(R"({"unsupported": [], "refused": "", "addresses": [], "operations": []})");
  EXPECT_TRUE(page.good);
  EXPECT_EQ(page.text, "nothing to change\n");
}

TEST(Plan, WhatTheCoreCannotServeIsSaidAndIsNotGood) {
  const auto page = page_of(R"({"unsupported": ["lvs.cf:9: scheduler: unsupported: no"],
      "refused": "", "addresses": [], "operations": ["add service TCP 192.0.2.20:80"]})");
  EXPECT_FALSE(page.good);
  EXPECT_EQ(page.text, "lvs.cf:9: scheduler: unsupported: no\nadd service TCP 192.0.2.20:80\n");
}

TEST(Plan, AReloadThatWouldBeRefusedIsSaidAndIsNotGood) {
  const auto page = page_of(
      R"({"unsupported": [], "refused": "lvs.cf:3: core: another value needs a restart",
                  "addresses": [], "operations": []})");
  EXPECT_FALSE(page.good);
  EXPECT_EQ(page.text,
            "a reload would be refused: lvs.cf:3: core: another value needs a restart\n");
}

}  // namespace
}  // namespace lvs::lvsctl
