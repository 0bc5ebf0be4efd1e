// active_cmd and inactive_cmd: started without a shell, apart from the arbiter's priority, session,
// signals and descriptors. Nothing of the arbitration waits for one, but they wait for each other:
// what was to be run later begins when what was to be run before has ended, and so the last one to
// end tells how things are now. Each has a time limit and is killed behind it; one that did not end
// well is told, with the first line that it wrote.
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::pulse {

// Words are separated by blanks; quotes keep blanks together. ("a 'b c'" -> a, b c)
std::vector<std::string> words_of(const std::string& command);

// At our own end, for all of them. Less than the keeper's patience with an arbiter that stops.
constexpr Duration kCommandPatience = std::chrono::seconds{5};
// More would come of roles that change faster than commands end: the oldest are dropped, and told.
constexpr size_t kCommandsWaitingMax = 8;

class Commands {
 public:
  explicit Commands(boost::asio::io_context& io) : io_(io), deadline_(io), limit_(io) {}
  // Behind all others; it may take so long.
  void run(const std::string& command, Duration time_limit);
  // Calls back once none runs any more, or after kCommandPatience. Of those that wait the last one
  // is given half of that.
  void finish(std::function<void()> done);

 private:
  struct Waiting {
    std::vector<std::string> words;
    Duration time_limit{0};
  };
  struct Running {
    boost::asio::posix::stream_descriptor process;
    pid_t id;
    io::UniqueFd output;
    Waiting command;
    bool is_overdue = false;
  };
  void begin_next();
  Result<Ok> begin(Waiting& command);
  void watch();
  void set_deadline(Duration after);
  void ended();
  void drop_the_oldest(size_t but);

  boost::asio::io_context& io_;
  boost::asio::steady_timer deadline_;
  boost::asio::steady_timer limit_;
  std::deque<Waiting> waiting_;
  std::optional<Running> running_;
  std::function<void()> done_;
};

}  // namespace lvs::pulse
