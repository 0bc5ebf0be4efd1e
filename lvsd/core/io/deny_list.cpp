#include "lvsd/core/io/deny_list.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <set>
#include <vector>

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

bool is_within(const Prefix& prefix, const std::vector<Prefix>& wider) {
  return std::any_of(wider.begin(), wider.end(), [&](const Prefix& one) {
    return one.address.family() == prefix.address.family() && one.length <= prefix.length &&
           prefix.address.masked(one.length) == one.address;
  });
}

}  // namespace

DenyChange write_denied(Programs& programs, std::span<const Prefix> wanted) {
  const std::set<Prefix> before = listed(programs);
  const std::set<Prefix> after(wanted.begin(), wanted.end());
  DenyChange change;
  std::vector<Prefix> refused;
  for (const Prefix& prefix : after) {
    if (before.contains(prefix)) {
      continue;
    }
    if (enter(programs, prefix)) {
      ++change.added;
      continue;
    }
    if (refused.empty()) {
      change.refused = os_error(errno, "deny " + to_string(prefix));
    }
    refused.push_back(prefix);
  }
  count(programs);
  for (const Prefix& prefix : before) {
    if (!after.contains(prefix) && !is_within(prefix, refused)) {
      remove(programs, prefix);
      ++change.removed;
    }
  }
  count(programs);
  if (refused.size() > 1) {
    change.refused->what += ", and " + std::to_string(refused.size() - 1) + " more";
  }
  return change;
}

}  // namespace lvs::core
