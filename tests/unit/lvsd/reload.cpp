// What a reload changes, and that it changes nothing else.
#include "lvsd/reconciler.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/world.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Reload, ReloadOfTheSameWritesNothing) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  world.reload(with({web(2)}));
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.lvsd.writes(), 3U);
}

TEST(Reload, ReloadChangesOnlyWhatChanged) {
  auto other = web(2);
  other.name = "other";
  other.port = 8080;
  World world;
  world.start(with({web(2), other}));
  world.all_up();
  world.ops.clear();
  auto heavier = web(2);
  heavier.servers[0].weight = 5;
  world.reload(with({heavier, other}));
  ipvs::Dest dest;
  dest.weight = 5;
  EXPECT_THAT(world.ops, ElementsAre(ipvs::Request(ipvs::SetDest{web_key(), server_at(1), dest})));
}

TEST(Reload, AnotherNetworkConcernsAllServers) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  auto direct = with({web(2)});
  direct.network = ipvs::Forward::direct;
  world.reload(direct);
  for (const auto& [key, dest] : world.core.at(web_key()).dests) {
    EXPECT_EQ(dest.forward, ipvs::Forward::direct);
  }
}

TEST(Reload, ANewSerialNumberIsNoChange) {
  auto other = web(2);
  other.port = 8080;
  auto config = with({web(2), other});
  World world;
  world.start(config);
  world.all_up();
  world.ops.clear();
  config.serial_no = 2;
  world.reload(config);
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.lvsd.config().serial_no, 2);
}

TEST(Reload, ReloadWithNewTimingsKeepsTheServersInTheTable) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  auto slower = web(2);
  slower.interval = 60s;
  world.reload(with({slower}));
  EXPECT_THAT(world.ops, IsEmpty());
  EXPECT_EQ(world.monitors.begin()->second.interval, 60s);
}

TEST(Reload, BrokenReloadKeepsTheRunningConfigurationAndIsRemembered) {
  World world;
  world.start(with({web(1)}));
  world.all_up();
  const ipvs::Table before = world.core;
  world.feed(ReloadFailed{"lvs.cf:12: port: expected a port"});
  world.pass(10s);
  EXPECT_EQ(world.core, before);
  EXPECT_THAT(world.lvsd.reload_error(), HasSubstr("lvs.cf:12"));
  world.reload(with({web(1)}));
  EXPECT_EQ(world.lvsd.reload_error(), "");
}

TEST(Reload, TellsWhatAReloadWouldDo) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  EXPECT_THAT(world.lvsd.plan_for(with({web(2)})), IsEmpty());
  EXPECT_THAT(world.lvsd.plan_for(with({web(1)})),
              ElementsAre(ipvs::Request(ipvs::DelDest{web_key(), server_at(2)})));
  auto slower = with({web(2)});
  slower.tcp_timeout = 1200;
  EXPECT_THAT(world.lvsd.plan_for(slower),
              ElementsAre(ipvs::Request(ipvs::SetConfig{{1200, 0, 0}})));
}

// A back-off of half a minute is no punishment for a file that was mended.
TEST(Reload, AMendedFileIsTriedAtOnceAndTheOldErrorIsGone) {
  World world;
  world.refused = {{web_key(), server_at(2)}};
  world.start(with({web(2)}));
  world.all_up();
  world.pass(2min);
  ASSERT_THAT(world.web_servers(), ElementsAre(server_at(1)));
  ASSERT_EQ(world.lvsd.retries().failures().size(), 1U);
  world.refused.clear();
  auto heavier = web(2);
  heavier.servers[1].weight = 5;
  world.reload(with({heavier}));
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1), server_at(2)));
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
}

// What made room for it may be a change elsewhere.
TEST(Reload, AnyReloadIsAnOccasionForWhatFailed) {
  auto other = web(1);
  other.name = "other";
  other.port = 8080;
  World world;
  world.refused = {{web_key(), {}}};
  world.start(with({web(1), other}));
  world.all_up();
  world.pass(2min);
  ASSERT_FALSE(world.core.contains(web_key()));
  world.refused.clear();
  world.reload(with({web(1)}));
  EXPECT_TRUE(world.core.contains(web_key()));
  EXPECT_THAT(world.lvsd.retries().failures(), IsEmpty());
}

