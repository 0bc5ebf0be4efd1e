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

// Prepares a command and commits it, as the shell does when its writes succeed.
struct TableTest : ::testing::Test {
  Table table;

  template <typename Command>
  int run(const Command& command, TimePoint now = t0) {
    const auto change = table.prepare(command);
    if (change) {
      table.commit(*change, now);
    }
    return change ? 0 : change.error().code;
  }
  int add(const ipvs::DestKey& key, const ipvs::Dest& dest = {}) {
    return run(ipvs::NewDest{kWeb, key, dest});
  }
  int remove(const ipvs::DestKey& key) { return run(ipvs::DelDest{kWeb, key}); }

  const ServiceEntry& web() const { return *table.find(kWeb); }
  std::vector<ipvs::DestKey> listed() const {
    std::vector<ipvs::DestKey> keys;
    for (const auto& [place, server] : web().servers) {
      keys.push_back(server.key);
    }
    return keys;
  }
  uint32_t id_of(const ipvs::DestKey& key) const {
    return web().servers.at(web().places.at(key)).id;
  }

  void SetUp() override { ASSERT_EQ(run(ipvs::NewService{kWeb, {.scheduler = "wlc"}}), 0); }
};

TEST_F(TableTest, TheNewestServerComesFirstAndEditingMovesNothing) {
  add(kA);
  add(kB);
  ASSERT_EQ(run(ipvs::SetDest{kWeb, kA, {.weight = 7}}), 0);
  EXPECT_THAT(listed(), ElementsAre(kB, kA));
  EXPECT_EQ(web().servers.rbegin()->second.dest.weight, 7);
}

TEST_F(TableTest, ACommandThatIsOnlyPreparedChangesNothing) {
  add(kA);
  const auto before = table.services();
  ASSERT_TRUE(table.prepare(ipvs::NewService{kMark, {}}));
  ASSERT_TRUE(table.prepare(ipvs::SetService{kWeb, {.scheduler = "rr"}}));
  ASSERT_TRUE(table.prepare(ipvs::NewDest{kWeb, kB, {}}));
  ASSERT_TRUE(table.prepare(ipvs::SetDest{kWeb, kA, {.weight = 7}}));
  ASSERT_TRUE(table.prepare(ipvs::DelDest{kWeb, kA}));
  ASSERT_TRUE(table.prepare(ipvs::DelService{kWeb}));
  ASSERT_TRUE(table.prepare(ipvs::Flush{}));
  EXPECT_EQ(table.services(), before);
  EXPECT_TRUE(table.trash().empty());
}

TEST_F(TableTest, UnknownServiceIsEsrchForEveryCommandButNew) {
  EXPECT_EQ(run(ipvs::SetService{kMark, {}}), ESRCH);
  EXPECT_EQ(run(ipvs::DelService{kMark}), ESRCH);
  EXPECT_EQ(run(ipvs::NewDest{kMark, kA, {}}), ESRCH);
  EXPECT_EQ(run(ipvs::SetDest{kMark, kA, {}}), ESRCH);
  EXPECT_EQ(run(ipvs::DelDest{kMark, kA}), ESRCH);
}

TEST_F(TableTest, TwiceIsEexistAndUnknownServerIsEnoent) {
  add(kA);
  EXPECT_EQ(run(ipvs::NewService{kWeb, {}}), EEXIST);
  EXPECT_EQ(add(kA), EEXIST);
  EXPECT_EQ(run(ipvs::SetDest{kWeb, kB, {}}), ENOENT);
  EXPECT_EQ(remove(kB), ENOENT);
}

TEST_F(TableTest, AServiceOfIPv6TakesItsOwnKindOfServersAndMasks) {
  const ipvs::ServiceKey web6 =
      ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse("2001:db8::100"), 80};
  EXPECT_EQ(run(ipvs::NewService{web6, {.prefix = 129}}), EINVAL);
  EXPECT_EQ(run(ipvs::NewService{web6, {.prefix = 64}}), 0);
  EXPECT_EQ(run(ipvs::NewService{ipvs::MarkKey{80, Family::v6}, {.prefix = 128}}), 0);
  const auto refused = [&](const char* address) {
    return run(ipvs::NewDest{web6, {*Address::parse(address), 80}, {}});
  };
  EXPECT_EQ(refused("10.0.0.2"), EINVAL) << "the other family";
  EXPECT_EQ(refused("ff02::1"), EINVAL);
  EXPECT_EQ(refused("::"), EINVAL);
  EXPECT_EQ(refused("fe80::1"), EINVAL) << "names no device";
  EXPECT_EQ(refused("fd00::2"), 0);
}

