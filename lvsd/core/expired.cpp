#include "lvsd/core/expired.h"

#include <cstring>

namespace lvs::core {

template <typename Key>
Expired::TemplateId Expired::id_of(const Key& key, uint32_t generation) {
  TemplateId id{{}, generation};
  std::memcpy(id.first.data(), &key, sizeof(key));
  return id;
}

template <typename Key>
bool Expired::is_living_flow(const lvs_flow& flow, const Key& template_key) {
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
    released_[id_of(template_key, flow.template_generation)] += 1;
  }
  return false;
}

bool Expired::is_living(const lvs_flow& flow) {
  return is_living_flow(flow, flow.template_key);
}
bool Expired::is_living(const lvs_flow6& flow) {
  return is_living_flow(flow.flow, flow.template_key);
}

bool Expired::is_living_template(const TemplateId& id, const lvs_template& item) {
  if (item.word & LVS_TEMPLATE_DEAD) {
    return false;
  }
  if (now_ < item.expires) {
    return true;
  }
  const auto released = released_.find(id);
  const uint64_t without = released == released_.end() ? 0 : released->second;
  if ((item.word & LVS_TEMPLATE_CONTROLLED) > without) {
    return true;
  }
  counts_[item.dest].persistent += 1;
  return false;
}

bool Expired::is_living(const lvs_key& key, const lvs_template& item) {
  return is_living_template(
      id_of(key, static_cast<uint32_t>(item.word >> LVS_TEMPLATE_GENERATION_SHIFT)), item);
}
bool Expired::is_living(const lvs_key6& key, const lvs_template& item) {
  return is_living_template(
      id_of(key, static_cast<uint32_t>(item.word >> LVS_TEMPLATE_GENERATION_SHIFT)), item);
}

Expired::Counts Expired::of(uint32_t server) const {
  const auto found = counts_.find(server);
  return found == counts_.end() ? Counts{} : found->second;
}

}  // namespace lvs::core
