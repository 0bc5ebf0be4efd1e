// lblc and lblcr through the loaded programs, beside what the kernel's modules do, written out
// here; and what becomes of their memory: when it is full, when it is old, when its service or
// server is another.
#include <algorithm>
#include <deque>
#include <random>
#include <set>

#include "lvsd/core/io/localities.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

struct Real {
  int host = 0;
  int weight = 0;
  int limit = 0;  // Upper threshold; 0: none.
  int active = 0;
  int total = 0;
  bool is_overloaded = false;
  bool is_there = false;

  int64_t overhead() const { return 256LL * active + total; }
  void bind(bool is_active) {
    active += is_active ? 1 : 0;
    ++total;
    is_overloaded |= limit > 0 && total >= limit;
  }
  void edit(int its_weight, int its_limit) {
    weight = its_weight;
    limit = its_limit;
    if (limit > 0 && total >= limit) {
      is_overloaded = true;
    } else if (limit == 0 || total < limit - limit / 4) {
      is_overloaded = false;
    }
  }
};

// ip_vs_lblc and ip_vs_lblcr, before anything expires.
class KernelService {
 public:
  explicit KernelService(bool has_sets) : has_sets_(has_sets) {}

  Real& real(int host) { return reals_[host]; }
  bool has(int host) { return real(host).is_there; }
  void add(int host, int weight, int limit) {
    real(host).host = host;
    real(host).is_there = true;
    real(host).edit(weight, limit);
    ring_.push_front(host);
  }
  void remove(int host) {
    real(host).is_there = false;
    std::erase(ring_, host);
  }

  // The host; 0: none.
  int next(const std::string& address, bool is_active) {
    auto& members = cache_[address];
    int chosen = has_sets_ ? least(members, true) : kept(members);
    if (chosen == 0 || is_left(real(chosen))) {
      chosen = least(ring_, false);
      remember(members, chosen);
    }
    if (chosen != 0) {
      real(chosen).bind(is_active);
    }
    return chosen;
  }

 private:
  int least(const std::deque<int>& of, bool is_set) {
    int found = 0;
    for (const int host : of) {
      const auto& it = real(host);
      if (it.is_overloaded || it.weight <= 0 || (is_set && !it.is_there)) {
        continue;
      }
      if (found == 0 || real(found).overhead() * it.weight > it.overhead() * real(found).weight) {
        found = host;
      }
    }
    return found;
  }
  int kept(const std::deque<int>& members) {
    const int host = members.empty() ? 0 : members.front();
    return host != 0 && real(host).is_there && real(host).weight > 0 ? host : 0;
  }
  bool is_left(const Real& it) {
    return it.active > it.weight && std::any_of(ring_.begin(), ring_.end(), [&](int host) {
             return 2 * real(host).active < real(host).weight;
           });
  }
  void remember(std::deque<int>& members, int host) {
    if (host == 0) {
      return;
    }
    if (!has_sets_) {
      members = {host};
    } else if (std::find(members.begin(), members.end(), host) == members.end()) {
      members.push_front(host);
    }
  }

  bool has_sets_;
  std::map<int, Real> reals_;
  std::deque<int> ring_;                          // The newest first.
  std::map<std::string, std::deque<int>> cache_;  // Likewise.
};

constexpr int kHosts = 8;  // 10.0.0.2 to .9 have neighbour entries.
constexpr uint32_t kMarkOfCaches = 7;

ipvs::DestKey key_of(int host) {
  return {*Address::parse("10.0.0." + std::to_string(host)), 0};
}

struct Locality : PacketPath {
  std::optional<core::Memory> memory;
  core::MapFds fds;

  void SetUp() override {
    PacketPath::SetUp();
    auto found = core::find_attached();
    ASSERT_TRUE(found) << found.error().what;
    fds = std::move(*found);
    core::MapNumbers numbers{};
    std::transform(fds.begin(), fds.end(), numbers.begin(),
                   [](const io::UniqueFd& fd) { return fd.get(); });
    auto mapped = core::Memory::map(numbers, core::Access::write);
    ASSERT_TRUE(mapped) << mapped.error().what;
    memory = std::move(*mapped);
  }

  void serve(const std::string& scheduler, int servers, int weight) {
    ask(ipvs::NewService{kMark, {.scheduler = scheduler}});
    for (int i = 0; i < servers; ++i) {
      ask(ipvs::NewDest{kMark, key_of(2 + i), {.weight = weight}});
    }
  }

  int served(const std::string& address, uint8_t protocol = 6) {
    const auto outcome =
        first({.to = address, .sport = ++port_, .protocol = protocol}, kMarkOfCaches);
    const std::string to = outcome.packet ? outcome.packet->to : "";
    const std::string network = "10.0.0.";
    return to.starts_with(network) ? std::stoi(to.substr(network.size())) : 0;
  }

