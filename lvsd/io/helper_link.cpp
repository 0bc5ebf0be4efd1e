#include "lvsd/io/helper_link.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <utility>

#include "common/io/log_sink.h"

namespace lvs::lvsd::io {
namespace {

constexpr int kAnswersPerTurn = 256;  // Then the loop serves others first.

}  // namespace

HelperLink::HelperLink(boost::asio::io_context& io, lvs::io::HelperProcess process,
                       lvs::io::UniqueFd ours, std::string name, Callbacks call)
    : pid_(process.pid),
      handle_(io, process.handle.release()),
      socket_(io, ours.release()),
      name_(std::move(name)),
      call_(std::move(call)) {
}

std::shared_ptr<HelperLink> HelperLink::watch(boost::asio::io_context& io,
                                              lvs::io::HelperProcess process,
                                              lvs::io::UniqueFd ours, std::string name,
                                              Callbacks call) {
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  std::shared_ptr<HelperLink> link(
      new HelperLink(io, std::move(process), std::move(ours), std::move(name), std::move(call)));
  link->watch_end();
  link->read();
  return link;
}

void HelperLink::watch_end() {
  handle_.async_wait(Descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) {
                         self->on_end();
                       }
                     });
}

void HelperLink::on_end() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  has_ended_ = true;
  boost::system::error_code ignored;
  socket_.close(ignored);
  const auto on_gone = std::exchange(call_, {}).on_gone;
  if (on_gone) {
    on_gone(lvs::io::how_it_ended(status));
  }
}

void HelperLink::end() {
  call_ = {};
  if (!has_ended_) {
    ::kill(pid_, SIGKILL);
  }
}

void HelperLink::read() {
  socket_.async_wait(Descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error && self->receive()) {
                         self->read();
                       }
                     });
}

// False at the end of the conversation: the pidfd tells the rest.
bool HelperLink::receive() {
  for (int turn = 0; turn < kAnswersPerTurn && call_.on_answer; ++turn) {
    const ssize_t n = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    if (n == 0) {
      ::kill(pid_, SIGKILL);  // It hung up: useless now, and on_gone wants it dead.
      return false;
    }
    take(static_cast<size_t>(n));
  }
  return static_cast<bool>(call_.on_answer);
}

void HelperLink::take(size_t size) {
  const auto answer =
      size <= buffer_.size()
          ? decode_monitor_answer(std::string_view(buffer_.data(), size))
          : Result<MonitorAnswer>(Error{EMSGSIZE, "packet of " + std::to_string(size) + " bytes"});
  if (!answer) {
    lvs::io::log({Level::warning, name_ + "-nonsense", "", {{"error", answer.error().what}}});
    return;
  }
  call_.on_answer(*answer);
}

void HelperLink::send(std::string packet) {
  outgoing_.push_back(std::move(packet));
  if (!waiting_for_room_) {
    write();
  }
}

void HelperLink::write() {
  while (!outgoing_.empty()) {
    const std::string& packet = outgoing_.front();
    const ssize_t n = ::send(socket_.native_handle(), packet.data(), packet.size(), MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
      return wait_for_room();
    }
    if (n < 0 && errno != EINTR) {
      outgoing_.clear();  // Its end is near: watch_end() tells.
      return;
    }
    if (n >= 0) {
      outgoing_.pop_front();
    }
  }
}

void HelperLink::wait_for_room() {
  if (std::exchange(waiting_for_room_, true)) {
    return;
  }
  socket_.async_wait(Descriptor::wait_write,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->waiting_for_room_ = false;
                       if (!error) {
                         self->write();
                       }
                     });
}

}  // namespace lvs::lvsd::io
