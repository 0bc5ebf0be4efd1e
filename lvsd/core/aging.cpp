#include "lvsd/core/aging.h"

#include <algorithm>

namespace lvs::core {

namespace {

constexpr uint32_t kPassesUntilAllIsLookedAt = 30;
constexpr uint64_t kIdleNs = 360'000'000'000;

uint32_t surplus_of(uint32_t cached) {
  constexpr uint32_t kMost = LVS_LOCALITIES_OF_SERVICE;
  return cached <= kMost ? 0 : std::min((cached - kMost) * 4 / 3, kMost / 2);
}

}  // namespace

void Aging::begin() {
  tallies_.clear();
  ++passes_;
}

bool Aging::goes(const lvs_locality_key& key, const lvs_locality& locality, const CacheOwner& owner,
                 uint64_t now) {
  if (!owner.is_by_locality || owner.cache != key.cache) {
    return true;
  }
  auto& tally = tallies_[key.service];
  if (tally.cache != key.cache) {
    tally = {.cache = key.cache, .surplus = surplus_of(owner.cached)};
  }
  const uint64_t idle = now > locality.used ? now - locality.used : 0;
  if (passes_ % kPassesUntilAllIsLookedAt == 0) {
    if (idle >= owner.expiration_ns) {
      return true;
    }
  } else if (tally.surplus > 0 && idle >= kIdleNs) {
    --tally.surplus;
    return true;
  }
  ++tally.stayed;
  return false;
}

uint32_t Aging::stayed(uint32_t service, uint32_t cache) const {
  const auto found = tallies_.find(service);
  return found == tallies_.end() || found->second.cache != cache ? 0 : found->second.stayed;
}

}  // namespace lvs::core