TEST(Reload, ACoreThatCouldNotBeReadIsReadAtOnce) {
  World world;
  world.readable = false;
  world.start(with({web(1)}));
  world.pass(1min);
  world.readable = true;
  world.reload(with({web(1)}));
  EXPECT_EQ(world.lvsd.core_error(), "");
}

TEST(Reload, NamesWithOtherAddressesAreAReloadThatSaysSo) {
  World world;
  world.start(with({web(1)}));
  world.all_up();
  world.feed(ReloadFailed{"lvs.cf:7: port: expected a port", false});
  world.feed(ReloadFailed{"lvs.cf:9: address: expected an address of the same family", true});
  EXPECT_EQ(world.count("names-refused"), 1);
  EXPECT_EQ(world.count("reload-failed"), 1);
  world.feed(ReloadFailed{"lvs.cf:7: port: expected a port", false});
  world.feed(ReloadFailed{"lvs.cf:9: address: expected an address of the same family", true});
  EXPECT_EQ(world.count("names-refused"), 1) << "once for what is said";
  EXPECT_EQ(world.count("reload-failed"), 1);
  EXPECT_EQ(world.count("reload-failed-again"), 1);
  world.feed(Configured{with({web(2)}), true});
  world.all_up();
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1), server_at(2)));
  EXPECT_EQ(world.count("reload"), 0);
  EXPECT_EQ(world.lvsd.names_error(), "");
  EXPECT_EQ(world.lvsd.reload_error(), "lvs.cf:7: port: expected a port") << "the file is as bad";
}

TEST(Reload, AListOfDeniedClientsIsSetWhenItIsAnotherAndNothingElseIsTouched) {
  World world;
  world.start(with({web(2)}));
  world.all_up();
  world.ops.clear();
  auto config = with({web(2)});
  config.deny = {*Prefix::parse("192.0.2.0/24")};
  world.reload(config);
  world.reload(config);
  const std::vector<Prefix> nobody;
  EXPECT_THAT(world.denied, ElementsAre(nobody, config.deny)) << "first as lvsd starts";
  world.reload(with({web(2)}));
  EXPECT_THAT(world.denied, ElementsAre(nobody, config.deny, nobody));
  EXPECT_THAT(world.ops, IsEmpty());
}

TEST(Reload, APrefixThatTheKernelRefusesIsAnAlarmUntilItIsDenied) {
  World world;
  world.start(with({web(2)}));
  world.deny_error = "deny 192.0.2.0/24: no room";
  auto config = with({web(2)});
  config.deny = {*Prefix::parse("192.0.2.0/24")};
  world.reload(config);
  world.pass(kRetryMax * 4);
  EXPECT_EQ(world.lvsd.deny_error(),
            "deny 192.0.2.0/24: no room (not denied; tried again until it is)");
  EXPECT_EQ(world.count("deny-failed"), 1);
  EXPECT_GE(world.denied.size(), 8U) << "tried again";
  EXPECT_LE(world.denied.size(), 16U) << "with backoff";
  const size_t tried = world.denied.size();
  world.reload(config);
  EXPECT_EQ(world.denied.size(), tried + 1) << "a reload tries at once";
  world.deny_error.clear();
  world.pass(kRetryMax);
  EXPECT_EQ(world.lvsd.deny_error(), "");
  EXPECT_EQ(world.count("deny-complete"), 1);
  const size_t done = world.denied.size();
  world.pass(kRetryMax * 4);
  EXPECT_EQ(world.denied.size(), done) << "and left alone";
}

TEST(Reload, APrefixThatIsRefusedAtTheStartHoldsNobodyElseUp) {
  World world;
  world.deny_error = "deny 192.0.2.0/24: no room";
  auto config = with({web(2)});
  config.deny = {*Prefix::parse("192.0.2.0/24")};
  world.start(config);
  world.all_up();
  EXPECT_THAT(world.web_servers(), ElementsAre(server_at(1), server_at(2)));
  EXPECT_NE(world.lvsd.deny_error(), "");
}

TEST(Reload, TheKernelsCoreIsGivenNoListOfDeniedClients) {
  World world;
  auto config = on_the_kernel(with({web(2)}));
  config.deny = {*Prefix::parse("192.0.2.0/24")};
  world.start(config);
  EXPECT_THAT(world.denied, IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
