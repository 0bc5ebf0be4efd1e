#include "lvsd/host_settings.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

const std::optional<bool> kActive = true, kStandby = false, kUnsaid;
const Sysctl kForward{"net/ipv4/ip_forward", "1"};
const Sysctl kForwardV6{"net/ipv6/conf/all/forwarding", "1"};
const Sysctl kExpireNodest{"net/ipv4/vs/expire_nodest_conn", "1"};
const Sysctl kExpireTemplate{"net/ipv4/vs/expire_quiescent_template", "1"};
const Sysctl kReuse{"net/ipv4/vs/conn_reuse_mode", "1"};

config::Config on_the_kernel(std::vector<config::VirtualService> services) {
  auto config = with(std::move(services));
  config.core = config::CoreKind::kernel;
  return config;
}

TEST(HostSettings, TheEmbeddedCoreTakesTheSettingsOfIpVs) {
  EXPECT_THAT(host_settings(with({web()}), kActive, {}),
              UnorderedElementsAre(kForward, kExpireNodest, kReuse));
  auto persistent = web();
  persistent.persistent = 300s;
  EXPECT_THAT(host_settings(with({persistent}), kActive, {}), Contains(kExpireTemplate));
}

TEST(HostSettings, TheEmbeddedCoreNeedsForwardingForDirectRoutingToo) {
  auto service = web(1);
  service.forward = ipvs::Forward::direct;
  EXPECT_THAT(host_settings(with({service}), kActive, {}), Contains(kForward));
}

TEST(HostSettings, TheEmbeddedCoreHasNoSyncToWaitFor) {
  auto config = with({web(2)});
  config.syncdaemon = true;
  EXPECT_THAT(host_settings(config, kStandby, {address("10.0.0.1")}),
              Not(Contains(Sysctl{"net/ipv4/vs/backup_only", "1"})));
}

TEST(HostSettings, ByNatTheKernelNeedsForwardingToo) {
  EXPECT_THAT(host_settings(on_the_kernel({web()}), kActive, {}),
              UnorderedElementsAre(kForward, kExpireNodest, kReuse));
}

TEST(HostSettings, DirectAndTunnelNeedNoForwarding) {
  auto service = web(2);
  service.forward = ipvs::Forward::direct;
  service.servers[1].forward = ipvs::Forward::tunnel;
  EXPECT_THAT(host_settings(on_the_kernel({service}), kActive, {}), Not(Contains(kForward)));
  service.servers[1].forward = ipvs::Forward::masq;
  EXPECT_THAT(host_settings(on_the_kernel({service}), kActive, {}), Contains(kForward));
}

TEST(HostSettings, ForwardingIsPerFamily) {
  auto service = web(1);
  service.address = config::FloatingAddress{address("2001:db8::1"), "eth0", "eth0:1", {}};
  service.servers[0].address = address("2001:db8::2");
  const auto settings = host_settings(on_the_kernel({service}), kActive, {});
  EXPECT_THAT(settings, Contains(kForwardV6));
  EXPECT_THAT(settings, Not(Contains(kForward)));
}

TEST(HostSettings, PersistentClientsLeaveAServerThatIsDown) {
  auto service = web();
  service.persistent = 300s;
  EXPECT_THAT(host_settings(on_the_kernel({service}), kActive, {}), Contains(kExpireTemplate));
}

TEST(HostSettings, AStandbyThatIsAServerItselfOnlyTakesConnectionsIn) {
  auto config = on_the_kernel({web(2)});
  const std::set<Address> own{address("10.0.0.1")};
  const Sysctl on{"net/ipv4/vs/backup_only", "1"}, off{"net/ipv4/vs/backup_only", "0"};
  config.syncdaemon = true;
  EXPECT_THAT(host_settings(config, kStandby, own), Contains(on));
  EXPECT_THAT(host_settings(config, kActive, own), Contains(off));
  for (const auto& settings : {host_settings(config, kUnsaid, own),
                               host_settings(config, kStandby, {address("10.9.9.9")})}) {
    EXPECT_THAT(settings, Not(Contains(on)));
    EXPECT_THAT(settings, Not(Contains(off)));
  }
}

TEST(HostSettings, ExpressIsForTheEmbeddedCoreAlone) {
  auto config = on_the_kernel({web()});
  const Sysctl express{"net/ipv4/vs/express", "1"};
  config.first_packet = config::FirstPacket::express;
  EXPECT_THAT(host_settings(config, kActive, {}), Not(Contains(express)));
  config.core = config::CoreKind::embedded;
  EXPECT_THAT(host_settings(config, kActive, {}), Contains(express));
  config.first_packet = config::FirstPacket::stack;
  EXPECT_THAT(host_settings(config, kActive, {}), Not(Contains(express)));
}

TEST(HostSettings, TheDefenceIsAsLvsCfSaysInEitherCore) {
  for (auto config : {with({web()}), on_the_kernel({web()})}) {
    const auto without = host_settings(config, kActive, {});
    config.drop_entry = 0;
    config.drop_packet = 1;
    config.secure_tcp = 3;
    config.am_droprate = 20;
    config.amemthresh = 4096;
    auto settings = host_settings(config, kActive, {});
    for (const auto& each : without) {
      EXPECT_EQ(std::erase(settings, each), 1U);
    }
    EXPECT_THAT(settings, UnorderedElementsAre(Sysctl{"net/ipv4/vs/drop_entry", "0"},
                                               Sysctl{"net/ipv4/vs/drop_packet", "1"},
                                               Sysctl{"net/ipv4/vs/secure_tcp", "3"},
                                               Sysctl{"net/ipv4/vs/am_droprate", "20"},
                                               Sysctl{"net/ipv4/vs/amemthresh", "4096"}));
  }
}

TEST(HostSettings, ADefenceThatWentOnByItselfIsAsItWasSet) {
  EXPECT_TRUE(is_as_set({"net/ipv4/vs/drop_entry", "1"}, "2")) << "a shortage";
  EXPECT_TRUE(is_as_set({"net/ipv4/vs/drop_entry", "1"}, "1"));
  EXPECT_FALSE(is_as_set({"net/ipv4/vs/drop_entry", "1"}, "3"));
  EXPECT_FALSE(is_as_set({"net/ipv4/vs/drop_entry", "3"}, "2"));
  EXPECT_FALSE(is_as_set({"net/ipv4/vs/conn_reuse_mode", "1"}, "2"));
  EXPECT_FALSE(is_as_set({"net/ipv4/vs/am_droprate", "1"}, "2"));
}

TEST(HostSettings, WithoutServicesNothingIsNeeded) {
  EXPECT_THAT(host_settings(on_the_kernel({}), kActive, {}), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
