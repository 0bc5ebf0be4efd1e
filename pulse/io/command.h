// active_cmd and inactive_cmd: started without a shell, apart from the arbiter's priority, session,
// signals and descriptors. Nobody waits for one, but at our own end the last is given time; how
// each ended is told when it did not end well.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace lvs::pulse {

// Words are separated by blanks; quotes keep blanks together. ("a 'b c'" -> a, b c)
std::vector<std::string> words_of(const std::string& command);

// Less than the keeper's patience with an arbiter that stops.
constexpr Duration kCommandPatience = std::chrono::seconds{5};

class Commands {
 public:
  explicit Commands(boost::asio::io_context& io) : io_(io), limit_(io) {}
  Result<Ok> start(const std::string& command);
  // Calls back once none runs any more, or after kCommandPatience.
  void finish(std::function<void()> done);

 private:
  struct Running {
    boost::asio::posix::stream_descriptor process;
    std::string name;
  };
  using Place = std::list<Running>::iterator;
  void watch(Place running);
  void ended(Place running);

  boost::asio::io_context& io_;
  boost::asio::steady_timer limit_;
  std::list<Running> running_;
  std::function<void()> done_;
};

}  // namespace lvs::pulse
