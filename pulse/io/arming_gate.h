// What is done to floating addresses waits until our core is armed, but not long: a client that
// comes by an address whose core is not there yet is refused by the local stack. Everything waits
// in its order, so that nothing is added after it was removed.
#pragma once

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <utility>

#include "common/time.h"

namespace lvs::pulse {

class ArmingGate {
 public:
  explicit ArmingGate(boost::asio::io_context& io) : timer_(io) {}

  // A core is armed within some milliseconds, on a machine that is busy in some hundred: who waits
  // that much longer loses less than who is refused.
  static Duration patience(Duration deadtime) {
    return std::min<Duration>(std::chrono::seconds{2}, deadtime / 4);
  }

  void close(Duration at_most) {
    is_closed_ = true;
    timer_.expires_after(at_most);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) {
        open();
      }
    });
  }

  // What an action brings about waits behind those that wait already.
  void open() {
    timer_.cancel();
    while (!waiting_.empty()) {
      const auto action = std::move(waiting_.front().action);
      waiting_.pop_front();
      action();
    }
    is_closed_ = false;
  }

  // It does not serve after all: what was to be done for that is not done any more.
  void call_off() {
    std::erase_if(waiting_, [](const Waiting& each) { return each.only_if_serving; });
    open();
  }

  // Now, or when it opens.
  void pass(std::function<void()> action) { let_pass({std::move(action), false}); }
  void pass_if_serving(std::function<void()> action) { let_pass({std::move(action), true}); }

 private:
  struct Waiting {
    std::function<void()> action;
    bool only_if_serving;
  };

  void let_pass(Waiting one) {
    if (is_closed_) {
      waiting_.push_back(std::move(one));
    } else {
      one.action();
    }
  }

  boost::asio::steady_timer timer_;
  bool is_closed_ = false;
  std::deque<Waiting> waiting_;
};

}  // namespace lvs::pulse
