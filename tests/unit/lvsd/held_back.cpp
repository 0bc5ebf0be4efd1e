#include "lvsd/held_back.h"

#include <gmock/gmock.h>

#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

const std::optional<bool> kActive = true, kStandby = false, kUnsaid;

// Of the services `web` and `mail` only the first has the server 10.0.0.1.
config::Config two_services() {
  auto mail = web(0);
  mail.name = "mail";
  mail.port = 25;
  mail.servers = {real_server(3)};
  auto config = with({web(2), mail});
  config.core = config::CoreKind::kernel;
  return config;
}

Desired wanted_of(const config::Config& config, std::optional<bool> role,
                  const ipvs::Table& actual = {}) {
  Desired wanted = desired(config, all(config, Health::up), actual);
  hold_back(config, {address("127.0.0.1"), address("10.0.0.1")}, role, actual, wanted);
  return wanted;
}

TEST(HeldBack, AStandbyKeepsOutWhatItServesItself) {
  const Desired wanted = wanted_of(two_services(), kStandby);
  EXPECT_FALSE(wanted.table.contains(web_key()));
  EXPECT_EQ(wanted.table.size(), 1U);
  EXPECT_THAT(wanted.held_back, UnorderedElementsAre(Pair(web_key(), address("10.0.0.1"))));
}

TEST(HeldBack, TheActiveHoldsNothingBack) {
  const Desired wanted = wanted_of(two_services(), kActive);
  EXPECT_EQ(wanted.table.size(), 2U);
  EXPECT_THAT(wanted.held_back, IsEmpty());
}

TEST(HeldBack, UntilTheRoleIsSaidTheTableDecides) {
  EXPECT_FALSE(wanted_of(two_services(), kUnsaid).table.contains(web_key()));
  const ipvs::Table actual{{web_key(), {}}};
  EXPECT_TRUE(wanted_of(two_services(), kUnsaid, actual).table.contains(web_key()));
}

TEST(HeldBack, TheEmbeddedCoreHasASwitchInstead) {
  auto config = two_services();
  config.core = config::CoreKind::embedded;
  EXPECT_EQ(wanted_of(config, kStandby).table.size(), 2U);
}

TEST(HeldBack, AFloatingAddressIsADirectorsToo) {
  auto service = web(1);
  service.servers[0].address = address("192.0.2.1");
  EXPECT_THAT(served_by_directors(with({service}), {}),
              UnorderedElementsAre(Pair(web_key(), address("192.0.2.1"))));
}

TEST(HeldBack, ASorryServerCountsAsAServer) {
  auto service = web(1);
  service.sorry_server = address("10.0.0.9");
  EXPECT_THAT(served_by_directors(with({service}), {address("10.0.0.9")}),
              UnorderedElementsAre(Pair(web_key(), address("10.0.0.9"))));
}

// Each director is 127.0.0.1 to itself only: the peer never sends to it.
TEST(HeldBack, LoopbackAndUnusedServersDoNotCount) {
  auto service = web(2);
  service.servers[0].address = address("127.0.0.1");
  service.servers[1].active = false;
  EXPECT_THAT(served_by_directors(with({service}), {address("127.0.0.1"), address("10.0.0.2")}),
              IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsd
