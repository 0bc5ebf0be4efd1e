#include "pulse/settings.h"

#include <gtest/gtest.h>

#include "common/config/parse.h"

namespace lvs::pulse {
namespace {

config::Config pair() {
  config::Config c;
  c.primary = Address::parse("192.0.2.1");
  c.backup = Address::parse("192.0.2.2");
  c.backup_active = true;
  return c;
}

TEST(Settings, APrivatePathIsASecondPath) {
  config::Config c = pair();
  EXPECT_EQ(heartbeat_paths(c).size(), 1U);
  c.primary_private = Address::parse("10.0.0.1");
  c.backup_private = Address::parse("10.0.0.2");
  const auto paths = heartbeat_paths(c);
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(paths[1].name, "private");
  EXPECT_EQ(paths[1].backup, (PathEnd{"10.0.0.2", c.backup_private}));
  c.primary_private = c.primary;
  c.backup_private = c.backup;
  EXPECT_EQ(heartbeat_paths(c).size(), 1U);
}

TEST(Settings, BothNodesOfAPairAgreeOnTheirClusterAndOthersDoNot) {
  const auto primary = settings_of(pair(), "text", {Node::primary, {}, {}});
  const auto backup = settings_of(pair(), "text", {Node::backup, {}, {}});
  config::Config other = pair();
  other.backup = Address::parse("192.0.2.3");
  ASSERT_TRUE(primary && backup);
  EXPECT_EQ(primary->cluster_id, backup->cluster_id);
  EXPECT_EQ(primary->config_digest, backup->config_digest);
  EXPECT_NE(primary->cluster_id, settings_of(other, "text", {})->cluster_id);
  EXPECT_NE(primary->config_digest, settings_of(pair(), "other text", {})->config_digest);
}

config::Config named_pair(const config::Resolver& resolve) {
  const auto parsed = config::parse(
      "primary = director-a\nbackup = director-b\nbackup_active = 1\nprimary_private = 10.0.0.1\n"
      "backup_private = inner-b\nwitness = gateway 192.0.2.254\nvirtual web {\nactive = 1\n"
      "address = 192.0.2.10 eth0:1\nserver a {\naddress = 10.0.0.11\nactive = 1\n}\n}\n",
      "lvs.cf", resolve);
  EXPECT_TRUE(parsed.config);
  return parsed.config.value_or(config::Config{});
}

TEST(Settings, NamesMakeThePairWhateverTheyResolveTo) {
  const auto nothing = [](std::string_view) { return std::nullopt; };
  const auto found = [](std::string_view name) {
    return Address::parse(name == "director-a" ? "192.0.2.1" : "192.0.2.2");
  };
  const auto blind = settings_of(named_pair(nothing), "", {Node::primary, {}, {}});
  const auto known = settings_of(named_pair(found), "", {Node::primary, {}, {}});
  ASSERT_TRUE(blind && known);
  EXPECT_EQ(blind->cluster_id, known->cluster_id);
  EXPECT_EQ(blind->paths, known->paths);
  EXPECT_EQ(blind->paths.size(), 2U);
  EXPECT_FALSE(blind->knows_peer);
  EXPECT_TRUE(known->knows_peer);
  EXPECT_EQ(known->peer_addresses.front(), Address::parse("192.0.2.2"));
  EXPECT_TRUE(settings_of(named_pair(nothing), "", {Node::backup, {}, {}})->knows_peer)
      << "its private address is written";
}

TEST(Settings, AWitnessWithoutAnAddressIsNone) {
  const auto nothing = [](std::string_view) { return std::nullopt; };
  config::Config c = named_pair(nothing);
  EXPECT_EQ(config::witnesses(c), std::vector<Address>{*Address::parse("192.0.2.254")});
  EXPECT_TRUE(settings_of(c, "", {})->witness);
  c.witness.pop_back();
  EXPECT_FALSE(settings_of(c, "", {})->witness);
}

// A published file of Piranha's users has 30 and 18.
TEST(Settings, HeartbeatsComeOftenEnoughForTheDeadtime) {
  using namespace std::chrono_literals;
  const auto keepalive_of = [](Duration keepalive, Duration deadtime) {
    config::Config c = pair();
    c.keepalive = keepalive;
    c.deadtime = deadtime;
    return settings_of(c, "", {})->keepalive;
  };
  EXPECT_EQ(keepalive_of(30s, 18s), 6s);
  EXPECT_EQ(keepalive_of(6s, 12s), 4s);
  EXPECT_EQ(keepalive_of(6s, 13s), 6s);
  EXPECT_EQ(keepalive_of(2s, 5s), 2s);
}

TEST(Settings, LinksAreWatchedOnlyWhenAskedFor) {
  config::Config c = pair();
  const Machine machine{Node::primary, {"eth0", "eth1"}, {}};
  EXPECT_TRUE(settings_of(c, "", machine)->monitored_devices.empty());
  c.monitor_links = 1;
  EXPECT_EQ(settings_of(c, "", machine)->monitored_devices.size(), 2U);
}

TEST(Settings, ABackupWithoutAPairHasNothingToDo) {
  config::Config c = pair();
  c.backup_active = false;
  EXPECT_FALSE(settings_of(c, "", {Node::backup, {}, {}}));
  const auto alone = settings_of(c, "", {Node::primary, {}, {}});
  ASSERT_TRUE(alone);
  EXPECT_TRUE(alone->alone);
  EXPECT_TRUE(alone->paths.empty());
}

TEST(Settings, APairNeedsBothAddresses) {
  config::Config c = pair();
  c.backup.reset();
  EXPECT_FALSE(settings_of(c, "", {Node::primary, {}, {}}));
}

}  // namespace
}  // namespace lvs::pulse
