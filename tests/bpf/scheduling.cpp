// rr and wrr through the loaded programs, beside the walk of the kernel's modules, which is written
// out here as they do it: the same servers in the same order, however the table changes in between.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

struct Real {
  int host = 0;
  int weight = 0;
  int limit = 0;  // Upper threshold; 0: none.
  int connections = 0;

  bool is_free() const { return limit == 0 || connections < limit; }
};

// ip_vs_rr and ip_vs_wrr: a ring with a head, a cursor on it, and a current weight.
class KernelService {
 public:
  explicit KernelService(bool is_weighted) : is_weighted_(is_weighted) {}

  void add(Real server) {
    ring_.insert(ring_.begin(), server);
    cursor_ += cursor_ >= 0 ? 1 : 0;
    changed();
  }
  void remove(int host) {
    const int at = index_of(host);
    cursor_ -= at <= cursor_ ? 1 : 0;
    ring_.erase(ring_.begin() + at);
    changed();
  }
  void set_weight(int host, int weight) {
    ring_[static_cast<size_t>(index_of(host))].weight = weight;
    changed();
  }
  const std::vector<Real>& ring() const { return ring_; }

  // The host; 0: none.
  int next() {
    const int found = is_weighted_ ? next_weighted() : next_in_turn();
    if (found < 0) {
      return 0;
    }
    cursor_ = found;
    auto& server = ring_[static_cast<size_t>(found)];
    ++server.connections;
    return server.host;
  }

 private:
  int index_of(int host) const {
    const auto found = std::find_if(ring_.begin(), ring_.end(),
                                    [&](const Real& server) { return server.host == host; });
    return static_cast<int>(found - ring_.begin());
  }
  void changed() {
    if (!is_weighted_) {
      return;
    }
    int gcd = 0;
    int largest = 0;
    for (const auto& server : ring_) {
      gcd = std::gcd(gcd, server.weight);
      largest = std::max(largest, server.weight);
    }
    step_ = std::max(gcd, 1);
    top_ = largest - (step_ - 1);
    cursor_ = -1;
    if (level_ > top_ || level_ == 0) {
      level_ = top_;
    } else if (step_ > 1) {
      level_ = level_ / step_ * step_ + 1;
    }
  }
  int next_in_turn() const {
    const int size = static_cast<int>(ring_.size());
    for (int i = 1; i <= size; ++i) {
      const int at = (cursor_ + i) % size;
      const auto& server = ring_[static_cast<size_t>(at)];
      if (server.weight > 0 && server.is_free()) {
        return at;
      }
    }
    return -1;
  }
  int next_weighted() {
    const bool has_any = std::any_of(ring_.begin(), ring_.end(), [](const Real& server) {
      return server.weight > 0 && server.is_free();
    });
    const int before = level_;
    for (int at = cursor_ + 1; has_any; ++at) {
      if (at == static_cast<int>(ring_.size())) {
        level_ -= step_;
        level_ = level_ <= 0 ? top_ : level_;
        at = 0;
      }
      const auto& server = ring_[static_cast<size_t>(at)];
      if (server.weight >= level_ && server.weight > 0 && server.is_free()) {
        return at;
      }
    }
    level_ = before;
    return -1;
  }

  bool is_weighted_;
  std::vector<Real> ring_;
  int cursor_ = -1;
  int level_ = 0, top_ = 0, step_ = 1;
};

constexpr int kHosts = 8;  // 10.0.0.2 to .9 have neighbour entries.
constexpr int kMostWeight = 9;

class Scheduling : public PacketPath, public ::testing::WithParamInterface<const char*> {
 protected:
  bool is_weighted() const { return std::string(GetParam()) == "wrr"; }

  static ipvs::DestKey key_of(int host) {
    return {*Address::parse("10.0.0." + std::to_string(host)), 8080};
  }

  int served() {
    const auto outcome = first({.sport = ++port_});
    const std::string to = outcome.packet ? outcome.packet->to : "";
    const std::string network = "10.0.0.";
    return to.starts_with(network) ? std::stoi(to.substr(network.size())) : 0;
  }

