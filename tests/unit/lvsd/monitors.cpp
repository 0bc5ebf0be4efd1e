#include "lvsd/monitors.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::VariantWith;

config::VirtualService web_on(uint16_t port, int servers) {
  auto service = web(servers);
  service.port = port;
  service.check = config::TcpConnect{};
  return service;
}

TEST(Monitors, EachServerGetsOne) {
  const auto set = monitors_for(with({web(2)}), {});
  ASSERT_THAT(set.monitors, SizeIs(2));
  EXPECT_EQ(set.monitors.at(1).target, (Endpoint{address("10.0.0.1"), 80}));
  EXPECT_EQ(set.monitor_of.at({web_key(), server_at(2)}), 2U);
}

TEST(Monitors, ServicesShareAMonitorOfTheSameTargetAndCheck) {
  const auto set = monitors_for(with({web_on(80, 1), web_on(8080, 1)}), {});
  EXPECT_THAT(set.monitors, SizeIs(1));
  EXPECT_THAT(set.servers_of.at(1), SizeIs(2));
}

TEST(Monitors, AnotherCheckOfTheSameTargetIsAnotherMonitor) {
  auto other = web_on(8080, 1);
  other.check = config::HttpCheck{};
  auto slower = web_on(8081, 1);
  slower.timeout = std::chrono::seconds{33};
  EXPECT_THAT(monitors_for(with({web_on(80, 1), other, slower}), {}).monitors, SizeIs(3));
}

// IPVS may be told port 0 (the client's port stays); a monitor still needs a real one.
TEST(Monitors, MarkServiceIsProbedOnTheServersPort) {
  auto service = web(1);
  service.fwmark = 80;
  service.mark_ports = {{"tcp", {{80, 80}, {443, 443}}}};
  EXPECT_EQ(monitors_for(with({service}), {}).monitors.at(1).target.port, 80);
}

TEST(Monitors, ServiceWithoutACheckHasNone) {
  auto service = web_on(80, 2);
  service.check = config::NamedCheck{config::kNoCheck, {}};
  EXPECT_TRUE(monitors_for(with({service}), {}).monitors.empty());
}

TEST(Monitors, KeepTheirIdsAcrossAReload) {
  const auto before = monitors_for(with({web(3)}), {});
  auto smaller = web(3);
  smaller.servers.erase(smaller.servers.begin());
  smaller.servers.push_back(real_server(9));
  const auto after = monitors_for(with({smaller}), before);
  EXPECT_EQ(after.monitor_of.at({web_key(), server_at(2)}), 2U);
  EXPECT_EQ(after.monitor_of.at({web_key(), server_at(3)}), 3U);
  EXPECT_EQ(after.monitor_of.at({web_key(), server_at(9)}), 4U);
  EXPECT_THAT(orders(before, after),
              ElementsAre(VariantWith<RemoveMonitor>(RemoveMonitor{1}),
                          VariantWith<SetMonitor>(SetMonitor{4, after.monitors.at(4)})));
}

TEST(Monitors, NewTimingsKeepTheId) {
  const auto before = monitors_for(with({web(1)}), {});
  auto slower = web(1);
  slower.interval = std::chrono::seconds{60};
  const auto after = monitors_for(with({slower}), before);
  EXPECT_THAT(orders(before, after),
              ElementsAre(VariantWith<SetMonitor>(SetMonitor{1, after.monitors.at(1)})));
}

TEST(Monitors, MonitorWithNewTimingsDoesNotTakeTheIdOfOneThatStays) {
  auto slow = web_on(8080, 1);
  slow.interval = std::chrono::seconds{60};
  const auto before = monitors_for(with({web_on(80, 1), slow}), {});
  // The first service now has the slow one's neighbour: another timing, listed first.
  auto changed = web_on(80, 1);
  changed.interval = std::chrono::seconds{5};
  const auto after = monitors_for(with({changed, slow}), before);
  const ServerId slow_server{ipvs::AddressKey{ipvs::Protocol::tcp, address("192.0.2.1"), 8080},
                             server_at(1)};
  EXPECT_EQ(after.monitor_of.at(slow_server), before.monitor_of.at(slow_server));
  EXPECT_THAT(orders(before, after), SizeIs(1));
}

TEST(Monitors, NothingChangedNothingOrdered) {
  const auto before = monitors_for(with({web(5)}), {});
  EXPECT_THAT(orders(before, monitors_for(with({web(5)}), before)), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
