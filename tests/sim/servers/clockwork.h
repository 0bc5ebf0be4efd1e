// Virtual time: what is to happen, in the order of (time, serial). It begins at hour 1000, so that
// a time point that nobody set is long ago.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

#include "common/time.h"

namespace lvs::sim::servers {

class Clockwork {
 public:
  using What = std::function<void()>;

  TimePoint now() const { return now_; }
  void at(TimePoint when, What what) {
    queue_.push_back({std::max(when, now_), ++serial_, std::move(what)});
    std::ranges::push_heap(queue_, later);
  }
  void after(Duration delay, What what) { at(now_ + delay, std::move(what)); }
  // False: nothing happens until then, and it is then.
  bool next(TimePoint until) {
    if (queue_.empty() || queue_.front().at > until) {
      now_ = until;
      return false;
    }
    std::ranges::pop_heap(queue_, later);
    Item item = std::move(queue_.back());
    queue_.pop_back();
    now_ = item.at;
    item.what();
    return true;
  }

 private:
  struct Item {
    TimePoint at;
    uint64_t serial;
    What what;
  };
  static bool later(const Item& a, const Item& b) {
    return a.at != b.at ? a.at > b.at : a.serial > b.serial;
  }

  TimePoint now_{std::chrono::hours{1000}};
  uint64_t serial_ = 0;
  std::vector<Item> queue_;
};

}  // namespace lvs::sim::servers
