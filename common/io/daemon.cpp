#include "common/io/daemon.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>

#include "common/io/log_sink.h"
#include "common/io/notify.h"

namespace lvs::io {
namespace {

constexpr char kReadyByte = 'r';

// The first parent: lives until the daemon is ready or gone, then reports as its own exit status.
[[noreturn]] void wait_for_daemon(UniqueFd pipe, pid_t child) {
  char byte = 0;
  ssize_t n;
  do {
    n = ::read(pipe.get(), &byte, 1);
  } while (n < 0 && errno == EINTR);
  ::waitpid(child, nullptr, 0);
  ::_exit(n == 1 && byte == kReadyByte ? EXIT_SUCCESS : EXIT_FAILURE);
}

void close_standard_streams() {
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) {
    ::dup2(null, fd);
  }
  if (null > 2) {
    ::close(null);
  }
}

}  // namespace

Result<Background> Background::enter() {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    return os_error(errno, "pipe");
  }
  UniqueFd reader{pipe[0]};
  Background background;
  background.parent_ = UniqueFd{pipe[1]};
  const pid_t child = ::fork();
  if (child < 0) {
    return os_error(errno, "fork");
  }
  if (child > 0) {
    background.parent_ = UniqueFd{};
    wait_for_daemon(std::move(reader), child);
  }
  ::setsid();
  if (::fork() != 0) {
    ::_exit(EXIT_SUCCESS);
  }
  ::chdir("/");
  return background;
}

void Background::ready() {
  tell_init("READY=1");
  if (!parent_) {
    return;
  }
  close_standard_streams();
  [[maybe_unused]] const ssize_t n = ::write(parent_.get(), &kReadyByte, 1);
  parent_ = UniqueFd{};
}

Result<PidFile> PidFile::create(const std::string& path) {
  UniqueFd fd{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)};
  if (!fd) {
    return os_error(errno, path);
  }
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{EEXIST, path + ": held by a running process"};
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 || ::write(fd.get(), text.data(), text.size()) < 0) {
    return os_error(errno, path);
  }
  return PidFile(path, std::move(fd));
}

PidFile::~PidFile() {
  if (fd_) {
    ::unlink(path_.c_str());
  }
}

Signals::Signals(boost::asio::io_context& io, std::function<void(int)> on_stop,
                 std::function<void()> on_reload)
    : set_(io, SIGTERM, SIGINT, SIGHUP),
      on_stop_(std::move(on_stop)),
      on_reload_(std::move(on_reload)) {
  std::signal(SIGPIPE, SIG_IGN);
  wait();
}

void Signals::wait() {
  set_.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) {
      return;
    }
    if (number == SIGHUP) {
      on_reload_();
    } else {
      on_stop_(number);
    }
    wait();
  });
}

void tell_init(const std::string& state) {
  if (const auto told = notify_init(state); !told) {
    log({Level::warning, "init-not-told", "", {{"state", state}, {"error", told.error().what}}});
  }
}

std::string version_line(const std::string& program) {
  return program + " (Caribe) " CARIBE_VERSION;
}

}  // namespace lvs::io
