// Joins a pure core to its shell: feeds an event, performs the actions in the order given, arms the
// one timer.
//
// Core:  Step step(const Event&, TimePoint now), or step(Event, TimePoint now) where it keeps what
//        it is given; Step has `std::vector<Action> actions` (a variant) and
//        `std::optional<TimePoint> wake_at`.
// Shell: an overload of perform(const A&) for each alternative of Action, or perform(A) where it
//        keeps what it is given; one that is missing does not compile. Actions may feed further
//        events: they are queued and stepped after the current actions are done, never nested.
//        Where it has a hear_what_waits(), that is called before each wake-up: what came before the
//        clock had its say comes first.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <optional>
#include <variant>

#include "common/time.h"

namespace lvs::io {

template <typename Core, typename Shell, typename Event, typename WakeEvent>
class Driver {
 public:
  Driver(boost::asio::io_context& io, Core& core, Shell& shell)
      : timer_(io), core_(core), shell_(shell) {}

  void feed(Event event) {
    queue_.push_back(std::move(event));
    if (running_) {
      return;
    }
    running_ = true;
    while (!queue_.empty()) {
      Event next = std::move(queue_.front());
      queue_.pop_front();
      auto step = core_.step(std::move(next), Clock::now());
      for (auto& action : step.actions) {
        std::visit([this](auto& a) { shell_.perform(std::move(a)); }, action);
      }
      arm(step.wake_at);
    }
    running_ = false;
  }

 private:
  void arm(std::optional<TimePoint> wake_at) {
    timer_.cancel();
    if (!wake_at) {
      return;
    }
    timer_.expires_after(*wake_at - Clock::now());
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) {
        return;
      }
      if constexpr (requires { shell_.hear_what_waits(); }) {
        shell_.hear_what_waits();
      }
      feed(WakeEvent{});
    });
  }

  boost::asio::steady_timer timer_;
  Core& core_;
  Shell& shell_;
  std::deque<Event> queue_;
  bool running_ = false;
};

}  // namespace lvs::io
