// At which pace the floating addresses are announced. Each is an ARP request and a reply, or a
// neighbour advertisement: thousands in one instant overrun the queue of a router's or a switch's
// processor, which then drops those of others too. Two lanes, since they are in a different hurry.
// Until an address was announced once, its clients talk to the director before us: twenty in a
// millisecond, 4,000 within a fifth of a second. The repetitions are for who missed that, and come
// at a pace that a slow router takes. What waits is not put in a second time: where there are very
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

class AnnounceLane {
 public:
  static constexpr int kAtOnce = 50;

  // In one turn `kAtOnce`, on average one in each `pause`; woken for `a_turn` of them.
  AnnounceLane(Duration pause, int a_turn) : pause_(pause), a_turn_(a_turn) {}

  void push(const Address& address) {
    if (is_waiting_.insert(address).second) {
      waiting_.push_back(address);
    }
  }
  void clear() {
    waiting_.clear();
    is_waiting_.clear();
  }

  bool is_empty() const { return waiting_.empty(); }

  // Adds those whose turn has come, taken out.
  void take_due(TimePoint now, std::vector<Address>& turn) {
    while (!waiting_.empty() && paid_until_ - now <= (kAtOnce - 1) * pause_) {
      turn.push_back(waiting_.front());
      is_waiting_.erase(waiting_.front());
      waiting_.pop_front();
      paid_until_ = std::max(paid_until_, now) + pause_;
    }
  }
  std::optional<TimePoint> wake_at() const {
    return waiting_.empty() ? std::nullopt
                            : std::optional(paid_until_ - (kAtOnce - a_turn_) * pause_);
  }

 private:
  Duration pause_;
  int a_turn_;
  std::deque<Address> waiting_;
  std::set<Address> is_waiting_;  // The same.
  TimePoint paid_until_{};        // What was sent would have taken until then at an even pace.
};

class AnnounceQueue {
 public:
  static constexpr Duration kFirstPause = std::chrono::microseconds{50};
  static constexpr Duration kPause = std::chrono::milliseconds{2};

  void push_first(const Address& address) { first_.push(address); }
  void push_again(const Address& address) { again_.push(address); }
  bool has_first() const { return !first_.is_empty(); }
  void clear() {
    first_.clear();
    again_.clear();
  }

  // Those whose turn has come, taken out.
  std::vector<Address> due(TimePoint now) {
    std::vector<Address> turn;
    first_.take_due(now, turn);
    again_.take_due(now, turn);
    return turn;
  }
  std::optional<TimePoint> wake_at() const {
    const auto first = first_.wake_at();
    const auto again = again_.wake_at();
    return first && again ? std::min(first, again) : first ? first : again;
  }

 private:
  AnnounceLane first_{kFirstPause, 20};
  AnnounceLane again_{kPause, 1};
};

}  // namespace lvs::pulse
