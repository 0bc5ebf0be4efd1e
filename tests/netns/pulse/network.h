// A network of this test program's own: a namespace that dies with it, a veth pair in it, a
// neighbour in another one. Nothing here touches the machine's own network.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "common/time.h"

namespace lvs::pulse::netns {

inline std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string text;
  char chunk[4096];
  while (const size_t size = std::fread(chunk, 1, sizeof chunk, pipe)) {
    text.append(chunk, size);
  }
  ::pclose(pipe);
  return text;
}

inline void must(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

// How long a test waits for what must happen: far more than any of it takes on a busy machine.
constexpr std::chrono::milliseconds kPatience{30'000};

// Looks every 5 ms whether it has become true.
inline bool becomes_true(const std::function<bool()>& condition,
                         std::chrono::milliseconds limit = kPatience) {
  const TimePoint end = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= end) {
      return false;
    }
    ::poll(nullptr, 0, 5);
  }
  return true;
}

// This process in a fresh namespace with lo and one pair, eth0 and peer0, both up.
class OwnNetwork : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) {
      GTEST_SKIP() << "network namespaces need root";
    }
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    must(
        "ip link set lo up && ip link add eth0 type veth peer name peer0 && ip link set eth0 up && "
        "ip link set peer0 up");
  }
};

// Another namespace, held by a child that does nothing.
class Neighbourhood {
 public:
  Neighbourhood() {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::unshare(CLONE_NEWNET);
      [[maybe_unused]] const ssize_t n = ::write(pipe[1], "r", 1);
      while (true) {
        ::pause();
      }
    }
    char ready;
    [[maybe_unused]] const ssize_t n = ::read(pipe[0], &ready, 1);
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  ~Neighbourhood() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::string pid() const { return std::to_string(pid_); }
  std::string enter(const std::string& command) const {
    return "nsenter --net=/proc/" + pid() + "/ns/net -- " + command;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace lvs::pulse::netns