  int weight(std::mt19937& random) const {
    constexpr std::array<int, 3> huge = {60'000, 65'535, 50};
    return random() % 12 == 0 ? huge[random() % huge.size()]
                              : static_cast<int>(random() % (kMostWeight + 1));
  }

  void change(std::mt19937& random, KernelService& kernel) {
    const int host = 2 + static_cast<int>(random() % kHosts);
    const auto& ring = kernel.ring();
    const auto listed = std::find_if(ring.begin(), ring.end(),
                                     [&](const Real& server) { return server.host == host; });
    if (listed == ring.end()) {
      const int limit = random() % 4 == 0 ? 5 : 0;
      const int its = weight(random);
      // One that comes back has its connections still.
      const int held = static_cast<int>(held_[host]);
      kernel.add({.host = host, .weight = its, .limit = limit, .connections = held});
      ask(ipvs::NewDest{
          kWeb, key_of(host), {.weight = its, .upper_threshold = static_cast<uint32_t>(limit)}});
    } else if (random() % 2 == 0) {
      kernel.remove(host);
      ask(ipvs::DelDest{kWeb, key_of(host)});
    } else {
      const int its = weight(random);
      const auto limit = static_cast<uint32_t>(listed->limit);
      kernel.set_weight(host, its);
      ask(ipvs::SetDest{kWeb, key_of(host), {.weight = its, .upper_threshold = limit}});
    }
  }

  std::map<int, int> held_;

 private:
  uint16_t port_ = 1024;
};

TEST_P(Scheduling, FollowsTheKernelThroughRandomTablesAndChanges) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    open();
    held_.clear();
    std::mt19937 random(seed);
    KernelService kernel(is_weighted());
    ask(ipvs::NewService{kWeb, {.scheduler = GetParam()}});
    for (int round = 0; round < 120; ++round) {
      for (unsigned changes = random() % 4; changes > 0; --changes) {
        change(random, kernel);
      }
      for (unsigned picks = random() % 12; picks > 0; --picks) {
        const int wanted = kernel.next();
        ASSERT_EQ(served(), wanted) << "round " << round;
        held_[wanted] += 1;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Scheduling, ::testing::Values("rr", "wrr"),
                         [](const auto& which) { return std::string(which.param); });

struct ManyServers : PacketPath, ::testing::WithParamInterface<const char*> {
  static constexpr int kServers = 1024;

  void SetUp() override {
    PacketPath::SetUp();
    ask(ipvs::NewService{kWeb, {.scheduler = GetParam()}});
    for (int i = 0; i < kServers; ++i) {
      const auto address = "10.1." + std::to_string(i / 200) + "." + std::to_string(1 + i % 200);
      ask(ipvs::NewDest{kWeb, {*Address::parse(address), 8080}, {.weight = 3}});
    }
    ASSERT_EQ(servers(kWeb).size(), static_cast<size_t>(kServers));
  }
  int connections_after(int packets) {
    for (int i = 0; i < packets; ++i) {
      first({.from = "198.51.100." + std::to_string(i % 250),
             .sport = static_cast<uint16_t>(1024 + i)});
    }
    int sum = 0;
    for (const auto& server : servers(kWeb)) {
      sum += static_cast<int>(server.active + server.inactive);
    }
    return sum;
  }
};

struct ManyFairServers : ManyServers {};

TEST_P(ManyServers, AreAllThereAtOnceAndServe) {
  EXPECT_EQ(connections_after(50), 50);
}

TEST_P(ManyFairServers, ServeOneConnectionEach) {
  EXPECT_EQ(connections_after(kServers), kServers);
  for (const auto& server : servers(kWeb)) {
    EXPECT_EQ(server.active + server.inactive, 1U) << to_string(server.key);
  }
}

const auto kName = [](const auto& which) { return std::string(which.param); };
INSTANTIATE_TEST_SUITE_P(, ManyServers, ::testing::Values("fo", "ovf", "dh", "sh", "mh", "lblc"),
                         kName);
INSTANTIATE_TEST_SUITE_P(, ManyFairServers,
                         ::testing::Values("rr", "wrr", "lc", "wlc", "sed", "nq"), kName);

}  // namespace
}  // namespace lvs::test
