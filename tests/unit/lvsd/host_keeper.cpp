// Mark rules and sysctls, in the reconciler's small world.
#include "lvsd/host_keeper.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(HostKeeper, RetriesMarkRulesThatFail) {
  World world;
  world.marks_error = "iptables-restore: exit status 4";
  world.start(with({web(1)}));
  EXPECT_EQ(world.marks, 1);
  world.pass(1s);
  EXPECT_GE(world.marks, 3);
  EXPECT_EQ(world.count("marks-failed"), 1);
  EXPECT_THAT(world.lvsd.host().marks_error(), HasSubstr("iptables-restore"));
  world.marks_error.clear();
  world.pass(kRetryMax);
  EXPECT_EQ(world.lvsd.host().marks_error(), "");
}

// Also without rules of ours: those of the administrator's may come and go.
TEST(HostKeeper, LogsAMarkWarningOnceAndForgetsIt) {
  World world;
  config::Config marked = with({web(1)});
  marked.virtuals.edit(0).fwmark = 80;
  world.mark_warnings = {"web (fwmark 80): no rule"};
  world.start(marked);
  world.pass(kDriftCheck * 3);
  EXPECT_EQ(world.lvsd.host().mark_warnings(), world.mark_warnings);
  EXPECT_EQ(world.count("marks"), 1);
  world.mark_warnings.clear();
  world.pass(kDriftCheck);
  EXPECT_THAT(world.lvsd.host().mark_warnings(), IsEmpty());
}

// `nft flush ruleset` takes the mark rules along.
TEST(HostKeeper, LooksAfterMarkRulesAsAfterTheTable) {
  auto marked = web(1);
  marked.fwmark = 80;
  marked.mark_ports = {{"tcp", {{80, 80}}}};
  World world;
  world.start(with({marked}));
  world.pass(1min);
  EXPECT_GE(world.marks, 12);
  World without;
  without.start(with({web(1)}));
  without.pass(1min);
  EXPECT_EQ(without.marks, 1);
}

// A firewall that is loaded anew is no reason for five seconds without a service.
TEST(HostKeeper, LooksAtOnceWhenSomebodyTookMarkRulesAway) {
  auto marked = web(1);
  marked.fwmark = 80;
  marked.mark_ports = {{"tcp", {{80, 80}}}};
  World world;
  world.start(with({marked}));
  world.pass(kMarksPause);
  const int before = world.marks;
  world.feed(MarksTouched{});
  EXPECT_EQ(world.marks, before + 1);
  for (int i = 0; i < 100; ++i) {
    world.pass(10ms);
    world.feed(MarksTouched{});
  }
  EXPECT_LE(world.marks, before + 3) << "whoever goes on taking them away keeps nobody busy";
  world.pass(kMarksPause);
  const int after = world.marks;
  world.pass(kDriftCheck / 2);
  EXPECT_EQ(world.marks, after) << "and it comes to rest";
}

TEST(HostKeeper, WithoutMarkRulesNobodyCaresWhoTakesSomeAway) {
  World world;
  world.start(with({web(1)}));
  world.pass(kMarksPause);
  world.feed(MarksTouched{});
  world.pass(1min);
  EXPECT_EQ(world.marks, 1);
}

TEST(HostKeeper, AReloadSetsMarkRulesWhenTheyAreOthers) {
  auto marked = web(2);
  marked.fwmark = 80;
  marked.mark_ports = {{"tcp", {{80, 80}}}};
  World world;
  world.start(with({marked}));
  EXPECT_EQ(world.marks, 1);
  auto heavier = marked;
  heavier.servers[0].weight = 5;
  world.reload(with({heavier}));
  EXPECT_EQ(world.marks, 1) << "a weight is nothing to the rules";
  for (const auto& change :
       {+[](config::VirtualService& service) { service.fwmark = 81; },
        +[](config::VirtualService& service) { service.name = "shop"; },
        +[](config::VirtualService& service) {
          service.mark_ports.front().ranges.front().second = 90;
        },
        +[](config::VirtualService& service) { service.address->address = address("192.0.2.9"); },
        +[](config::VirtualService& service) { service.active = false; }}) {
    const int before = world.marks;
    change(heavier);
    world.reload(with({heavier}));
    EXPECT_EQ(world.marks, before + 1);
  }
}

TEST(HostKeeper, AReloadTriesAgainWhatFailed) {
  World world;
  world.marks_error = "iptables-restore: exit status 4";
  world.sysctls_error = "set net/ipv4/ip_forward = 1: Permission denied";
  world.start(with({web(1)}));
  world.pass(21s);
  const int before = world.marks;
  world.marks_error.clear();
  world.sysctls_error.clear();
  world.reload(with({web(1)}));
  EXPECT_EQ(world.marks, before + 1);
  EXPECT_EQ(world.lvsd.host().marks_error(), "");
  EXPECT_EQ(world.lvsd.host().sysctls_error(), "");
}

TEST(HostKeeper, TheOtherCoreIsLeftOnceWhenTheChosenOneAnswers) {
  World world;
  world.readable = false;
  world.start(with({web(1)}));
  world.pass(1min);
  EXPECT_EQ(world.leavings, 0);
  world.readable = true;
  world.pass(1min);
  EXPECT_EQ(world.leavings, 1);
}

