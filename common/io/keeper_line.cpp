#include "common/io/keeper_line.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/io/log_sink.h"

namespace lvs::io {

void log_restart(const std::string& predecessor) {
  if (!predecessor.empty()) {
    log({Level::warning, "restarted", "", {{"predecessor", predecessor}}});
  }
}

std::unique_ptr<KeeperLine> KeeperLine::inherited(boost::asio::io_context& io, Callbacks call) {
  const char* variable = std::getenv(kKeeperFdVariable);
  const std::string_view text = variable == nullptr ? "" : variable;
  int fd = -1;
  std::from_chars(text.data(), text.data() + text.size(), fd);
  ::unsetenv(kKeeperFdVariable);
  if (fd < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return nullptr;
  }
  return std::unique_ptr<KeeperLine>(new KeeperLine(io, fd, std::move(call)));
}

KeeperLine::KeeperLine(boost::asio::io_context& io, int fd, Callbacks call)
    : line_(io, fd), call_(std::move(call)) {
  listen();
}

void KeeperLine::say(char word) {
  ::send(line_.native_handle(), &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void KeeperLine::listen() {
  line_.async_read_some(boost::asio::buffer(heard_), [this](auto error, size_t size) {
    if (!error) {
      take(size);
      listen();
    } else if (error != boost::asio::error::operation_aborted && call_.on_gone) {
      call_.on_gone();
    }
  });
}

// All answers in one write: after a long turn they reach the keeper together.
void KeeperLine::take(size_t size) {
  std::string answers;
  for (size_t i = 0; i < size; ++i) {
    if (heard_[i] == kPing) {
      answers += kPing;
    } else if (call_.on_word) {
      call_.on_word(heard_[i]);
    }
  }
  ::send(line_.native_handle(), answers.data(), answers.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace lvs::io
