// At which pace the floating addresses are announced. Each is an ARP request and a reply, or a
// neighbour advertisement: hundreds in one instant overrun the queue of a router's or a switch's
// processor, which then drops those of others too. So the first are sent at once and the rest one
// after the other. An address that still waits is not put in a second time: where there are very
// many, the repetitions of the plan grow together.
#pragma once

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "common/address.h"
#include "common/time.h"

namespace lvs::pulse {

class AnnounceQueue {
 public:
  static constexpr int kAtOnce = 50;
  static constexpr Duration kPause = std::chrono::milliseconds{2};

  void push(const Address& address) {
    if (is_waiting_.insert(address).second) {
      waiting_.push_back(address);
    }
  }
  void clear() {
    waiting_.clear();
    is_waiting_.clear();
  }

  // Those whose turn has come, taken out.
  std::vector<Address> due(TimePoint now) {
    std::vector<Address> turn;
    while (!waiting_.empty() && may_send(now)) {
      turn.push_back(waiting_.front());
      is_waiting_.erase(waiting_.front());
      waiting_.pop_front();
      paid_until_ = std::max(paid_until_, now) + kPause;
    }
    return turn;
  }
  std::optional<TimePoint> wake_at() const {
    return waiting_.empty() ? std::nullopt : std::optional(paid_until_ - (kAtOnce - 1) * kPause);
  }

 private:
  bool may_send(TimePoint now) const { return paid_until_ - now <= (kAtOnce - 1) * kPause; }

  std::deque<Address> waiting_;
  std::set<Address> is_waiting_;  // The same.
  TimePoint paid_until_{};        // What was sent would have taken until then at an even pace.
};

}  // namespace lvs::pulse
