// Where two maps differ: keys that only one of them has, and those whose values are not the same.
#pragma once

#include <functional>
#include <set>

namespace lvs::lvsd {

template <typename Map, typename Same = std::equal_to<>>
std::set<typename Map::key_type> changed_keys(const Map& before, const Map& after, Same same = {}) {
  std::set<typename Map::key_type> changed;
  auto old = before.begin();
  for (const auto& [key, value] : after) {
    for (; old != before.end() && old->first < key; ++old) {
      changed.insert(old->first);
    }
    const bool was_there = old != before.end() && old->first == key;
    if (!was_there || !same(old->second, value)) {
      changed.insert(key);
    }
    old = was_there ? std::next(old) : old;
  }
  for (; old != before.end(); ++old) {
    changed.insert(old->first);
  }
  return changed;
}

}  // namespace lvs::lvsd
