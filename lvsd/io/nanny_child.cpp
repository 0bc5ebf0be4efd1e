#include "lvsd/io/nanny_child.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <cstring>
#include <deque>
#include <utility>

#include "common/io/log_sink.h"
#include "common/io/unique_fd.h"
#include "common/monitor_codec.h"

namespace lvs::lvsd::io {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using lvs::io::UniqueFd;

constexpr int kSocketInChild = 3;
constexpr int kVerdictsPerTurn = 256;  // Then the loop serves others first.
constexpr int kExitNotExecuted = 127;
constexpr int kSocketBufferBytes = 4 << 20;

struct User {
  uid_t uid;
  gid_t gid;
};

User unprivileged_user() {
  for (const char* name : {"nanny", "nobody"}) {
    if (const passwd* entry = ::getpwnam(name)) {
      return {entry->pw_uid, entry->pw_gid};
    }
  }
  return {65534, 65534};
}

std::string program_beside_us() {
  std::array<char, 4096> path{};
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string own(path.data(), n > 0 ? static_cast<size_t>(n) : 0);
  return own.substr(0, own.rfind('/') + 1) + "nanny";
}

std::string choose_program(const std::string& client_monitor) {
  const bool is_program = !client_monitor.empty() && ::access(client_monitor.c_str(), X_OK) == 0;
  return is_program ? client_monitor : program_beside_us();
}

// Between fork and exec: only async-signal-safe calls. Changing the user drops all capabilities;
// the parent-death signal is cleared by it, so it comes after. The program is opened before it:
// nanny's user need not be able to look into the folder. A script it must find by its path.
[[noreturn]] void become_nanny(const std::string& path, const char* const* argv, int socket,
                               User user, pid_t parent) {
  if (socket == kSocketInChild) {
    ::fcntl(socket, F_SETFD, 0);
  } else {
    ::dup2(socket, kSocketInChild);
  }
  ::close_range(kSocketInChild + 1, ~0U, 0);
  const int program = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const bool dropped =
      ::setgroups(0, nullptr) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
      ::setresuid(user.uid, user.uid, user.uid) == 0 &&
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0;
  if (dropped && ::getppid() == parent) {
    auto* const arguments = const_cast<char* const*>(argv);
    ::fexecve(program, arguments, environ);
    ::execv(path.c_str(), arguments);
  }
  ::_exit(kExitNotExecuted);
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    return std::string("killed by signal ") + std::to_string(WTERMSIG(status));
  }
  const int exit_status = WEXITSTATUS(status);
  return exit_status == kExitNotExecuted ? "could not be executed"
                                         : "exit status " + std::to_string(exit_status);
}

}  // namespace

struct NannyChild::Process : std::enable_shared_from_this<Process> {
  Process(asio::io_context& io, pid_t child, UniqueFd ends, UniqueFd own_socket,
          Callbacks callbacks)
      : pid(child),
        pidfd(io, ends.release()),
        socket(io, own_socket.release()),
        call(std::move(callbacks)) {}

  void watch_end() {
    pidfd.async_wait(Descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) {
                         self->end();
                       }
                     });
  }

  void end() {
    int status = 0;
    ::waitpid(pid, &status, 0);
    boost::system::error_code ignored;
    socket.close(ignored);
    const auto on_gone = std::exchange(call, {}).on_gone;
    if (on_gone) {
      on_gone(how_it_ended(status));
    }
  }

  void read() {
    socket.async_wait(Descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        if (!error && self->receive()) {
                          self->read();
                        }
                      });
  }

  // False at the end of the conversation: the pidfd tells the rest.
  bool receive() {
    for (int turn = 0; turn < kVerdictsPerTurn && call.on_verdict; ++turn) {
      const ssize_t n = ::recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_TRUNC);
      if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
      }
      if (n == 0) {
        ::kill(pid, SIGKILL);  // It hung up: useless now, and on_gone wants it dead.
        return false;
      }
      take(static_cast<size_t>(n));
    }
    return static_cast<bool>(call.on_verdict);
  }

  void take(size_t size) {
    const auto answer = size <= buffer.size()
                            ? decode_monitor_answer(std::string_view(buffer.data(), size))
                            : Result<MonitorAnswer>(
                                  Error{EMSGSIZE, "packet of " + std::to_string(size) + " bytes"});
    if (!answer) {
      lvs::io::log({Level::warning, "nanny-nonsense", "", {{"error", answer.error().what}}});
    } else if (const auto* pong = std::get_if<Pong>(&*answer)) {
      call.on_pong(*pong);
    } else {
      call.on_verdict(std::get<Verdict>(*answer));
    }
  }

  void write() {
    while (!outgoing.empty()) {
      const std::string& packet = outgoing.front();
      const ssize_t n = ::send(socket.native_handle(), packet.data(), packet.size(), MSG_NOSIGNAL);
      if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
        return wait_for_room();
      }
      if (n < 0 && errno != EINTR) {
        outgoing.clear();  // Its end is near: watch_end() tells.
        return;
      }
      if (n >= 0) {
        outgoing.pop_front();
      }
    }
  }

  void wait_for_room() {
    if (std::exchange(waiting_for_room, true)) {
      return;
    }
    socket.async_wait(Descriptor::wait_write,
                      [self = shared_from_this()](const boost::system::error_code& error) {
                        self->waiting_for_room = false;
                        if (!error) {
                          self->write();
                        }
                      });
  }

  pid_t pid;
  Descriptor pidfd;
  Descriptor socket;
  Callbacks call;
  std::deque<std::string> outgoing;
  bool waiting_for_room = false;
  std::array<char, kMonitorPacketMax> buffer{};
};

Result<std::unique_ptr<NannyChild>> NannyChild::start(asio::io_context& io, const Program& program,
                                                      Callbacks call) {
  const std::string path = choose_program(program.client_monitor);
  if (::access(path.c_str(), X_OK) != 0) {
    return os_error(errno, path);
  }
  std::vector<const char*> argv{"nanny", "--lvsd"};
  if (program.log_to_stderr) {
    argv.push_back("-n");
  }
  if (program.verbose) {
    argv.push_back("-v");
  }
  argv.push_back(nullptr);
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return os_error(errno, "socket pair for nanny");
  }
  UniqueFd ours{pair[0]};
  const UniqueFd theirs{pair[1]};
  for (const int fd : pair) {
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  const User user = unprivileged_user();
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return os_error(errno, "fork");
  }
  if (pid == 0) {
    become_nanny(path, argv.data(), theirs.get(), user, parent);
  }
  UniqueFd ends{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!ends) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return os_error(error, "watch nanny");
  }
  auto process =
      std::make_shared<Process>(io, pid, std::move(ends), std::move(ours), std::move(call));
  process->watch_end();
  process->read();
  return std::unique_ptr<NannyChild>(new NannyChild(std::move(process)));
}

NannyChild::~NannyChild() {
  if (!process_->call.on_gone) {
    return;  // It has ended already.
  }
  process_->call = {};
  ::kill(process_->pid, SIGKILL);
}

int NannyChild::pid() const {
  return process_->pid;
}

void NannyChild::send(const std::vector<MonitorOrder>& orders) {
  for (const auto& order : orders) {
    process_->outgoing.push_back(encode(order));
  }
  if (!process_->waiting_for_room) {
    process_->write();
  }
}

}  // namespace lvs::lvsd::io
