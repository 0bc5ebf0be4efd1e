// A nanny as a process of its own, as its users start it.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "common/io/unique_fd.h"

namespace lvs::nanny {

constexpr uid_t kNobody = 65534;

// Runs NANNY_BINARY. `prepare` acts in the child before the program starts.
class NannyProcess {
 public:
  NannyProcess(std::vector<std::string> words, const std::function<void()>& prepare) {
    words.insert(words.begin(), "nanny");
    std::vector<char*> argv;
    for (std::string& word : words) {
      argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    // Opened here, so that an unprivileged child need not be able to walk to it.
    const int program = ::open(NANNY_BINARY, O_PATH | O_CLOEXEC);
    pid_ = ::fork();
    if (pid_ == 0) {
      // Asio's sockets are inherited: a server of the test that nanny also held would never be
      // closed.
      ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
      prepare();
      ::fexecve(program, argv.data(), environ);
      ::_exit(127);
    }
    ::close(program);
  }
  ~NannyProcess() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  void signal(int number) const { ::kill(pid_, number); }

  // Exit status, or minus the signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  }

  // "Uid" -> "65534\t65534\t65534\t65534"
  std::string status(const std::string& name) const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
    std::string line;
    while (std::getline(file, line)) {
      if (line.starts_with(name + ":\t")) {
        return line.substr(name.size() + 2);
      }
    }
    return "";
  }

 private:
  pid_t pid_ = -1;
};

// As lvsd does it, when the test may.
inline void drop_privileges() {
  if (::geteuid() == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 ||
        ::setresuid(kNobody, kNobody, kNobody) != 0) {
      ::_exit(126);
    }
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

}  // namespace lvs::nanny
