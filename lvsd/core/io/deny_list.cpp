#include "lvsd/core/io/deny_list.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <set>

#include "lvsd/core/io/reading.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

bool enter(const Programs& programs, const Prefix& prefix) {
  constexpr lvs_denied kNone{};
  if (prefix.address.is_v4()) {
    const auto key = deny_key4(prefix);
    return bpf_map_update_elem(programs.fd(Map::denied), &key, &kNone, BPF_ANY) == 0;
  }
  const auto key = deny_key6(prefix);
  return bpf_map_update_elem(programs.fd(Map::denied6), &key, &kNone, BPF_ANY) == 0;
}

void remove(const Programs& programs, const Prefix& prefix) {
  if (prefix.address.is_v4()) {
    const auto key = deny_key4(prefix);
    bpf_map_delete_elem(programs.fd(Map::denied), &key);
    return;
  }
  const auto key = deny_key6(prefix);
  bpf_map_delete_elem(programs.fd(Map::denied6), &key);
}

std::set<Prefix> listed(const Programs& programs) {
  std::set<Prefix> all;
  for (const auto& one : denied(programs.tables())) {
    all.insert(one.prefix);
  }
  return all;
}

// What the packet path asks first.
void count(Programs& programs) {
  uint32_t of_family[2] = {};
  for (const Prefix& prefix : listed(programs)) {
    ++of_family[prefix.address.is_v4() ? 0 : 1];
  }
  for (size_t i = 0; i < std::size(of_family); ++i) {
    __atomic_store_n(&programs.config().denied[i], of_family[i], __ATOMIC_RELEASE);
  }
}

}  // namespace

Result<DenyChange> write_denied(Programs& programs, std::span<const Prefix> wanted) {
  const std::set<Prefix> before = listed(programs);
  const std::set<Prefix> after(wanted.begin(), wanted.end());
  DenyChange change;
  for (const Prefix& prefix : after) {
    if (before.contains(prefix)) {
      continue;
    }
    if (!enter(programs, prefix)) {
      const int code = errno;
      count(programs);
      return os_error(code, "deny " + to_string(prefix));
    }
    ++change.added;
  }
  count(programs);
  for (const Prefix& prefix : before) {
    if (!after.contains(prefix)) {
      remove(programs, prefix);
      ++change.removed;
    }
  }
  count(programs);
  return change;
}

}  // namespace lvs::core
