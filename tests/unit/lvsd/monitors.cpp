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

// A reload of everything, from `set` to what `config` wants.
MonitorSet::Update update(MonitorSet& set, const config::Config& config) {
  const auto services = active_services(config);
  std::set<ipvs::ServiceKey> all;
  for (const auto& server : set.servers()) {
    all.insert(server.service);
  }
  for (const auto& [key, service] : services) {
    all.insert(key);
  }
  return set.update(services, all);
}

MonitorSet monitors_for(const config::Config& config) {
  MonitorSet set;
  update(set, config);
  return set;
}

TEST(Monitors, EachServerGetsOne) {
  const auto set = monitors_for(with({web(2)}));
  ASSERT_THAT(set.watched(), SizeIs(2));
  EXPECT_EQ(set.watched().at(1).monitor.target, (Endpoint{address("10.0.0.1"), 80}));
  EXPECT_EQ(set.monitor_of({web_key(), server_at(2)}), 2U);
}

TEST(Monitors, ServicesShareAMonitorOfTheSameTargetAndCheck) {
  const auto set = monitors_for(with({web_on(80, 1), web_on(8080, 1)}));
  EXPECT_THAT(set.watched(), SizeIs(1));
  EXPECT_THAT(set.watched().at(1).servers, SizeIs(2));
}

TEST(Monitors, AnotherCheckOfTheSameTargetIsAnotherMonitor) {
  auto other = web_on(8080, 1);
  other.check = config::HttpCheck{};
  auto slower = web_on(8081, 1);
  slower.timeout = std::chrono::seconds{33};
  EXPECT_THAT(monitors_for(with({web_on(80, 1), other, slower})).watched(), SizeIs(3));
}

// IPVS may be told port 0 (the client's port stays); a monitor still needs a real one.
TEST(Monitors, MarkServiceIsProbedOnTheServersPort) {
  auto service = web(1);
  service.fwmark = 80;
  service.mark_ports = {{"tcp", {{80, 80}, {443, 443}}}};
  EXPECT_EQ(monitors_for(with({service})).watched().at(1).monitor.target.port, 80);
}

TEST(Monitors, ServiceWithoutACheckHasNone) {
  auto service = web_on(80, 2);
  service.check = config::NamedCheck{config::kNoCheck, {}};
  EXPECT_TRUE(monitors_for(with({service})).watched().empty());
}

TEST(Monitors, KeepTheirIdsAcrossAReload) {
  auto set = monitors_for(with({web(3)}));
  auto smaller = web(3);
  smaller.servers.erase(smaller.servers.begin());
  smaller.servers.push_back(real_server(9));
  const auto changes = update(set, with({smaller}));
  EXPECT_EQ(set.monitor_of({web_key(), server_at(2)}), 2U);
  EXPECT_EQ(set.monitor_of({web_key(), server_at(3)}), 3U);
  EXPECT_EQ(set.monitor_of({web_key(), server_at(9)}), 4U);
  EXPECT_THAT(changes.orders,
              ElementsAre(VariantWith<RemoveMonitor>(RemoveMonitor{1}),
                          VariantWith<SetMonitor>(SetMonitor{4, set.watched().at(4).monitor})));
  EXPECT_THAT(changes.added, ElementsAre(ServerId{web_key(), server_at(9)}));
}

TEST(Monitors, NewTimingsKeepTheId) {
  auto set = monitors_for(with({web(1)}));
  auto slower = web(1);
  slower.interval = std::chrono::seconds{60};
  const auto changes = update(set, with({slower}));
  EXPECT_THAT(changes.orders,
              ElementsAre(VariantWith<SetMonitor>(SetMonitor{1, set.watched().at(1).monitor})));
  EXPECT_EQ(set.watched().at(1).monitor.interval, std::chrono::seconds{60});
  EXPECT_THAT(changes.added, IsEmpty());
}

TEST(Monitors, MonitorWithNewTimingsDoesNotTakeTheIdOfOneThatStays) {
  auto slow = web_on(8080, 1);
  slow.interval = std::chrono::seconds{60};
  auto set = monitors_for(with({web_on(80, 1), slow}));
  // The first service now has the slow one's neighbour: another timing, listed first.
  auto changed = web_on(80, 1);
  changed.interval = std::chrono::seconds{5};
  const ServerId slow_server{ipvs::AddressKey{ipvs::Protocol::tcp, address("192.0.2.1"), 8080},
                             server_at(1)};
  const auto before = set.monitor_of(slow_server);
  const auto changes = update(set, with({changed, slow}));
  EXPECT_EQ(set.monitor_of(slow_server), before);
  EXPECT_THAT(changes.orders, SizeIs(1));
}

TEST(Monitors, NothingChangedNothingOrdered) {
  auto set = monitors_for(with({web(5)}));
  EXPECT_THAT(update(set, with({web(5)})).orders, IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