  lvs_service& service() {
    return *std::find_if(memory->services.begin(), memory->services.end(),
                         [](const lvs_service& one) { return one.current != 0; });
  }
  lvs_dest& dest(int host) {
    const uint32_t address = key_of(host).address.v4_network();
    return *std::find_if(memory->dests.begin(), memory->dests.end(), [&](const lvs_dest& one) {
      return one.use == LVS_DEST_AVAILABLE && one.address[0] == address;
    });
  }
  int map() const { return fds[static_cast<size_t>(core::Map::localities)].get(); }
  std::vector<lvs_locality_key> keys() {
    std::vector<lvs_locality_key> all;
    lvs_locality_key key{};
    const lvs_locality_key* before = nullptr;
    while (bpf_map_get_next_key(map(), before, &key) == 0) {
      all.push_back(key);
      before = &all.back();
    }
    return all;
  }
  // Of the caches that services have now.
  std::vector<lvs_locality_key> living() {
    auto all = keys();
    std::erase_if(all, [&](const lvs_locality_key& key) {
      const auto& its = memory->services[key.service];
      return its.current == 0 || its.cache != key.cache;
    });
    return all;
  }
  lvs_locality only_entry() {
    lvs_locality entry{};
    const auto all = living();
    EXPECT_EQ(all.size(), 1U);
    EXPECT_EQ(bpf_map_lookup_elem(map(), &all.front(), &entry), 0);
    return entry;
  }

 private:
  uint16_t port_ = 1024;
};

struct LocalityScheduling : Locality, ::testing::WithParamInterface<const char*> {
  static int weight(std::mt19937& random) { return static_cast<int>(random() % 7); }
  static int limit(std::mt19937& random) {
    return random() % 3 == 0 ? 4 + static_cast<int>(random() % 8) : 0;
  }

  void change(std::mt19937& random, KernelService& kernel) {
    const int host = 2 + static_cast<int>(random() % kHosts);
    const int its = weight(random);
    const int most = limit(random);
    const ipvs::Dest with{.weight = its, .upper_threshold = static_cast<uint32_t>(most)};
    if (!kernel.has(host)) {
      kernel.add(host, its, most);
      ask(ipvs::NewDest{kMark, key_of(host), with});
    } else if (random() % 3 == 0) {
      kernel.remove(host);
      ask(ipvs::DelDest{kMark, key_of(host)});
    } else {
      kernel.real(host).edit(its, most);
      ask(ipvs::SetDest{kMark, key_of(host), with});
    }
  }
};

TEST_P(LocalityScheduling, FollowsTheKernelThroughRandomTablesAndChanges) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    open();
    std::mt19937 random(seed);
    KernelService kernel(std::string(GetParam()) == "lblcr");
    ask(ipvs::NewService{kMark, {.scheduler = GetParam()}});
    for (int round = 0; round < 120; ++round) {
      for (unsigned changes = random() % 3; changes > 0; --changes) {
        change(random, kernel);
      }
      for (unsigned picks = random() % 6; picks > 0; --picks) {
        const std::string address = "198.51.100." + std::to_string(1 + random() % 5);
        const bool is_tcp = random() % 4 != 0;
        const int wanted = kernel.next(address, is_tcp);
        ASSERT_EQ(served(address, is_tcp ? 6 : 17), wanted) << "round " << round;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, LocalityScheduling, ::testing::Values("lblc", "lblcr"),
                         [](const auto& which) { return std::string(which.param); });

TEST_F(Locality, AFullCacheLearnsNothingAndForgetsNothing) {
  serve("lblc", 2, 100);
  const int known = served("198.51.100.1");
  EXPECT_EQ(service().cached, 1U);
  service().cached = LVS_LOCALITIES_MOST;
  const int other = served("198.51.100.2");
  EXPECT_NE(other, known);
  EXPECT_EQ(living().size(), 1U);
  EXPECT_EQ(served("198.51.100.1"), known) << "what it knows holds, whatever the load";
  EXPECT_EQ(served("198.51.100.1"), known);
  EXPECT_EQ(served("198.51.100.2"), other) << "by load: two more went to the other";
  EXPECT_EQ(served("198.51.100.2"), other);
  service().cached = LVS_LOCALITIES_MOST - 1;
  served("198.51.100.2");
  EXPECT_EQ(living().size(), 2U);
  EXPECT_EQ(service().cached, LVS_LOCALITIES_MOST);
}

TEST_F(Locality, AnIdThatAnotherServerHasNowLeadsNowhere) {
  serve("lblc", 2, 100);
  const int known = served("198.51.100.1");
  EXPECT_EQ(served("198.51.100.1"), known);
  dest(known).generation += 1;
  EXPECT_NE(served("198.51.100.1"), known);
}

TEST_F(Locality, ASetHasNoServerTwiceAndLosesItsOldest) {
  constexpr int kServers = 40;
  ask(ipvs::NewService{kMark, {.scheduler = "lblcr"}});
  for (int i = 0; i < kServers; ++i) {
    ask(ipvs::NewDest{kMark, {*Address::parse("10.1.0." + std::to_string(1 + i)), 0}, {}});
  }
  first({.to = "198.51.100.1", .sport = 1}, kMarkOfCaches);
  const uint32_t oldest = only_entry().member[0];
  for (uint16_t port = 2; port <= 2 * kServers; ++port) {
    first({.to = "198.51.100.1", .sport = port}, kMarkOfCaches);
  }
  const auto entry = only_entry();
  EXPECT_EQ(entry.members, LVS_LOCALITY_MEMBERS);
  const std::set<uint32_t> members(std::begin(entry.member), std::end(entry.member));
  EXPECT_EQ(members.size(), LVS_LOCALITY_MEMBERS);
  EXPECT_FALSE(members.contains(oldest));
  for (const auto& server : servers(kMark)) {
    EXPECT_EQ(server.active, 2U) << to_string(server.key);
  }
}

// One that has few active connections is full all the same: the overloaded one is chosen again.
TEST_F(Locality, ASetThatTakesItsOwnAgainDoesNotGrow) {
  ask(ipvs::NewService{kMark, {.scheduler = "lblcr"}});
  ask(ipvs::NewDest{kMark, key_of(2), {.weight = 1}});
  ask(ipvs::NewDest{kMark, key_of(3), {.weight = 10, .upper_threshold = 1}});
  EXPECT_EQ(served("198.51.100.1", 17), 3);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(served("198.51.100.1"), 2);
  }
  EXPECT_EQ(only_entry().members, 2U);
}

