// The blocks of one kind in a configuration, shared: a copy of the list and a file that is read
// again hold the very same blocks where nothing has changed, so that whoever compares two
// configurations sees by their addresses what is new, and ten thousand servers are in memory once.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

namespace lvs::config {

template <typename T>
class Blocks {
 public:
  struct Entry {
    std::shared_ptr<const T> block;
    int line = 0;  // Where it is opened; lines within the block count from there. 0: in no file.
    bool operator==(const Entry& other) const {
      return block == other.block || *block == *other.block;
    }
  };

  class const_iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = T;
    using iterator_category = std::forward_iterator_tag;
    using reference = const T&;
    using pointer = const T*;
    const_iterator() = default;
    explicit const_iterator(const Entry* at) : at_(at) {}
    reference operator*() const { return *at_->block; }
    pointer operator->() const { return at_->block.get(); }
    const_iterator& operator++() {
      ++at_;
      return *this;
    }
    const_iterator operator++(int) { return const_iterator(at_++); }
    bool operator==(const const_iterator&) const = default;

   private:
    const Entry* at_ = nullptr;
  };

  Blocks() = default;
  Blocks(std::vector<T> blocks) {
    for (T& block : blocks) {
      push_back(std::move(block));
    }
  }
  Blocks(std::initializer_list<T> blocks) : Blocks(std::vector<T>(blocks)) {}

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  const T& operator[](size_t i) const { return *entries_[i].block; }
  const_iterator begin() const { return const_iterator(entries_.data()); }
  const_iterator end() const { return const_iterator(entries_.data() + entries_.size()); }
  const std::vector<Entry>& entries() const { return entries_; }

  void push_back(T block) { push_back({std::make_shared<const T>(std::move(block)), 0}); }
  void push_back(Entry entry) { entries_.push_back(std::move(entry)); }
  // A block of this list alone, to change it in place.
  T& edit(size_t i) {
    auto own = std::make_shared<T>(*entries_[i].block);
    entries_[i].block = own;
    return *own;
  }

  bool operator==(const Blocks&) const = default;

 private:
  std::vector<Entry> entries_;
};

}  // namespace lvs::config
