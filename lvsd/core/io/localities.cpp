#include "lvsd/core/io/localities.h"

#include <algorithm>

namespace lvs::core {

using namespace std::chrono_literals;

namespace {

constexpr auto kEvery = 60s;
constexpr int kStridesAtOnce = 8;
constexpr uint64_t kSecond = 1'000'000'000;

template <typename T>
T load(const T& from) {
  return __atomic_load_n(&from, __ATOMIC_ACQUIRE);
}

}  // namespace

void Localities::go_on(TimePoint now) {
  if (!is_in_pass_) {
    if (next_ && now < *next_) {
      return;
    }
    const bool is_first = !next_;
    next_ = now + kEvery;
    may_be_any_ |= is_any_service();
    if (is_first || !may_be_any_) {
      return;
    }
    is_in_pass_ = true;
    aging_.begin();
    reader_.go_to(0);
  }
  for (int i = 0; i < kStridesAtOnce; ++i) {
    if (!stride()) {
      end_pass();
      return;
    }
  }
}

bool Localities::stride() {
  const int map = programs_.fd(Map::localities);
  const uint64_t now = monotonic_ns();
  std::vector<lvs_locality_key> gone;
  const bool is_more =
      reader_.read_some(map, [&](const lvs_locality_key& key, const lvs_locality& locality) {
        if (aging_.goes(key, locality, owner_of(key.service), now)) {
          gone.push_back(key);
        }
      });
  for (const auto& key : gone) {
    bpf_map_delete_elem(map, &key);
  }
  return is_more;
}

void Localities::end_pass() {
  is_in_pass_ = false;
  may_be_any_ = aging_.is_any_left();
  for (uint32_t id = 0; id < programs_.services().size(); ++id) {
    auto& service = programs_.services()[id];
    if (owner_of(id).is_by_locality) {
      __atomic_store_n(&service.cached, aging_.stayed(id, service.cache), __ATOMIC_RELEASE);
    }
  }
}

bool Localities::is_any_service() const {
  for (uint32_t id = 0; id < programs_.services().size(); ++id) {
    if (owner_of(id).is_by_locality) {
      return true;
    }
  }
  return false;
}

CacheOwner Localities::owner_of(uint32_t id) const {
  if (id >= programs_.services().size()) {
    return {};
  }
  const auto& service = programs_.services()[id];
  const uint32_t slice = LVS_CURRENT_SLICE(load(service.current));
  if (slice == 0) {
    return {};
  }
  const uint32_t scheduler = reinterpret_cast<const lvs_slice&>(programs_.slots()[slice]).scheduler;
  const auto which = scheduler == LVS_LBLC ? LVS_LBLC_EXPIRATION : LVS_LBLCR_EXPIRATION;
  return {.is_by_locality = scheduler == LVS_LBLC || scheduler == LVS_LBLCR,
          .cache = load(service.cache),
          .cached = load(service.cached),
          .expiration_ns = load(programs_.config().settings[which]) * kSecond};
}

}  // namespace lvs::core