// lvsd's part, through the maps of the loaded programs.
struct OldLocalities : Locality {
  void SetUp() override {
    Locality::SetUp();
    auto loaded = core::Programs::load(&fds, 0);
    ASSERT_TRUE(loaded) << loaded.error().what;
    programs.emplace(std::move(*loaded));
    localities.emplace(*programs);
    localities->go_on(TimePoint{});
  }
  void TearDown() override {
    localities.reset();
    programs.reset();
  }
  void pass(int times) {
    for (int i = 0; i < times; ++i) {
      localities->go_on(TimePoint{} + ++minute_ * 60s);
    }
  }
  std::optional<core::Programs> programs;
  std::optional<core::Localities> localities;

 private:
  int minute_ = 0;
};

TEST_F(OldLocalities, GoEachHalfHour) {
  for (const std::string scheduler : {"lblc", "lblcr"}) {
    SCOPED_TRACE(scheduler);
    ask(ipvs::SetSetting{"lblc_expiration", scheduler == "lblc" ? 0U : 1000U});
    ask(ipvs::SetSetting{"lblcr_expiration", scheduler == "lblcr" ? 0U : 1000U});
    serve(scheduler, 2, 100);
    served("198.51.100.1");
    pass(29);
    EXPECT_EQ(living().size(), 1U);
    EXPECT_EQ(service().cached, 1U);
    pass(1);
    EXPECT_EQ(keys().size(), 0U);
    EXPECT_EQ(service().cached, 0U);
    ask(ipvs::DelService{kMark});
  }
}

TEST_F(OldLocalities, StayWhileTheyAreAskedFor) {
  serve("lblc", 2, 100);
  served("198.51.100.1");
  pass(30);
  EXPECT_EQ(living().size(), 1U);
}

TEST_F(OldLocalities, OfAServiceThatIsGoneGoWithTheNextLook) {
  serve("lblc", 2, 100);
  served("198.51.100.1");
  ask(ipvs::SetService{kMark, {.scheduler = "lblcr"}, 0});
  EXPECT_EQ(living().size(), 0U);
  served("198.51.100.1");
  served("198.51.100.2");
  EXPECT_GE(keys().size(), 3U);
  pass(1);
  EXPECT_EQ(keys().size(), 2U);
  ask(ipvs::DelService{kMark});
  pass(1);
  EXPECT_EQ(keys().size(), 0U);
  pass(1);
}

TEST_F(OldLocalities, ASetThatDidNotChangeForLongLosesItsMostLoaded) {
  serve("lblcr", 3, 1);
  for (int i = 0; i < 6; ++i) {
    served("198.51.100.1");  // Two to each.
  }
  auto entry = only_entry();
  ASSERT_EQ(entry.members, 3U);
  const auto key = living().front();
  const auto age = [&](uint64_t by_s) {
    entry = only_entry();
    entry.changed = entry.used - by_s * 1'000'000'000;
    ASSERT_EQ(bpf_map_update_elem(map(), &key, &entry, BPF_EXIST), 0);
  };
  age(86'390);
  const int heaviest = served("198.51.100.1");
  EXPECT_EQ(only_entry().members, 3U);
  age(86'401);
  served("198.51.100.1");
  EXPECT_EQ(only_entry().members, 2U);
  for (int i = 0; i < 4; ++i) {
    EXPECT_NE(served("198.51.100.1"), heaviest);
  }
  EXPECT_EQ(only_entry().members, 2U) << "the next leaves after as long again";
}

}  // namespace
}  // namespace lvs::test
