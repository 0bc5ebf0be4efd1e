// What the embedded core stands through: the death of its process, flushed rules, deleted devices
// and filters.
#include <gmock/gmock.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "lvsd/core/io/frozen.h"
#include "tests/netns/core/world.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

const ipvs::ServiceKey kWeb = ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse(kVip), 80};

// Connections to the web service, one after the other.
class Traffic {
 public:
  explicit Traffic(const World& world)
      : thread_([this, &world] {
          while (!is_over_) {
            (world.connect(kVip, 80) != 0 ? made : failed) += 1;
          }
        }) {}
  ~Traffic() { stop(); }
  void stop() {
    is_over_ = true;
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  std::atomic<uint32_t> made{0};
  std::atomic<uint32_t> failed{0};

 private:
  std::atomic<bool> is_over_{false};
  std::thread thread_;  // Last: it uses the others.
};

struct CoreSurvives : ::testing::Test {
  World world;

  void SetUp() override {
    world.start_core();
    world.ask(ipvs::NewService{kWeb, {.scheduler = "rr"}});
    for (int i = 1; i <= 2; ++i) {
      world.ask(ipvs::NewDest{
          kWeb, {*Address::parse("10.0." + std::to_string(i) + ".2"), 80}, {.weight = i}});
    }
    ASSERT_TRUE(eventually([this] { return attached("eth2"); }));
  }

  bool attached(const std::string& device) {
    return world.director_succeeds("tc filter show dev " + device + " ingress | grep -q nic_ingr");
  }

  bool serves() const { return world.connect(kVip, 80, "", 20ms) != 0; }

  // A busy machine may delay a repair, so only the quickest of a few counts. Each damage is done as
  // soon as the one before it is made good: a core that looked by the clock, instead of being told,
  // would have its next look a whole period before it, every time.
  bool is_repaired_at_once(const std::string& damage, const std::function<bool()>& is_whole) {
    using Clock = std::chrono::steady_clock;
    auto quickest = Clock::duration::max();
    for (int tries = 0; tries < 10 && quickest > 100ms; ++tries) {
      world.director(damage);
      const auto begin = Clock::now();
      if (!eventually(is_whole)) {
        return false;
      }
      quickest = std::min(quickest, Clock::now() - begin);
    }
    return quickest <= 100ms;
  }

  std::string drops() {
    const auto reply = world.ask(ipvs::GetDrops{});
    std::string text;
    for (const auto& drop : std::get<std::vector<ipvs::DropCounter>>(reply)) {
      text += drop.packets == 0 ? "" : drop.reason + " " + std::to_string(drop.packets) + " ";
    }
    return text;
  }

  std::vector<ipvs::DestStatus> servers() {
    return std::get<std::vector<ipvs::DestStatus>>(world.ask(ipvs::GetDests{kWeb}));
  }
};

TEST_F(CoreSurvives, KillingItsProcessFailsNoConnectionAndTheNextOneTakesOver) {
  const auto held = world.open(kVip, 80);
  ASSERT_TRUE(held);
  const auto table = world.ask(ipvs::GetServices{});
  const auto before = servers();
  Traffic traffic(world);
  for (int i = 0; i < 3; ++i) {
    const auto seen = traffic.made.load();
    EXPECT_TRUE(eventually([&] { return traffic.made > seen + 20; }));
    world.kill_core();
    const auto alone = traffic.made.load();
    EXPECT_TRUE(eventually([&] { return traffic.made > alone + 20; })) << "with nobody there";
    world.start_core();
  }
  traffic.stop();
  EXPECT_EQ(traffic.failed, 0U) << "of " << traffic.made + traffic.failed << "; drops: " << drops();
  EXPECT_EQ(std::get<std::vector<ipvs::ServiceStatus>>(world.ask(ipvs::GetServices{}))[0].service,
            std::get<std::vector<ipvs::ServiceStatus>>(table)[0].service);
  const auto after = servers();
  ASSERT_EQ(after.size(), before.size());
  uint32_t bound = 0;
  for (size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].key, before[i].key);
    EXPECT_EQ(after[i].dest, before[i].dest);
    bound += after[i].active + after[i].inactive;
  }
  EXPECT_EQ(bound, world.client_ports());
  const auto listed = std::get<std::vector<ipvs::Connection>>(world.ask(ipvs::GetConnections{}));
  EXPECT_EQ(listed.size(), world.client_ports());
}

TEST_F(CoreSurvives, ServicesThatComeAndGoAreServedMeanwhileAndFailNoConnectionOfAnother) {
  Traffic traffic(world);
  // From an address of its own: one server gets both, and cannot tell two connections from one
  // client port apart, however different the ports that they were opened to.
  const auto is_served = [&](uint16_t port) { return world.connect(kVip, port, "192.0.2.3") == 1; };
  for (uint16_t port = 1000; port < 1500; ++port) {
    const ipvs::ServiceKey other =
        ipvs::AddressKey{ipvs::Protocol::tcp, *Address::parse(kVip), port};
    world.ask(ipvs::NewService{other, {.scheduler = "rr"}});
    world.ask(ipvs::NewDest{other, {*Address::parse("10.0.1.2"), 80}, {}});
    ASSERT_TRUE(is_served(port)) << port;
    world.ask(ipvs::DelService{other});
  }
  traffic.stop();
  EXPECT_EQ(traffic.failed, 0U) << "of " << traffic.made + traffic.failed << "; drops: " << drops();
  EXPECT_TRUE(world.director_succeeds(
      "nft list set ip lvs services | grep -q \"{ 192.0.2.100 . tcp . 80 }\""))
      << "not that element and no other";
}

