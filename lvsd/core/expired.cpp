#include "lvsd/core/expired.h"

#include <bit>

namespace lvs::core {

bool Expired::is_living(const lvs_flow& flow) {
  if (flow.direction != LVS_TO_SERVER || (flow.word & LVS_WORD_DEAD)) {
    return false;
  }
  if (now_ < flow.expires) {
    return true;
  }
  auto& counts = counts_[flow.dest];
  counts.total += 1;
  counts.active += flow.word & LVS_WORD_ACTIVE ? 1 : 0;
  if (flow.template_generation != 0) {
    const auto key = std::bit_cast<TemplateId::first_type>(flow.template_key);
    released_[{key, flow.template_generation}] += 1;
  }
  return false;
}

bool Expired::is_living(const lvs_key& key, const lvs_template& item) {
  if (item.word & LVS_TEMPLATE_DEAD) {
    return false;
  }
  if (now_ < item.expires) {
    return true;
  }
  const auto generation = static_cast<uint32_t>(item.word >> LVS_TEMPLATE_GENERATION_SHIFT);
  const auto released = released_.find({std::bit_cast<TemplateId::first_type>(key), generation});
  const uint64_t without = released == released_.end() ? 0 : released->second;
  if ((item.word & LVS_TEMPLATE_CONTROLLED) > without) {
    return true;
  }
  counts_[item.dest].persistent += 1;
  return false;
}

Expired::Counts Expired::of(uint32_t server) const {
  const auto found = counts_.find(server);
  return found == counts_.end() ? Counts{} : found->second;
}

}  // namespace lvs::core
