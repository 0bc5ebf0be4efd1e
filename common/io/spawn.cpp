#include "common/io/spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

namespace lvs::io {
namespace {

constexpr int kSocketBufferBytes = 4 << 20;

// Between fork and exec: only async-signal-safe calls.
void hand_over(const std::vector<int>& descriptors) {
  const int free_from = kFirstHelperDescriptor + static_cast<int>(descriptors.size());
  int next = kFirstHelperDescriptor;
  std::array<int, 8> aside{};  // Out of the way of each other's places.
  for (size_t i = 0; i < descriptors.size() && i < aside.size(); ++i) {
    aside[i] = ::fcntl(descriptors[i], F_DUPFD_CLOEXEC, free_from);
  }
  for (size_t i = 0; i < descriptors.size() && i < aside.size(); ++i) {
    ::dup2(aside[i], next++);
  }
  ::close_range(static_cast<unsigned>(free_from), ~0U, 0);
}

// Changing the user drops all capabilities.
bool change_user(const Helper::User& user) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0 &&
         ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

// The parent-death signal is cleared by a change of user, so it comes after. The program is opened
// before it: the user need not be able to look into the folder. A script must be found by its path.
[[noreturn]] void become(const Helper& helper, char* const* argv, pid_t parent) {
  hand_over(helper.descriptors);
  const int program = ::open(helper.path.c_str(), O_RDONLY | O_CLOEXEC);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  const bool changed = !helper.user || change_user(*helper.user);
  if (changed && ::prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && ::getppid() == parent) {
    auto* const environment = const_cast<char* const*>(kPlainEnvironment);
    ::fexecve(program, argv, environment);
    ::execve(helper.path.c_str(), argv, environment);
  }
  ::_exit(kExitNotExecuted);
}

}  // namespace

const char* const kPlainEnvironment[3] = {
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", nullptr};

Result<HelperProcess> start_helper(const Helper& helper) {
  if (::access(helper.path.c_str(), X_OK) != 0) {
    return os_error(errno, helper.path);
  }
  std::vector<char*> argv;
  for (const std::string& word : helper.words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  HelperProcess process;
  process.pid = ::fork();
  if (process.pid < 0) {
    return os_error(errno, helper.path + ": fork");
  }
  if (process.pid == 0) {
    become(helper, argv.data(), parent);
  }
  process.handle = UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0))};
  if (!process.handle) {
    const int error = errno;
    ::kill(process.pid, SIGKILL);
    ::waitpid(process.pid, nullptr, 0);
    return os_error(error, helper.path + ": pidfd_open");
  }
  return process;
}

std::string program_beside_us(const std::string& name) {
  std::array<char, 4096> path{};
  const ssize_t n = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  const std::string own(path.data(), n > 0 ? static_cast<size_t>(n) : 0);
  return own.substr(0, own.rfind('/') + 1) + name;
}

Result<std::pair<UniqueFd, UniqueFd>> packet_pair() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return os_error(errno, "socket pair");
  }
  for (const int fd : pair) {
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
  return std::pair{UniqueFd{pair[0]}, UniqueFd{pair[1]}};
}

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return std::string("killed by signal ") + std::to_string(WTERMSIG(wait_status));
  }
  const int exit_status = WEXITSTATUS(wait_status);
  return exit_status == kExitNotExecuted ? "could not be executed"
                                         : "exit status " + std::to_string(exit_status);
}

}  // namespace lvs::io