// What the maps of the director say with nobody there.
struct Found {
  std::vector<ipvs::DestStatus> servers;
  size_t connections = 0;
  int change_refused = 0;
};

Found found_in(const World& world, const ipvs::ServiceKey& service) {
  Found found;
  World::in(world.network("d"), [&] {
    auto frozen = core::Frozen::open();
    ASSERT_TRUE(frozen) << frozen.error().what;
    const auto ask = [&](const ipvs::Request& request) { return frozen->handle(request); };
    found.servers = std::get<std::vector<ipvs::DestStatus>>(*ask(ipvs::GetDests{service}));
    found.connections =
        std::get<std::vector<ipvs::Connection>>(*ask(ipvs::GetConnections{})).size();
    found.change_refused = ask(ipvs::Flush{}).error().code;
  });
  return found;
}

TEST_F(CoreSurvives, ItsTableCanBeReadWhileNobodyIsThereLessWhatHasExpired) {
  const ipvs::ServiceKey names = ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse(kVip), 53};
  world.ask(ipvs::NewService{
      names, {.scheduler = "rr", .flags = ipvs::kPersistent, .timeout = 1, .prefix = 32}});
  world.ask(ipvs::NewDest{names, {*Address::parse("10.0.1.2"), 53}, {.weight = 3}});
  world.ask(ipvs::SetConfig{{.udp = 5}});
  const auto held = world.open(kVip, 80);
  ASSERT_EQ(world.datagram(kVip, 53), 1);
  world.kill_core();
  const auto before = found_in(world, names);
  ASSERT_EQ(before.servers.size(), 1U);
  EXPECT_EQ(before.servers[0].dest.weight, 3);
  EXPECT_EQ(before.servers[0].inactive, 1U);
  EXPECT_EQ(before.servers[0].persistent, 1U);
  EXPECT_EQ(before.connections, 3U) << "datagram, its template, the held one";
  EXPECT_EQ(before.change_refused, EROFS);
  EXPECT_TRUE(eventually([&] { return found_in(world, names).servers[0].inactive == 0; }));
  const auto after = found_in(world, names);
  EXPECT_EQ(after.servers[0].persistent, 0U);
  EXPECT_EQ(after.connections, 1U) << "the held one";
  uint32_t active = 0;
  for (const auto& server : found_in(world, kWeb).servers) {
    active += server.active;
  }
  EXPECT_EQ(active, 1U);
}

TEST_F(CoreSurvives, AnotherLayoutIsNotRead) {
  world.kill_core();
  World::in(world.network("d"), [] {
    const auto maps = core::find_attached();
    ASSERT_TRUE(maps);
    core::MapNumbers fds{};
    std::transform(maps->begin(), maps->end(), fds.begin(),
                   [](const auto& fd) { return fd.get(); });
    core::Memory::map(fds, core::Access::write)->config->version += 1;
    const auto frozen = core::Frozen::open();
    EXPECT_EQ(frozen.error().code, EPROTO);
    EXPECT_EQ(frozen.error().what,
              "the attached programs have layout " + std::to_string(LVS_LAYOUT_VERSION + 1) +
                  ", this program knows layout " + std::to_string(LVS_LAYOUT_VERSION));
  });
}

TEST_F(CoreSurvives, NothingIsReadWhereNothingIsAttached) {
  World::in(world.network("c"), [] { EXPECT_EQ(core::Frozen::open().error().code, ENOENT); });
}

TEST_F(CoreSurvives, FlushedRulesAreBackWithinAHundredMilliseconds) {
  EXPECT_TRUE(is_repaired_at_once("nft flush ruleset", [this] { return serves(); }));
}

TEST_F(CoreSurvives, DeletedIpvs0IsBackWithinAHundredMilliseconds) {
  EXPECT_TRUE(is_repaired_at_once("ip link del ipvs0", [this] { return serves(); }));
}

TEST_F(CoreSurvives, DeletedFilterIsBackWithinAHundredMilliseconds) {
  EXPECT_TRUE(is_repaired_at_once("tc qdisc del dev eth0 clsact",
                                  [this] { return attached("eth0") && serves(); }));
}

TEST_F(CoreSurvives, DeviceThatWasSetDownIsUpWithinAHundredMilliseconds) {
  EXPECT_TRUE(is_repaired_at_once("ip link set ipvs0 down", [this] { return serves(); }));
}

TEST_F(CoreSurvives, ForwardingOutlivesTermAndRemovalTakesEverythingAway) {
  world.stop_core();
  EXPECT_NE(world.connect(kVip, 80), 0);
  world.director("nft add table ip others");
  world.director(std::filesystem::read_symlink("/proc/self/exe").string() + " --remove");
  EXPECT_EQ(world.connect(kVip, 80, "", 50ms), 0);
  EXPECT_TRUE(world.director_succeeds("test \"$(nft list tables)\" = \"table ip others\""));
  EXPECT_FALSE(world.director_succeeds("ip link show ipvs0"));
  EXPECT_FALSE(attached("eth0"));
}

}  // namespace
}  // namespace lvs::test

int main(int argc, char** argv) {
  return lvs::test::main_of_tests(argc, argv);
}
