#include "lvsd/core/io/sweeper.h"

#include <algorithm>
#include <cstring>

#include "lvsd/core/io/reading.h"

namespace lvs::core {

namespace {

constexpr uint32_t kSharesOfReplies = 16;  // Of a table that takes many strides.

const lvs_flow& common_part(const lvs_flow& flow) {
  return flow;
}
const lvs_flow& common_part(const lvs_flow6& flow) {
  return flow.flow;
}

bool may_go(const Sweeping& sweeping, const lvs_template& item, uint8_t) {
  return sweeping.may_go(item);
}
template <typename Flow>
bool may_go(const Sweeping& sweeping, const Flow& flow, uint8_t protocol) {
  return sweeping.may_go(common_part(flow), protocol);
}

}  // namespace

template <typename Key, typename Value>
bool Sweeper::look(BatchReader<Key, Value>& reader, Map map) {
  return reader.read_some(programs_.fd(map), [this](const Key& key, const Value& value) {
    if (may_go(sweeping_, value, key.protocol)) {
      std::memcpy(&candidates_.emplace_back(), &key, sizeof(key));
    }
  });
}

Result<bool> Sweeper::stride(const lvs_sweep& how) {
  sweeping_.shares = kSharesOfReplies;
  return go_on(how);
}

Result<bool> Sweeper::go_on(const lvs_sweep& how) {
  sweeping_.how = how;
  sweeping_.how.where = where_;
  sweeping_.now = monotonic_ns();
  sweeping_.ends_lost = programs_.config().settings[LVS_EXPIRE_NODEST_CONN] != 0;
  sweeping_.dests = programs_.dests();
  bool is_more = false;
  switch (where_) {
    case LVS_SWEEP_FLOWS:
      is_more = look(flows_, Map::flows);
      break;
    case LVS_SWEEP_TEMPLATES:
      is_more = look(templates_, Map::templates);
      break;
    case LVS_SWEEP_FLOWS6:
      is_more = look(flows6_, Map::flows6);
      break;
    default:
      is_more = look(templates6_, Map::templates6);
  }
  const auto killed = end_candidates();
  if (!killed) {
    return killed.error();
  }
  killed_ += *killed;
  if (is_more) {
    return true;
  }
  where_ = (where_ + 1) % (LVS_SWEEP_TEMPLATES6 + 1);
  if (where_ == LVS_SWEEP_FLOWS) {
    ++sweeping_.turn;
  }
  return where_ != LVS_SWEEP_FLOWS;
}

Result<uint32_t> Sweeper::end_candidates() {
  uint32_t killed = 0;
  for (size_t at = 0; at < candidates_.size(); at += LVS_SWEEP_KEYS_MAX) {
    const size_t count = std::min<size_t>(LVS_SWEEP_KEYS_MAX, candidates_.size() - at);
    const auto swept = programs_.sweep(sweeping_.how, {&candidates_[at], count});
    if (!swept) {
      candidates_.clear();
      return swept.error();
    }
    killed += swept->killed;
  }
  candidates_.clear();
  return killed;
}

Result<uint32_t> Sweeper::pass(const lvs_sweep& how) {
  flows_.begin_anew();
  templates_.begin_anew();
  flows6_.begin_anew();
  templates6_.begin_anew();
  where_ = LVS_SWEEP_FLOWS;
  sweeping_.shares = 1;
  killed_ = 0;
  for (;;) {
    const auto more = go_on(how);
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return killed_;
    }
  }
}

}  // namespace lvs::core
