// A child's end of its line to the keeper that started it (pulse/io/keeper): an inherited socket,
// named by LVS_KEEPER_FD, over which single bytes go. The keeper sends kPing; the loop that does
// the child's work answers each with the same byte, so an answer proves that this loop turns.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

namespace lvs::io {

inline constexpr const char* kKeeperFdVariable = "LVS_KEEPER_FD";
inline constexpr char kPing = 'p';

// The first event of a child that was started again; nothing where `predecessor`, how the one
// before ended, is empty. What the keeper logs itself is in no event log.
void log_restart(const std::string& predecessor);

class KeeperLine {
 public:
  struct Callbacks {
    std::function<void(char)> on_word;  // Any byte but kPing.
    std::function<void()> on_gone;      // The keeper has ended.
  };

  // Nothing where no keeper started us. Our own children know nothing of the line.
  static std::unique_ptr<KeeperLine> inherited(boost::asio::io_context& io, Callbacks call);
  void say(char word);  // Never waits: what the keeper does not read is lost.

 private:
  KeeperLine(boost::asio::io_context& io, int fd, Callbacks call);
  void listen();
  void take(size_t size);

  boost::asio::posix::stream_descriptor line_;
  Callbacks call_;
  std::array<char, 256> heard_{};
};

}  // namespace lvs::io
