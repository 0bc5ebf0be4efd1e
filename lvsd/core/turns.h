// The cycles of rr and wrr, laid out turn by turn so that the data plane only counts. ip_vs walks
// its list with a cursor (and, for wrr, a current weight that falls by the greatest common
// divisor); as long as nothing changes that walk is periodic, and one period is the cycle. When the
// list does change, ip_vs keeps its cursor, and so do we: the functions below say where the new
// cycle goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lvs::core {

// A real server in the order of the table.
struct Weighted {
  uint32_t id = 0;
  int32_t weight = 0;
  bool operator==(const Weighted&) const = default;
};

struct Cycle {
  std::vector<uint32_t> turns;  // Ids of real servers.
  std::vector<int32_t> levels;  // wrr: the current weight at which each turn is taken.
  int32_t top = 0;              // wrr: the first level.
  int32_t step = 1;             // wrr: greatest common divisor of the weights.
};

// Every server with a weight, once, in order.
Cycle rr_cycle(const std::vector<Weighted>& servers);
// Never longer than turns_max: weights that would need more are scaled down, each staying at
// least 1.
Cycle wrr_cycle(const std::vector<Weighted>& servers, size_t turns_max);

// `turn` counts the turns taken in the old cycle; 0: none yet. The result is the next turn of the
// new cycle.
uint32_t rr_turn_after(const std::vector<Weighted>& before, uint32_t turn,
                       const std::vector<Weighted>& after);
// Here it also counts whether the last of those turns was taken since the old cycle was laid out:
// ip_vs keeps the current weight of that turn, else of the one that would have come next.
uint32_t wrr_turn_after(const Cycle& before, uint32_t turn, bool is_taken, const Cycle& after);

}  // namespace lvs::core