TEST_F(TableTest, ValuesOutOfRangeAnswerAsTheKernel) {
  EXPECT_EQ(add(kA, {.weight = -1}), ERANGE);
  EXPECT_EQ(add(kA, {.upper_threshold = 0, .lower_threshold = 1}), ERANGE);
  EXPECT_EQ(add(kA, {.upper_threshold = uint32_t{INT_MAX} + 1}), EINVAL);
  EXPECT_EQ(add(server("224.0.0.1")), EINVAL);
  EXPECT_EQ(add({*Address::parse("fd00::1"), 80}), EINVAL);
  EXPECT_EQ(run(ipvs::NewService{kMark, {.scheduler = "nosuch"}}), ENOENT);
  EXPECT_EQ(run(ipvs::NewService{kMark, {.prefix = 33}}), EINVAL);
  EXPECT_EQ(add(kA, {.forward = ipvs::Forward::bypass}), EOPNOTSUPP);
  EXPECT_EQ(add(kA, {.forward = ipvs::Forward::tunnel,
                     .tunnel_type = ipvs::TunnelType::gue,
                     .tunnel_port = 6080,
                     .tunnel_flags = 1}),
            EOPNOTSUPP)
      << "checksums of the tunnel's own";
  EXPECT_TRUE(web().servers.empty()) << "a refused server leaves no trace";
}

TEST_F(TableTest, MoreThanThereIsRoomForIsEnomem) {
  table = Table({.services = 1, .servers = 2});
  ASSERT_EQ(run(ipvs::NewService{kWeb, {}}), 0);
  EXPECT_EQ(run(ipvs::NewService{kMark, {}}), ENOMEM);
  ASSERT_EQ(add(kA), 0);
  ASSERT_EQ(add(kB), 0);
  EXPECT_EQ(add(server("10.0.0.3")), ENOMEM);
  ASSERT_EQ(remove(kA), 0);
  EXPECT_EQ(add(server("10.0.0.3")), ENOMEM) << "its connections still have the removed one's id";
  EXPECT_EQ(add(kA), 0) << "which it gets back";
}

TEST_F(TableTest, FlagsUnderTheMaskChangeTheOthersStay) {
  run(ipvs::SetService{kWeb, {.flags = ipvs::kPersistent | ipvs::kHashed}});
  EXPECT_EQ(web().service.flags, ipvs::kPersistent);
  run(ipvs::SetService{kWeb, {.flags = ipvs::kSched1}, ipvs::kSched1});
  EXPECT_EQ(web().service.flags, ipvs::kPersistent | ipvs::kSched1);
}

TEST_F(TableTest, AServerThatComesBackIsTheSameOneAtTheHead) {
  add(kA);
  add(kB);
  const auto id = id_of(kA);
  remove(kA);
  const auto again = table.prepare(ipvs::NewDest{kWeb, kA, {}});
  EXPECT_EQ(std::get<PutServer>(*again).arrival, Arrival::from_trash) << "its counters stay";
  add(kA);
  EXPECT_EQ(id_of(kA), id);
  EXPECT_THAT(listed(), ElementsAre(kA, kB));
  EXPECT_TRUE(table.trash().empty());
}

TEST_F(TableTest, TheTrashIsEmptiedAfterTwoMinutesAndOnlyOfTheIdle) {
  add(kA);
  add(kB);
  const auto a = id_of(kA);
  const auto b = id_of(kB);
  run(ipvs::DelService{kWeb});
  const auto all_idle = [](uint32_t) { return true; };
  EXPECT_THAT(table.prepare_collection(t0 + 119s, all_idle).ids, ElementsAre());
  const auto idle = table.prepare_collection(t0 + 120s, [&](uint32_t id) { return id == a; });
  EXPECT_THAT(idle.ids, ElementsAre(a));
  table.commit(idle, t0 + 120s);
  EXPECT_FALSE(table.trash().contains(a));
  EXPECT_TRUE(table.trash().contains(b));
}

