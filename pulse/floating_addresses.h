// The floating addresses of a pair: in the order of lvs.cf, and each found by its address at once.
// A pair may have thousands, and the kernel tells of each by an event of its own: what looks
// through all of them at each event takes longer than the takeover that it belongs to.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/config/model.h"

namespace lvs::pulse {

using config::FloatingAddress;

class FloatingAddresses {
 public:
  FloatingAddresses() = default;
  FloatingAddresses(std::initializer_list<FloatingAddress> list) {
    for (const FloatingAddress& address : list) {
      push_back(address);
    }
  }
  explicit FloatingAddresses(std::vector<FloatingAddress> list) {
    for (FloatingAddress& address : list) {
      push_back(std::move(address));
    }
  }

  // Nothing happens where the address is there already.
  void push_back(FloatingAddress address) {
    if (place_.emplace(address.address, list_.size()).second) {
      devices_.insert(address.device);
      list_.push_back(std::move(address));
    }
  }
  void clear() { *this = {}; }

  const FloatingAddress* find(const Address& address) const {
    const auto found = place_.find(address);
    return found == place_.end() ? nullptr : &list_[found->second];
  }
  bool contains(const Address& address) const { return place_.contains(address); }
  // With the same device, label and prefix.
  bool contains(const FloatingAddress& address) const {
    const FloatingAddress* found = find(address.address);
    return found != nullptr && *found == address;
  }
  bool is_last(const Address& address) const {
    return !list_.empty() && list_.back().address == address;
  }
  // All that one of them lives on.
  const std::set<std::string>& devices() const { return devices_; }

  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  size_t size() const { return list_.size(); }
  bool empty() const { return list_.empty(); }
  std::span<const FloatingAddress> first(size_t at_most) const {
    return std::span(list_).first(std::min(list_.size(), at_most));
  }

  bool operator==(const FloatingAddresses& other) const { return list_ == other.list_; }

 private:
  std::vector<FloatingAddress> list_;
  std::map<Address, size_t> place_;  // In the list.
  std::set<std::string> devices_;
};

}  // namespace lvs::pulse
