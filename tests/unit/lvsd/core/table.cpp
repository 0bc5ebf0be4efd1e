// The table's commands: order, errno, trash. What ip_vs does, one story each.
#include "lvsd/core/table.h"

#include <gmock/gmock.h>

#include <climits>

namespace lvs::core {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const TimePoint t0{};
const ipvs::ServiceKey kWeb =
    ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("192.0.2.100"), 80};
const ipvs::ServiceKey kMark = ipvs::MarkKey{80, Family::v4};

ipvs::DestKey server(const std::string& address) {
  return {*Address::parse(address), 80};
}
const auto kA = server("10.0.0.1");
const auto kB = server("10.0.0.2");

template <typename T>
int code(const Result<T>& result) {
  return result ? 0 : result.error().code;
}

struct TableTest : ::testing::Test {
  Table table;
  void SetUp() override { ASSERT_TRUE(table.new_service(kWeb, {.scheduler = "wlc"})); }
};

TEST_F(TableTest, TheNewestServerComesFirstAndEditingMovesNothing) {
  ASSERT_TRUE(table.new_dest(kWeb, kA, {}));
  ASSERT_TRUE(table.new_dest(kWeb, kB, {}));
  ASSERT_TRUE(table.set_dest(kWeb, kA, {.weight = 7}));
  const auto& servers = table.find(kWeb)->servers;
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].key, kB);
  EXPECT_EQ(servers[1].key, kA);
  EXPECT_EQ(servers[1].dest.weight, 7);
}

TEST_F(TableTest, UnknownServiceIsEsrchForEveryCommandButNew) {
  EXPECT_EQ(code(table.set_service(kMark, {}, ~0U)), ESRCH);
  EXPECT_EQ(code(table.del_service(kMark, t0)), ESRCH);
  EXPECT_EQ(code(table.new_dest(kMark, kA, {})), ESRCH);
  EXPECT_EQ(code(table.set_dest(kMark, kA, {})), ESRCH);
  EXPECT_EQ(code(table.del_dest(kMark, kA, t0)), ESRCH);
}

TEST_F(TableTest, TwiceIsEexistAndUnknownServerIsEnoent) {
  ASSERT_TRUE(table.new_dest(kWeb, kA, {}));
  EXPECT_EQ(code(table.new_service(kWeb, {})), EEXIST);
  EXPECT_EQ(code(table.new_dest(kWeb, kA, {})), EEXIST);
  EXPECT_EQ(code(table.set_dest(kWeb, kB, {})), ENOENT);
  EXPECT_EQ(code(table.del_dest(kWeb, kB, t0)), ENOENT);
}

TEST_F(TableTest, ValuesOutOfRangeAnswerAsTheKernel) {
  EXPECT_EQ(code(table.new_dest(kWeb, kA, {.weight = -1})), ERANGE);
  EXPECT_EQ(code(table.new_dest(kWeb, kA, {.upper_threshold = 0, .lower_threshold = 1})), ERANGE);
  EXPECT_EQ(code(table.new_dest(kWeb, kA, {.upper_threshold = uint32_t{INT_MAX} + 1})), EINVAL);
  EXPECT_EQ(code(table.new_dest(kWeb, server("224.0.0.1"), {})), EINVAL);
  EXPECT_EQ(code(table.new_dest(kWeb, {*Address::parse("fd00::1"), 80}, {})), EINVAL);
  EXPECT_EQ(code(table.new_service(kMark, {.scheduler = "nosuch"})), ENOENT);
  EXPECT_EQ(code(table.new_service(ipvs::MarkKey{80, Family::v6}, {})), EAFNOSUPPORT);
  EXPECT_EQ(code(table.new_dest(kWeb, kA, {.forward = ipvs::Forward::tunnel})), EOPNOTSUPP);
  EXPECT_TRUE(table.find(kWeb)->servers.empty()) << "a refused server leaves no trace";
}

TEST_F(TableTest, FlagsUnderTheMaskChangeTheOthersStay) {
  ASSERT_TRUE(table.set_service(kWeb, {.flags = ipvs::kPersistent | ipvs::kHashed}, ~0U));
  EXPECT_EQ(table.find(kWeb)->service.flags, ipvs::kPersistent);
  ASSERT_TRUE(table.set_service(kWeb, {.flags = ipvs::kSched1}, ipvs::kSched1));
  EXPECT_EQ(table.find(kWeb)->service.flags, ipvs::kPersistent | ipvs::kSched1);
}

TEST_F(TableTest, AServerThatComesBackIsTheSameOneAtTheHead) {
  const auto added = table.new_dest(kWeb, kA, {});
  ASSERT_TRUE(table.new_dest(kWeb, kB, {}));
  ASSERT_TRUE(table.del_dest(kWeb, kA, t0));
  const auto again = table.new_dest(kWeb, kA, {});
  EXPECT_EQ(again->servers, added->servers);
  EXPECT_TRUE(again->fresh_servers.empty()) << "its counters stay";
  EXPECT_EQ(table.find(kWeb)->servers[0].key, kA);
}

TEST_F(TableTest, TheTrashIsEmptiedAfterTwoMinutesAndOnlyOfTheIdle) {
  const auto a = table.new_dest(kWeb, kA, {})->servers[0];
  const auto b = table.new_dest(kWeb, kB, {})->servers[0];
  ASSERT_TRUE(table.del_service(kWeb, t0));
  const auto all_idle = [](uint32_t) { return true; };
  EXPECT_THAT(table.collect(t0 + 119s, all_idle).servers_freed, ElementsAre());
  EXPECT_THAT(table.collect(t0 + 120s, [&](uint32_t id) { return id == a; }).servers_freed,
              ElementsAre(a));
  EXPECT_TRUE(table.trash().contains(b));
}

TEST_F(TableTest, AnIdInTheTrashIsNotGivenToAnother) {
  const auto a = table.new_dest(kWeb, kA, {})->servers[0];
  ASSERT_TRUE(table.del_dest(kWeb, kA, t0));
  EXPECT_NE(table.new_dest(kWeb, kB, {})->servers[0], a);
}

TEST_F(TableTest, FlushRemovesEveryServiceAndTrashesItsServers) {
  ASSERT_TRUE(table.new_service(kMark, {}));
  ASSERT_TRUE(table.new_dest(kWeb, kA, {}));
  const auto changes = table.flush(t0);
  EXPECT_EQ(changes.services_gone.size(), 2U);
  EXPECT_EQ(changes.servers_gone.size(), 1U);
  EXPECT_TRUE(table.services().empty());
}

}  // namespace
}  // namespace lvs::core
