#include "lvsd/core/io/sweeper.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "lvsd/core/io/reading.h"

namespace lvs::core {

namespace {

constexpr uint32_t kSharesOfReplies = 16;  // Of a table that takes many strides.
constexpr int kStridesOfPart = 16;         // Of a table that is full of what goes: 40 ms.
constexpr uint64_t kNextDraw = 0x9e3779b97f4a7c15U;

const lvs_flow& common_part(const lvs_flow& flow) {
  return flow;
}
const lvs_flow& common_part(const lvs_flow6& flow) {
  return flow.flow;
}

// Whether a real server is in a service of one-packet scheduling.
bool is_of_one_packet(Programs& programs, uint32_t server) {
  if (server >= programs.dests().size()) {
    return false;
  }
  const uint32_t service = programs.dests()[server].service;
  if (service >= programs.services().size()) {
    return false;
  }
  const uint64_t current = __atomic_load_n(&programs.services()[service].current, __ATOMIC_ACQUIRE);
  const auto slice = LVS_CURRENT_SLICE(current);
  return slice != 0 && (reinterpret_cast<const lvs_slice&>(programs.slots()[slice]).flags &
                        LVS_SERVICE_ONE_PACKET) != 0;
}

}  // namespace

bool Sweeper::may_go(const lvs_template& item, uint8_t) const {
  return sweeping_.may_go(item);
}
template <typename Flow>
bool Sweeper::may_go(const Flow& flow, uint8_t protocol) const {
  return sweeping_.may_go(common_part(flow), protocol);
}

bool Sweeper::is_drawn(const lvs_template& item, uint8_t) const {
  return sweeping_.how.drop_share != 0 &&
         sweeping_.is_drawn(item, is_of_one_packet(programs_, item.dest));
}
template <typename Flow>
bool Sweeper::is_drawn(const Flow& flow, uint8_t protocol) const {
  return sweeping_.is_drawn(common_part(flow), protocol);
}

template <typename Key, typename Value>
bool Sweeper::look(BatchReader<Key, Value>& reader, Map map) {
  return reader.read_some(programs_.fd(map), [this](const Key& key, const Value& value) {
    if (may_go(value, key.protocol)) {
      std::memcpy(&candidates_.emplace_back(), &key, sizeof(key));
    } else if (is_drawn(value, key.protocol)) {
      std::memcpy(&drawn_.emplace_back(), &key, sizeof(key));
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
  lvs_sweep as_ever = sweeping_.how;
  as_ever.drop_share = 0;
  for (const auto& [keys, ask] :
       {std::pair{&candidates_, &as_ever}, std::pair{&drawn_, &sweeping_.how}}) {
    const auto killed = end(*keys, *ask);
    if (!killed) {
      return killed.error();
    }
    killed_ += *killed;
  }
  if (is_more) {
    return true;
  }
  where_ = (where_ + 1) % (LVS_SWEEP_TEMPLATES6 + 1);
  if (where_ == LVS_SWEEP_FLOWS) {
    ++sweeping_.turn;
    sweeping_.draw += kNextDraw;
  }
  return where_ != LVS_SWEEP_FLOWS;
}

Result<uint32_t> Sweeper::end(std::vector<lvs_key6>& keys, const lvs_sweep& how) {
  const auto all = std::exchange(keys, {});
  uint32_t killed = 0;
  for (size_t at = 0; at < all.size(); at += LVS_SWEEP_KEYS_MAX) {
    const size_t count = std::min<size_t>(LVS_SWEEP_KEYS_MAX, all.size() - at);
    const auto swept = programs_.sweep(how, {&all[at], count});
    if (!swept) {
      return swept.error();
    }
    killed += swept->killed;
  }
  return killed;
}

// The table in the upper half, the reader's position in the lower.
void Sweeper::go_to(uint64_t position) {
  where_ = static_cast<uint32_t>(position >> 32);
  const auto in_table = [&](uint32_t where) {
    return where == where_ ? static_cast<uint32_t>(position) : 0;
  };
  flows_.go_to(in_table(LVS_SWEEP_FLOWS));
  templates_.go_to(in_table(LVS_SWEEP_TEMPLATES));
  flows6_.go_to(in_table(LVS_SWEEP_FLOWS6));
  templates6_.go_to(in_table(LVS_SWEEP_TEMPLATES6));
}

uint64_t Sweeper::position() const {
  const std::array<uint32_t, LVS_SWEEP_TEMPLATES6 + 1> positions{
      flows_.position(), templates_.position(), flows6_.position(), templates6_.position()};
  return uint64_t{where_} << 32 | positions[where_];
}

Result<Ok> Sweeper::pass(const lvs_sweep& how) {
  go_to(0);
  sweeping_.shares = 1;
  for (;;) {
    const auto more = go_on(how);
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return Ok{};
    }
  }
}

Result<ipvs::Killed> Sweeper::part(const lvs_sweep& how, uint64_t from) {
  if (from >> 32 > LVS_SWEEP_TEMPLATES6) {
    return Error{EINVAL, "no such part"};
  }
  go_to(from);
  sweeping_.shares = 1;
  killed_ = 0;
  for (int i = 0; i < kStridesOfPart; ++i) {
    const auto more = go_on(how);
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return ipvs::Killed{killed_, 0};
    }
  }
  return ipvs::Killed{killed_, position()};
}

}  // namespace lvs::core
