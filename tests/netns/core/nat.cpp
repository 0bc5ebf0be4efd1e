// The embedded core between real sockets: NAT, marks of iptables, its INPUT rules, persistence,
// expiry.
#include <gmock/gmock.h>

#include <set>

#include "tests/netns/core/world.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;
using ipvs::DestStatus;

const ipvs::ServiceKey kWeb = ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse(kVip), 80};
const ipvs::ServiceKey kNames = ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse(kVip), 53};
const ipvs::ServiceKey kMark = ipvs::MarkKey{80, Family::v4};

ipvs::DestKey server(int number, uint16_t port) {
  return {*Address::parse("10.0." + std::to_string(number) + ".2"), port};
}

struct CoreInNetwork : ::testing::Test {
  World world;

  void SetUp() override { world.start_core(); }

  void TearDown() override {
    if (!HasFailure()) {
      return;
    }
    const auto reply = world.ask(ipvs::GetDrops{});
    for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(reply)) {
      if (drop.packets != 0) {
        std::printf("dropped or passed: %s %lu\n", drop.reason.c_str(), drop.packets);
      }
    }
  }

  void balance(const ipvs::ServiceKey& key, ipvs::Service service, uint16_t port) {
    world.ask(ipvs::NewService{key, service});
    for (int i = 1; i <= 2; ++i) {
      world.ask(ipvs::NewDest{key, server(i, port), {}});
    }
  }

  std::vector<DestStatus> servers(const ipvs::ServiceKey& key) {
    return std::get<std::vector<DestStatus>>(world.ask(ipvs::GetDests{key}));
  }

  uint32_t bound(const ipvs::ServiceKey& key) {
    uint32_t sum = 0;
    for (const auto& one : servers(key)) {
      sum += one.active + one.inactive;
    }
    return sum;
  }

  std::vector<ipvs::Connection> connections() {
    return std::get<std::vector<ipvs::Connection>>(world.ask(ipvs::GetConnections{}));
  }
};

TEST_F(CoreInNetwork, RoundRobinBeginsWithTheNewestServerAndAlternates) {
  balance(kWeb, {.scheduler = "rr"}, 80);
  std::vector<int> answers;
  for (int i = 0; i < 6; ++i) {
    answers.push_back(world.connect(kVip, 80));
  }
  EXPECT_THAT(answers, ::testing::ElementsAre(2, 1, 2, 1, 2, 1));
}

TEST_F(CoreInNetwork, DatagramsAreAnsweredFromTheVip) {
  balance(kNames, {.scheduler = "rr"}, 53);
  EXPECT_EQ(world.datagram(kVip, 53), 2);
  EXPECT_EQ(world.datagram(kVip, 53), 1);
  EXPECT_EQ(bound(kNames), 2U);
}

TEST_F(CoreInNetwork, AnOpenConnectionIsActiveAndAClosedOneIsNot) {
  balance(kWeb, {.scheduler = "rr"}, 80);
  {
    const auto socket = world.open(kVip, 80);
    ASSERT_TRUE(socket);
    ASSERT_TRUE(eventually([&] { return servers(kWeb)[0].active == 1; }));
    const auto all = connections();
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].state, "ESTABLISHED");
    EXPECT_EQ(to_string(all[0].destination), "10.0.2.2:80");
  }
  EXPECT_TRUE(eventually([&] {
    const auto one = servers(kWeb)[0];
    return one.active == 0 && one.inactive == 1;
  }));
}

TEST_F(CoreInNetwork, OneMarkOverTwoPortsKeepsAClientOnOneServer) {
  world.director(std::string("iptables -t mangle -A PREROUTING -p tcp -d ") + kVip +
                 " -m multiport --dports 80,443 -j MARK --set-mark 80");
  balance(kMark, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 300}, 0);
  std::set<int> of_second;
  std::set<int> of_third;
  for (int i = 0; i < 4; ++i) {
    const uint16_t port = i % 2 == 0 ? 80 : 443;
    of_second.insert(world.connect(kVip, port, "192.0.2.2"));
    of_third.insert(world.connect(kVip, port, "192.0.2.3"));
  }
  EXPECT_EQ(of_second, std::set{2});
  EXPECT_EQ(of_third, std::set{1});
  for (const auto& one : servers(kMark)) {
    EXPECT_EQ(one.persistent, 1U);
    EXPECT_EQ(one.active + one.inactive, 4U);
  }
}

TEST_F(CoreInNetwork, InputRulesKeepNewConnectionsOutAndLetOldOnesBe) {
  balance(kWeb, {.scheduler = "rr"}, 80);
  ASSERT_NE(world.connect(kVip, 80, "192.0.2.2"), 0);
  world.director("iptables -A INPUT -s 192.0.2.2 -j DROP");
  EXPECT_EQ(world.connect(kVip, 80, "192.0.2.2", 200ms), 0);
  EXPECT_NE(world.connect(kVip, 80, "192.0.2.3"), 0);
}

TEST_F(CoreInNetwork, QuiescedServerGetsNoNewConnections) {
  balance(kWeb, {.scheduler = "wlc"}, 80);
  world.ask(ipvs::SetDest{kWeb, server(2, 80), {.weight = 0}});
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(world.connect(kVip, 80), 1);
  }
}

TEST_F(CoreInNetwork, CountersAreZeroWhenEverythingHasExpired) {
  balance(kNames, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 1}, 53);
  world.ask(ipvs::SetConfig{{.udp = 1}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_NE(world.datagram(kVip, 53), 0);
  }
  uint64_t made = 0;
  for (const auto& one : servers(kNames)) {
    made += one.stats.connections;
  }
  EXPECT_EQ(made, 20U);
  EXPECT_TRUE(eventually([&] { return bound(kNames) == 0; }));
  EXPECT_TRUE(connections().empty() || connections().front().is_template);
}

TEST_F(CoreInNetwork, KillEndsTheFlowsOfAPrefix) {
  balance(kWeb, {.scheduler = "rr"}, 80);
  ASSERT_NE(world.connect(kVip, 80, "192.0.2.2"), 0);
  ASSERT_NE(world.connect(kVip, 80, "192.0.2.3"), 0);
  const auto killed = world.ask(ipvs::KillConnections{*Address::parse("192.0.2.2"), 32});
  EXPECT_EQ(std::get<ipvs::Killed>(killed).connections, 1U);
  EXPECT_EQ(bound(kWeb), 1U);
}

TEST_F(CoreInNetwork, ARemovedServersFlowsAreSilentUntilItComesBack) {
  balance(kWeb, {.scheduler = "rr"}, 80);
  const auto socket = world.open(kVip, 80);
  ASSERT_TRUE(socket);
  world.ask(ipvs::DelDest{kWeb, server(2, 80)});
  EXPECT_EQ(world.connect(kVip, 80), 1);
  world.ask(ipvs::NewDest{kWeb, server(2, 80), {}});
  EXPECT_EQ(servers(kWeb)[0].active, 1U) << "its old connection is counted again";
}

TEST_F(CoreInNetwork, AClientThatTurnsToAServerDirectlyGetsItsOwnReplies) {
  world.director("sysctl -q -w net.ipv4.ip_forward=1");
  balance(kWeb, {.scheduler = "rr"}, 80);
  ASSERT_EQ(world.connect(kVip, 80), 2);
  EXPECT_EQ(world.connect("10.0.2.2", 80), 2);
}

}  // namespace
}  // namespace lvs::test

int main(int argc, char** argv) {
  return lvs::test::main_of_tests(argc, argv);
}
