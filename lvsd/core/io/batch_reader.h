// A hash map read from end to end, many entries to a system call: a thousand entries hold a CPU for
// less than a millisecond, and between two calls others have it.
#pragma once

#include <bpf/bpf.h>

#include <cerrno>
#include <cstdint>
#include <vector>

namespace lvs::core {

constexpr uint32_t kBatch = 1024;

template <typename Key, typename Value>
class BatchReader {
 public:
  // Where the next entries come from; 0: from the beginning, or again.
  uint32_t position() const { return is_first_ ? 0 : position_; }
  void go_to(uint32_t position) {
    position_ = position;
    is_first_ = position == 0;
  }

  // The next entries. False: those were the last, and the next call begins anew. A map that is not
  // there (-1) has none.
  template <typename Fn>
  bool read_some(int fd, Fn fn) {
    if (fd < 0) {
      return false;
    }
    keys_.resize(kBatch);
    values_.resize(kBatch);
    uint32_t count = kBatch;
    const int error = bpf_map_lookup_batch(fd, is_first_ ? nullptr : &position_, &position_,
                                           keys_.data(), values_.data(), &count, nullptr);
    const bool is_last = error != 0;
    if (is_last && errno != ENOENT) {
      count = 0;
    }
    for (uint32_t i = 0; i < count; ++i) {
      fn(keys_[i], values_[i]);
    }
    is_first_ = is_last;
    return !is_last;
  }

 private:
  std::vector<Key> keys_;
  std::vector<Value> values_;
  uint32_t position_ = 0;
  bool is_first_ = true;
};

}  // namespace lvs::core