TEST(HostKeeper, WhatTheOtherCoreDoesNotGiveUpIsAskedForAgainAndSaidOnce) {
  World world;
  world.other_core_error = "nft: Operation not permitted";
  world.start(with({web(1)}));
  world.pass(1min);
  EXPECT_GT(world.leavings, 2);
  EXPECT_EQ(world.count("other-core-stays"), 1);
  EXPECT_THAT(world.lvsd.host().other_core_error(), testing::HasSubstr(world.other_core_error));
  world.other_core_error.clear();
  world.pass(10s);
  EXPECT_EQ(world.lvsd.host().other_core_error(), "");
}

TEST(HostKeeper, AReloadSetsSysctlsThatANewServiceNeeds) {
  auto direct = web(1);
  direct.forward = ipvs::Forward::direct;
  World world;
  world.start(on_the_kernel(with({direct})));
  world.feed(RoleSaid{true});
  EXPECT_THAT(world.sysctls, Not(Contains(Sysctl{"net/ipv4/ip_forward", "1"})));
  const int before = world.sysctl_sets;
  direct.servers[0].weight = 5;
  world.reload(on_the_kernel(with({direct})));
  EXPECT_EQ(world.sysctl_sets, before);
  direct.servers[0].forward = ipvs::Forward::masq;
  world.reload(on_the_kernel(with({direct})));
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/ip_forward", "1"}));
  direct.persistent = 60s;
  world.reload(on_the_kernel(with({direct})));
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/vs/expire_quiescent_template", "1"}));
}

TEST(HostKeeper, SetsSysctlsWhenTheyChangeAndAgainInAnIpvsThatWasLoadedAgain) {
  World world;
  world.start(on_the_kernel(with({web(1)})));
  EXPECT_EQ(world.sysctl_sets, 0) << "before the role is said";
  world.feed(RoleSaid{true});
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 1);
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/vs/expire_nodest_conn", "1"}));
  world.readable = false;
  world.pass(1min);
  world.readable = true;
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 2);
  world.reload(on_the_kernel(with({})));
  EXPECT_EQ(world.sysctl_sets, 3);
  EXPECT_THAT(world.sysctls, IsEmpty());
}

TEST(HostKeeper, TriesSysctlsThatFailAgainAndSaysItOnce) {
  World world;
  world.sysctls_error = "set net/ipv4/ip_forward = 1: Permission denied";
  world.start(with({web(1)}));
  world.pass(1min);
  EXPECT_GE(world.sysctl_sets, 10);
  EXPECT_LE(world.sysctl_sets, 20);
  EXPECT_EQ(world.count("sysctls-failed"), 1);
  EXPECT_THAT(world.lvsd.host().sysctls_error(), HasSubstr("Permission denied"));
  world.sysctls_error.clear();
  world.pass(kDriftCheck + 10ms);
  EXPECT_EQ(world.lvsd.host().sysctls_error(), "");
}

TEST(HostKeeper, LeavesSysctlsAloneWhenTold) {
  auto config = with({web(1)});
  config.manage_sysctls = false;
  World world;
  world.start(config);
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 0);
}

constexpr const char* kForward = "net/ipv4/ip_forward";

// `sysctl -p`, a network restart, a container engine.
TEST(HostKeeper, ForwardingThatSomebodySwitchedOffIsOnAgainWithinASecond) {
  World world;
  world.start(with({web(1)}));
  ASSERT_EQ(world.kernel_sysctls[kForward], "1");
  world.pass(1min);
  EXPECT_EQ(world.sysctl_sets, 1) << "what is as it should be is left alone";
  world.kernel_sysctls[kForward] = "0";
  world.pass(1s);
  EXPECT_EQ(world.kernel_sysctls[kForward], "1");
  EXPECT_EQ(world.count("sysctl-drift"), 1);
  EXPECT_EQ(world.lvsd.host().sysctl_repairs(), 1U);
}

TEST(HostKeeper, AFightOverASysctlIsToldOnceAMinute) {
  World world;
  world.start(with({web(1)}));
  for (int i = 0; i < 50; ++i) {
    world.kernel_sysctls[kForward] = "0";
    world.pass(1s);
  }
  EXPECT_EQ(world.count("sysctl-drift"), 1);
  EXPECT_EQ(world.lvsd.host().sysctl_repairs(), 50U);
}

TEST(HostKeeper, WithoutManageSysctlsForwardingThatIsOffIsAnAlarmUntilItIsOn) {
  auto config = with({web(1)});
  config.manage_sysctls = false;
  World world;
  world.kernel_sysctls[kForward] = "0";
  world.start(config);
  EXPECT_EQ(world.lvsd.host().sysctls_error(),
            "net/ipv4/ip_forward is 0: this configuration is not served (with manage_sysctls = 0 "
            "they are yours to set)");
  world.pass(1min);
  EXPECT_EQ(world.count("sysctls-wrong"), 1);
  EXPECT_EQ(world.sysctl_sets, 0);
  world.kernel_sysctls[kForward] = "1";
  world.pass(1s);
  EXPECT_EQ(world.lvsd.host().sysctls_error(), "");
}

}  // namespace
}  // namespace lvs::lvsd
