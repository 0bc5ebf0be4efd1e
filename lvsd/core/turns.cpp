#include "lvsd/core/turns.h"

#include <algorithm>
#include <numeric>

namespace lvs::core {

namespace {

// Scales weights until the cycle fits; ratios stay as near as whole numbers allow.
std::vector<Weighted> fitting(std::vector<Weighted> servers, size_t turns_max) {
  int32_t step = 0;
  int64_t sum = 0;
  for (const auto& server : servers) {
    if (server.weight > 0) {
      step = std::gcd(step, server.weight);
      sum += server.weight;
    }
  }
  if (step == 0 || sum / step <= static_cast<int64_t>(turns_max)) {
    return servers;
  }
  // Half of the room for the "at least 1" of servers whose share rounds to nothing.
  const auto room = static_cast<int64_t>(turns_max) / 2;
  for (auto& server : servers) {
    if (server.weight > 0) {
      server.weight = static_cast<int32_t>(std::max<int64_t>(1, server.weight * room / sum));
    }
  }
  return servers;
}

}  // namespace

Cycle rr_cycle(const std::vector<Weighted>& servers) {
  Cycle cycle;
  for (const auto& server : servers) {
    if (server.weight > 0) {
      cycle.turns.push_back(server.id);
    }
  }
  return cycle;
}

Cycle wrr_cycle(const std::vector<Weighted>& given, size_t turns_max) {
  const auto servers = fitting(given, turns_max);
  Cycle cycle;
  int32_t step = 0;
  int32_t largest = 0;
  for (const auto& server : servers) {
    if (server.weight > 0) {
      step = std::gcd(step, server.weight);
      largest = std::max(largest, server.weight);
    }
  }
  if (largest == 0) {
    return cycle;
  }
  cycle.step = step;
  cycle.top = largest - (step - 1);
  for (int32_t level = cycle.top; level > 0; level -= step) {
    for (const auto& server : servers) {
      if (server.weight >= level) {
        cycle.turns.push_back(server.id);
        cycle.levels.push_back(level);
      }
    }
  }
  return cycle;
}

uint32_t rr_turn_after(const std::vector<Weighted>& before, uint32_t turn,
                       const std::vector<Weighted>& after) {
  const Cycle old = rr_cycle(before);
  if (turn == 0 || turn > old.turns.size()) {
    return 0;
  }
  const auto same = [](uint32_t id) {
    return [id](const Weighted& server) { return server.id == id; };
  };
  // The last server chosen, or the nearest one before it in the old list that is still there.
  auto cursor = std::find_if(before.rbegin(), before.rend(), same(old.turns[turn - 1]));
  for (; cursor != before.rend(); ++cursor) {
    const auto still = std::find_if(after.begin(), after.end(), same(cursor->id));
    if (still != after.end()) {
      return static_cast<uint32_t>(std::count_if(
          after.begin(), still + 1, [](const Weighted& server) { return server.weight > 0; }));
    }
  }
  return 0;
}

uint32_t wrr_turn_after(const Cycle& before, uint32_t turn, bool is_taken, const Cycle& after) {
  const uint32_t current = is_taken ? turn - 1 : turn;
  if (current >= before.levels.size() || after.turns.empty()) {
    return 0;
  }
  int32_t level = before.levels[current];
  if (level > after.top) {
    level = after.top;
  } else if (after.step > 1) {
    level = level / after.step * after.step + 1;
  }
  // The list is walked from its head at this level.
  const auto first = std::find_if(after.levels.begin(), after.levels.end(),
                                  [level](int32_t candidate) { return candidate <= level; });
  return first == after.levels.end()
             ? 0
             : static_cast<uint32_t>(std::distance(after.levels.begin(), first));
}

}  // namespace lvs::core
