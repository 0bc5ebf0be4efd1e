// What a role means for either core.
#include "lvsd/reconciler.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST(Role, ArmsAndDisarmsAsPulseSays) {
  World world;
  world.start(with({web(1)}));
  EXPECT_FALSE(world.lvsd.armed());
  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed());
  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.lvsd.armed());
}

TEST(Role, ThatIsOnlyAboutToComeArmsTheCoreAndChangesNothingElse) {
  World world;
  world.start(with({web(1)}));
  world.feed(RoleSaid{false});
  world.feed(RoleSaid{.active = false, .ahead = true});
  EXPECT_TRUE(world.lvsd.armed());
  EXPECT_EQ(world.lvsd.role(), false);
  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.lvsd.armed());
}

TEST(Role, ArmsAtTheNextWordWhenItFailedOnce) {
  World world;
  world.start(with({web(1)}));
  world.armable = false;
  world.feed(RoleSaid{true});
  EXPECT_FALSE(world.lvsd.armed());
  world.armable = true;
  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Role, AnAdoptedArmedCoreStaysArmedUntilTold) {
  World world;
  world.feed(Started{with({web(1)}), {}, true});
  world.pass(10s);
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Role, TheSyncDaemonFollowsTheRole) {
  World world;
  world.start(synchronised());
  EXPECT_THAT(world.daemons, IsEmpty());
  world.feed(RoleSaid{false});
  ASSERT_THAT(world.daemons, SizeIs(1));
  EXPECT_EQ(to_string(world.daemons[0]), "backup on eth0, id 7");
  world.feed(RoleSaid{true});
  ASSERT_THAT(world.daemons, SizeIs(1));
  EXPECT_EQ(to_string(world.daemons[0]), "master on eth0, id 7");
  EXPECT_EQ(world.saved.daemons, world.daemons);
  world.daemons.clear();
  world.pass(kDriftCheck + 10ms);
  EXPECT_THAT(world.daemons, SizeIs(1)) << "stopped by somebody else";
}

TEST(Role, ASyncDaemonThatFailsHoldsNobodyElseUp) {
  World world;
  world.refused = {{{}, {}, ipvs::DaemonRole::master}};
  world.start(synchronised());
  world.all_up();
  world.feed(RoleSaid{true});
  world.pass(1s);
  EXPECT_TRUE(world.lvsd.armed());
  EXPECT_THAT(world.web_servers(), SizeIs(1));
  EXPECT_THAT(world.lvsd.retries().failures(), SizeIs(1));
}

// Both directors of a pair serve the web, and one of them is 10.0.0.1.
TEST(Role, AStandbyThatIsAServerItselfProgramsTheServiceWhenItBecomesActive) {
  World world;
  world.own_addresses = {address("10.0.0.1")};
  world.start(on_the_kernel(with({web(2)})));
  world.all_up();
  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_FALSE(world.lvsd.armed());
  EXPECT_TRUE(world.lvsd.is_ready(world.now));
  EXPECT_THAT(world.lvsd.wanted().held_back, SizeIs(1));
  world.say(2, Health::down);
  world.say(2, Health::up);
  EXPECT_FALSE(world.core.contains(web_key())) << "a verdict does not change that";

  world.feed(RoleSaid{true});
  EXPECT_TRUE(world.lvsd.armed()) << "pulse adds the addresses at this word";
  EXPECT_THAT(world.web_servers(), SizeIs(2));

  world.feed(RoleSaid{false});
  EXPECT_FALSE(world.core.contains(web_key()));
  EXPECT_FALSE(world.lvsd.armed());
  EXPECT_THAT(world.ops, Not(Contains(ipvs::Request(ipvs::Flush{}))));
}

TEST(Role, AStandbyThatGetsAServersAddressLaterHoldsTheServiceBackFromThen) {
  World world;
  world.start(on_the_kernel(with({web(2)})));
  world.all_up();
  world.feed(RoleSaid{false});
  EXPECT_TRUE(world.core.contains(web_key()));
  world.own_addresses = {address("10.0.0.1")};
  world.pass(kDriftCheck + 10ms);
  EXPECT_FALSE(world.core.contains(web_key()));
  world.own_addresses.clear();
  world.pass(kDriftCheck + 10ms);
  EXPECT_TRUE(world.core.contains(web_key()));
}

// Whoever made it there: it is in lvs.cf, and ip_vs would send the active director's packets back.
TEST(Role, AStandbyTakesOutWhatSomebodyElsePutsInOfAServiceThatItHoldsBack) {
  World world;
  world.own_addresses = {address("10.0.0.1")};
  world.start(on_the_kernel(with({web(2)})));
  world.all_up();
  world.feed(RoleSaid{false});
  world.pass(10ms);
  EXPECT_THAT(world.saved.services, testing::IsEmpty());
  world.core[web_key()].dests[server_at(1)] = {};
  world.pass(kDriftCheck + 10ms);
  EXPECT_FALSE(world.core.contains(web_key()));
}

// ip_vs handles no packet then, and connections that come in need their servers in the table.
TEST(Role, AStandbyThatTakesInConnectionsHasTheWholeTable) {
  World world;
  world.own_addresses = {address("10.0.0.1")};
  world.start(synchronised());
  world.all_up();
  world.feed(RoleSaid{false});
  EXPECT_THAT(world.sysctls, Contains(Sysctl{"net/ipv4/vs/backup_only", "1"}));
  EXPECT_THAT(world.web_servers(), SizeIs(1));
  world.ops.clear();
  world.feed(RoleSaid{true});
  world.feed(RoleSaid{false});
  EXPECT_THAT(world.ops, SizeIs(4)) << "two daemons stopped, two started, the table untouched";
}

TEST(Role, AStandbyThatIsNotSwitchedOffAfterAllHoldsItsServicesBack) {
  World no_daemon;
  no_daemon.refused = {{{}, {}, ipvs::DaemonRole::backup}};
  World no_sysctls;
  no_sysctls.sysctls_error = "set net/ipv4/vs/backup_only = 1: Permission denied";
  for (World* world : {&no_daemon, &no_sysctls}) {
    world->own_addresses = {address("10.0.0.1")};
    world->start(synchronised());
    world->all_up();
    world->feed(RoleSaid{false});
    world->pass(1min);
    EXPECT_FALSE(world->core.contains(web_key()));
    world->refused.clear();
    world->sysctls_error.clear();
    world->pass(1min);
    EXPECT_TRUE(world->core.contains(web_key()));
  }
}

TEST(Role, IpvsIsNotArmedWhileItCannotBeRead) {
  World world;
  world.readable = false;
  world.start(on_the_kernel(with({web(1)})));
  world.pass(10s);
  world.feed(RoleSaid{true});
  EXPECT_FALSE(world.lvsd.armed());
  world.readable = true;
  world.pass(kReadRetryMax);
  EXPECT_TRUE(world.lvsd.armed());
}

TEST(Role, RestartedOnTheKernelItChangesNothingBeforeTheRoleIsSaid) {
  for (const bool active : {false, true}) {
    auto config = synchronised();
    config.virtuals = {web(2)};
    World former;
    former.own_addresses = {address("10.0.0.1")};
    former.start(config);
    former.all_up();
    former.feed(RoleSaid{active});

    World world;
    world.own_addresses = former.own_addresses;
    world.core = former.core;
    world.daemons = former.daemons;
    world.start(config, former.saved);
    world.all_up();
    world.pass(20s);
    world.feed(RoleSaid{active});
    EXPECT_THAT(world.ops, IsEmpty()) << (active ? "active" : "standby");
  }
}

}  // namespace
}  // namespace lvs::lvsd
