// What can be asked of a world: who holds the addresses, whether all is well, what the client sees.
#include <algorithm>

#include "tests/sim/world.h"

namespace lvs::sim {

std::vector<Node> World::holders() const {
  std::vector<Node> holders;
  for (const Machine& m : machines_) {
    if (m.holds()) {
      holders.push_back(m.node);
    }
  }
  return holders;
}

bool World::is_healthy() const {
  const bool machines_are = std::all_of(machines_.begin(), machines_.end(), [&](const Machine& m) {
    const bool sends = std::all_of(m.asks_again_at.begin(), m.asks_again_at.end(),
                                   [&](TimePoint at) { return at <= now_; });
    return sends && m.has_power && m.has_carrier && m.has_inner_carrier && m.sees_witness &&
           m.has_way && m.failing_services.empty() && m.is_running() && m.lvsd_ready;
  });
  return machines_are && can_hear() && !is_segment_split_ && faults_.loss == 0 &&
         faults_.delay_max < timing_.deadtime / 2;
}

bool World::can_hear() const {
  const bool any_cut = std::any_of(links_.begin(), links_.end(), [](const auto& direction) {
    return std::any_of(direction.begin(), direction.end(),
                       [](const Link& l) { return l.is_cut(); });
  });
  const bool same_key = timing_.legacy || machines_[0].key == machines_[1].key;
  return !any_cut && same_key && machines_[0].knows_peer && machines_[1].knows_peer;
}

bool World::is_served() const {
  if (!announced_) {
    return false;
  }
  const Machine& m = machine(*announced_);
  return m.holds() && m.has_carrier && m.core_armed;
}

void World::watch_service() {
  if (is_served()) {
    if (unserved_since_) {
      longest_silence_ = std::max(longest_silence_, now_ - *unserved_since_);
    }
    unserved_since_.reset();
  } else if (!unserved_since_) {
    unserved_since_ = now_;
  }
}

Duration World::longest_silence() const {
  return unserved_since_ ? std::max(longest_silence_, now_ - *unserved_since_) : longest_silence_;
}

}  // namespace lvs::sim
