// rr and wrr cycles against the kernel's walk, which is written out here as the kernel does it.
#include "lvsd/core/turns.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace lvs::core {
namespace {

using ::testing::ElementsAre;

// ip_vs_wrr_schedule: a cursor on a ring with a head, and a current weight.
class KernelWrr {
 public:
  explicit KernelWrr(std::vector<Weighted> servers) : servers_(std::move(servers)) {
    recompute();
    level_ = top_;
  }
  void change(std::vector<Weighted> servers) {
    servers_ = std::move(servers);
    cursor_ = -1;
    recompute();
    if (level_ > top_ || level_ == 0) {
      level_ = top_;
    } else if (step_ > 1) {
      level_ = level_ / step_ * step_ + 1;
    }
  }
  uint32_t next() {
    for (;;) {
      for (++cursor_; cursor_ < static_cast<int>(servers_.size()); ++cursor_) {
        if (servers_[static_cast<size_t>(cursor_)].weight >= level_) {
          return servers_[static_cast<size_t>(cursor_)].id;
        }
      }
      cursor_ = -1;
      level_ -= step_;
      if (level_ <= 0) {
        level_ = top_;
      }
    }
  }

 private:
  void recompute() {
    int gcd = 0;
    int largest = 0;
    for (const auto& server : servers_) {
      gcd = std::gcd(gcd, server.weight);
      largest = std::max(largest, server.weight);
    }
    step_ = gcd == 0 ? 1 : gcd;
    top_ = largest - (step_ - 1);
  }
  std::vector<Weighted> servers_;
  int cursor_ = -1;
  int level_ = 0, top_ = 0, step_ = 1;
};

// What wrr_turn_after() asks for.
struct Place {
  Cycle cycle;
  uint32_t turn = 0;
  bool is_taken = false;

  uint32_t take() {
    const uint32_t at = turn < cycle.turns.size() ? turn : 0;
    turn = at + 1;
    is_taken = true;
    return cycle.turns[at];
  }
  void change(const std::vector<Weighted>& servers) {
    const Cycle changed = wrr_cycle(servers, 10'000);
    turn = wrr_turn_after(cycle, turn, is_taken, changed);
    is_taken = false;
    cycle = changed;
  }
};

TEST(Wrr, ThreeToOneInterleavesAsTheKernelDoes) {
  EXPECT_THAT(wrr_cycle({{7, 3}, {8, 1}}, 100).turns, ElementsAre(7, 7, 7, 8));
  EXPECT_THAT(wrr_cycle({{7, 4}, {8, 2}}, 100).turns, ElementsAre(7, 7, 8));
  EXPECT_THAT(wrr_cycle({{1, 0}, {2, 0}}, 100).turns, ElementsAre());
}

TEST(Wrr, FollowsTheKernelThroughRandomTablesAndChanges) {
  std::mt19937 random(42);
  for (int round = 0; round < 300; ++round) {
    const auto servers = [&] {
      std::vector<Weighted> made;
      const auto count = 1 + random() % 6;
      for (uint32_t id = 0; id < count; ++id) {
        made.push_back({id, static_cast<int32_t>(random() % 9)});
      }
      made[0].weight += 1;
      return made;
    };
    KernelWrr kernel({});
    Place ours;
    for (int change = 0; change < 6; ++change) {
      const auto next = servers();
      ours.change(next);
      kernel.change(next);
      for (uint32_t i = 0, picks = random() % 30; i < picks; ++i) {
        ASSERT_EQ(ours.take(), kernel.next()) << "round " << round << " change " << change;
      }
    }
  }
}

TEST(Wrr, ServersAddedOneByOneBeforeTheFirstTurnBeginAtTheFirstOnesWeight) {
  Place ours;
  ours.change({{1, 1}});
  ours.change({{2, 2}, {1, 1}});
  ours.change({{3, 4}, {2, 2}, {1, 1}});
  std::vector<uint32_t> turns(10);
  std::generate(turns.begin(), turns.end(), [&] { return ours.take(); });
  EXPECT_THAT(turns, ElementsAre(3, 2, 1, 3, 3, 3, 2, 3, 2, 1)) << "as ip_vs does";
}

TEST(Wrr, HugeWeightsAreScaledIntoTheLimit) {
  const auto cycle = wrr_cycle({{1, 65535}, {2, 65534}, {3, 1}}, 1000);
  EXPECT_LE(cycle.turns.size(), 1000U);
  EXPECT_EQ(std::count(cycle.turns.begin(), cycle.turns.end(), 3U), 1);
  EXPECT_NEAR(static_cast<double>(std::count(cycle.turns.begin(), cycle.turns.end(), 1U)),
              static_cast<double>(std::count(cycle.turns.begin(), cycle.turns.end(), 2U)), 2);
}

TEST(Rr, SkipsQuiescedServers) {
  EXPECT_THAT(rr_cycle({{1, 1}, {2, 0}, {3, 5}}).turns, ElementsAre(1, 3));
}

TEST(Rr, GoesOnBehindTheLastServerWhenTheListChanges) {
  const std::vector<Weighted> before = {{1, 1}, {2, 1}, {3, 1}};
  EXPECT_EQ(rr_turn_after(before, 0, {{9, 1}, {1, 1}}), 0U) << "nothing taken yet: from the head";
  EXPECT_EQ(rr_turn_after(before, 2, {{9, 1}, {1, 1}, {2, 1}, {3, 1}}), 3U) << "3 comes next";
  EXPECT_EQ(rr_turn_after(before, 2, {{1, 1}, {3, 1}}), 1U) << "2 is gone: behind 1";
  EXPECT_EQ(rr_turn_after(before, 2, {{1, 1}, {2, 0}, {3, 1}}), 1U) << "2 is quiesced: 3";
}

}  // namespace
}  // namespace lvs::core
