#include "lvsd/sync_daemons.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using ipvs::DaemonRole;
using testing::ElementsAre;
using testing::IsEmpty;

const std::optional<bool> kActive = true, kStandby = false, kUnsaid;

config::Config synchronised(int id = 7) {
  config::Config config;
  config.core = config::CoreKind::kernel;
  config.syncdaemon = true;
  config.syncd_iface = "eth1";
  config.syncd_id = id;
  return config;
}

ipvs::SyncDaemon daemon(DaemonRole role, uint32_t id = 7, const std::string& interface = "eth1") {
  ipvs::SyncDaemon daemon;
  daemon.role = role;
  daemon.interface = interface;
  daemon.sync_id = id;
  return daemon;
}

// As ip_vs reports one that runs: with what it had no word about filled in.
ipvs::SyncDaemon running(ipvs::SyncDaemon daemon) {
  daemon.max_length = 1472;
  daemon.group = address("224.0.0.81");
  daemon.port = 8848;
  daemon.ttl = 1;
  return daemon;
}

ipvs::Request start(const ipvs::SyncDaemon& daemon) {
  return ipvs::NewDaemon{daemon};
}
ipvs::Request stop(DaemonRole role) {
  return ipvs::DelDaemon{role};
}

TEST(SyncDaemons, TheActiveSendsAndTheStandbyTakesIn) {
  EXPECT_THAT(plan_daemons({}, {}, synchronised(), kActive),
              ElementsAre(start(daemon(DaemonRole::master))));
  EXPECT_THAT(plan_daemons({}, {}, synchronised(), kStandby),
              ElementsAre(start(daemon(DaemonRole::backup))));
}

TEST(SyncDaemons, ARoleThatChangesStopsTheOtherFirst) {
  EXPECT_THAT(plan_daemons({running(daemon(DaemonRole::backup))}, {}, synchronised(), kActive),
              ElementsAre(stop(DaemonRole::backup), start(daemon(DaemonRole::master))));
}

TEST(SyncDaemons, TheWantedOneThatRunsStays) {
  EXPECT_THAT(plan_daemons({running(daemon(DaemonRole::master))}, {}, synchronised(), kActive),
              IsEmpty());
}

TEST(SyncDaemons, UntilTheRoleIsSaidTheyStayAsTheyAre) {
  const auto master = running(daemon(DaemonRole::master));
  EXPECT_THAT(plan_daemons({master}, {master}, synchronised(), kUnsaid), IsEmpty());
}

TEST(SyncDaemons, ThoseOfOthersAreLeftAlone) {
  const auto foreign = running(daemon(DaemonRole::backup, 99));
  EXPECT_THAT(plan_daemons({foreign}, {}, synchronised(), kActive),
              ElementsAre(start(daemon(DaemonRole::master))));
  config::Config without;
  without.core = config::CoreKind::kernel;
  EXPECT_THAT(plan_daemons({foreign}, {}, without, kActive), IsEmpty());
}

TEST(SyncDaemons, AnotherIdOrDeviceReplacesTheOneThatWeStarted) {
  const auto old = daemon(DaemonRole::master, 7);
  EXPECT_THAT(plan_daemons({running(old)}, {old}, synchronised(8), kActive),
              ElementsAre(stop(DaemonRole::master), start(daemon(DaemonRole::master, 8))));
  EXPECT_THAT(
      plan_daemons({running(daemon(DaemonRole::master, 7, "eth0"))}, {}, synchronised(), kActive),
      ElementsAre(stop(DaemonRole::master), start(daemon(DaemonRole::master))));
}

TEST(SyncDaemons, SwitchedOffTheOneThatWeStartedStops) {
  auto config = synchronised();
  config.syncdaemon = false;
  const auto master = daemon(DaemonRole::master);
  EXPECT_THAT(plan_daemons({running(master)}, {master}, config, kUnsaid),
              ElementsAre(stop(DaemonRole::master)));
  EXPECT_THAT(plan_daemons({running(master)}, {}, config, kActive), IsEmpty());
}

TEST(SyncDaemons, TheEmbeddedCoreHasNone) {
  auto config = synchronised();
  config.core = config::CoreKind::embedded;
  EXPECT_THAT(plan_daemons({}, {}, config, kActive), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
