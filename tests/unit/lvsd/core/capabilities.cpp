// What is said of the embedded core is what its table takes, and nothing else.
#include "common/ipvs/capabilities.h"

#include <gtest/gtest.h>

#include "lvsd/core/hash_tables.h"
#include "lvsd/core/layout.h"
#include "lvsd/core/schedulers.h"
#include "lvsd/core/table.h"

namespace lvs::core {
namespace {

Address address_of(Family family) {
  return *Address::parse(family == Family::v4 ? "192.0.2.100" : "2001:db8::100");
}

ipvs::ServiceKey service_of(Family family, ipvs::Protocol protocol = ipvs::Protocol::tcp) {
  return ipvs::AddressKey{protocol, address_of(family), 80};
}

bool takes(const ipvs::ServiceKey& key, const ipvs::Service& service = {}) {
  return bool(Table().prepare(ipvs::NewService{key, service}));
}

TEST(Capabilities, Protocols) {
  for (const auto& protocol : ipvs::kProtocols) {
    EXPECT_TRUE(takes(service_of(Family::v4, protocol.protocol))) << protocol.name;
    EXPECT_TRUE(takes(service_of(Family::v6, protocol.protocol))) << protocol.name;
  }
}

TEST(Capabilities, SchedulersAndTheirTables) {
  for (const auto& scheduler : ipvs::kSchedulers) {
    EXPECT_TRUE(takes(service_of(Family::v4), {.scheduler = scheduler.name})) << scheduler.name;
    const auto* known = find_scheduler(std::string(scheduler.name));
    ASSERT_NE(known, nullptr) << scheduler.name;
    const size_t slots = known->table == nullptr ? 0 : known->table({}).size();
    EXPECT_EQ(slots, scheduler.hash_slots) << scheduler.name;
  }
}

TEST(Capabilities, ForwardingMethods) {
  const auto key = service_of(Family::v4);
  Table table;
  table.commit(*table.prepare(ipvs::NewService{key, {}}), {});
  for (const auto& forward : ipvs::kForwards) {
    const ipvs::DestKey server{*Address::parse("10.0.0.1"), 80};
    const auto change = table.prepare(ipvs::NewDest{key, server, {.forward = forward.forward}});
    EXPECT_TRUE(bool(change)) << forward.name;
  }
}

TEST(Capabilities, Numbers) {
  EXPECT_EQ(Limits{}.services, ipvs::kEmbeddedServices);
  EXPECT_EQ(Limits{}.servers, ipvs::kEmbeddedServers);
  EXPECT_EQ(LVS_DESTS_PER_SERVICE_MAX, ipvs::kEmbeddedServersOfService);
  EXPECT_EQ(LVS_SLOTS_MAX, ipvs::kEmbeddedSlots);
  EXPECT_EQ(LVS_SLICE_SLOTS, ipvs::kEmbeddedSlotsOfService);
}

TEST(Capabilities, DeniedPrefixes) {
  EXPECT_EQ(LVS_DENIED_MAX, ipvs::kEmbeddedDenied);
}

}  // namespace
}  // namespace lvs::core
