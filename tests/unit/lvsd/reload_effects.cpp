// What a reload does outside the table is told before it is done.
#include "lvsd/reload_effects.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

config::FloatingAddress floating(const std::string& text, const std::string& label) {
  return {address(text), label.substr(0, label.find(':')), label, {}};
}

config::VirtualService at(const std::string& text, const std::string& label) {
  auto service = web(1);
  service.address = floating(text, label);
  return service;
}

TEST(ReloadEffects, AddressesThatComeGoAndMove) {
  auto before = with({at("192.0.2.10", "eth0:1"), at("192.0.2.11", "eth0:2")});
  auto after = with({at("192.0.2.10", "eth1:1"), at("192.0.2.12", "eth0:3")});
  EXPECT_THAT(
      address_changes(before, after),
      ElementsAre("change address 192.0.2.10: from eth0:1 to eth1:1",
                  "delete address 192.0.2.11 on eth0:2", "add address 192.0.2.12 on eth0:3"));
  EXPECT_THAT(address_changes(after, after), IsEmpty());
}

TEST(ReloadEffects, TheNatRouterIsOneOfThemWhileThereIsNat) {
  const auto before = with({at("192.0.2.10", "eth0:1")});
  auto after = before;
  after.nat_router = floating("10.0.0.1", "eth1:1");
  EXPECT_THAT(address_changes(before, after),
              ElementsAre("add address 10.0.0.1 on eth1:1 (nat_router)"));
  auto direct = after;
  direct.network = ipvs::Forward::direct;
  EXPECT_THAT(address_changes(after, direct),
              ElementsAre("delete address 10.0.0.1 on eth1:1 (nat_router)"));
}

std::vector<std::string> changes_of_settings(const config::Config& before,
                                             const config::Config& after,
                                             const std::set<std::string>& there = {}) {
  return setting_changes(before, after, true, {},
                         [&](const Sysctl& sysctl) { return there.contains(sysctl.name); });
}

TEST(ReloadEffects, SettingsOfTheCoreThatComeAndGo) {
  const auto before = with({web(1)});
  auto after = before;
  after.conntrack = true;
  EXPECT_THAT(changes_of_settings(before, after), ElementsAre("set net.ipv4.vs.conntrack to 1"));
  EXPECT_THAT(changes_of_settings(after, before),
              ElementsAre("set net.ipv4.vs.conntrack back to what it was before"));
  EXPECT_THAT(changes_of_settings(after, after), IsEmpty());
}

TEST(ReloadEffects, SysctlsAreWrittenWhereTheyAreManagedAndOtherwise) {
  auto before = with({web(1)});
  before.manage_sysctls = false;
  auto after = before;
  after.manage_sysctls = true;
  EXPECT_THAT(changes_of_settings(before, after),
              ElementsAre("set net.ipv4.ip_forward to 1", "set net.ipv4.vs.expire_nodest_conn to 1",
                          "set net.ipv4.vs.conn_reuse_mode to 1"));
  EXPECT_THAT(
      changes_of_settings(before, after, {"net/ipv4/ip_forward", "net/ipv4/vs/conn_reuse_mode"}),
      ElementsAre("set net.ipv4.vs.expire_nodest_conn to 1"));
  EXPECT_THAT(changes_of_settings(after, before), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