TEST_F(TableTest, AnIdInTheTrashIsNotGivenToAnother) {
  add(kA);
  const auto a = id_of(kA);
  remove(kA);
  add(kB);
  EXPECT_NE(id_of(kB), a);
}

TEST_F(TableTest, FlushRemovesEveryServiceAndTrashesItsServers) {
  run(ipvs::NewService{kMark, {}});
  add(kA);
  ASSERT_EQ(run(ipvs::Flush{}), 0);
  EXPECT_TRUE(table.services().empty());
  EXPECT_EQ(table.trash().size(), 1U);
}

// Places ask for a new slice only where the list has doubled or halved.
TEST_F(TableTest, AListIsLaidAnewSeldomHoweverItChanges) {
  int laid = 0;
  const auto count = [&](const auto& command) {
    const auto change = table.prepare(command);
    ASSERT_TRUE(change);
    laid += std::visit(
        [](const auto& one) {
          if constexpr (requires { one.anew; }) {
            return one.anew ? 1 : 0;
          }
          return 0;
        },
        *change);
    table.commit(*change, t0);
    ASSERT_LE(web().used, web().room);
  };
  const auto nth = [](int i) {
    return server("10.0." + std::to_string(i / 200) + "." + std::to_string(1 + i % 200));
  };
  for (int i = 0; i < 1024; ++i) {
    count(ipvs::NewDest{kWeb, nth(i), {}});
  }
  EXPECT_LE(laid, 8);
  laid = 0;
  for (int i = 0; i < 1024; ++i) {
    count(ipvs::DelDest{kWeb, nth(i)});
    count(ipvs::NewDest{kWeb, nth(i), {}});
  }
  EXPECT_LE(laid, 2);
  laid = 0;
  for (int i = 0; i < 1024; ++i) {
    count(ipvs::DelDest{kWeb, nth(i)});
  }
  EXPECT_LE(laid, 8);
}

TEST_F(TableTest, AHashTableIsLaidAnewWithEveryChangeOfItsServersAndOnlyThen) {
  run(ipvs::SetService{kWeb, {.scheduler = "sh"}});
  const auto is_laid = [&](const auto& command) {
    const auto change = table.prepare(command);
    table.commit(*change, t0);
    const auto* put = std::get_if<PutServer>(&*change);
    return put != nullptr ? put->anew.has_value() : std::get<DropServer>(*change).anew.has_value();
  };
  EXPECT_TRUE(is_laid(ipvs::NewDest{kWeb, kA, {}}));
  EXPECT_TRUE(is_laid(ipvs::SetDest{kWeb, kA, {.weight = 2}}));
  EXPECT_FALSE(is_laid(ipvs::SetDest{kWeb, kA, {.weight = 2, .upper_threshold = 5}}));
  EXPECT_TRUE(is_laid(ipvs::DelDest{kWeb, kA}));
  run(ipvs::SetService{kWeb, {.scheduler = "dh"}});
  EXPECT_TRUE(is_laid(ipvs::NewDest{kWeb, kA, {}}));
  EXPECT_FALSE(is_laid(ipvs::SetDest{kWeb, kA, {.weight = 3}})) << "which knows no weights";
}

TEST_F(TableTest, TheLastWeightThatWasNotZeroOutlivesQuiescingAndTheTrash) {
  add(kA, {.weight = 5});
  run(ipvs::SetDest{kWeb, kA, {.weight = 0}});
  EXPECT_EQ(web().servers.begin()->second.last_weight, 5);
  remove(kA);
  add(kA, {.weight = 0});
  EXPECT_EQ(web().servers.begin()->second.last_weight, 5);
  add(kB, {.weight = 0});
  EXPECT_EQ(web().servers.begin()->second.last_weight, 0) << "it never had one";
}

TEST(Ids, TheSmallestFreeOneComesNext) {
  Ids ids(4);
  ids.take(2);
  EXPECT_EQ(ids.next(), 0U);
  ids.take(0);
  ids.take(1);
  EXPECT_EQ(ids.next(), 3U);
  ids.take(3);
  EXPECT_EQ(ids.next(), std::nullopt);
  ids.give_back(1);
  EXPECT_EQ(ids.next(), 1U);
}

}  // namespace
}  // namespace lvs::core
