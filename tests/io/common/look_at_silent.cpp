// Why a daemon does not answer, told of real processes: one that is not there, one that is
// starting, one that stands still, one that has ended.
#include "common/io/look_at_silent.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "common/io/local_socket.h"

namespace lvs::io {
namespace {

class LookAtSilent : public testing::Test {
 protected:
  LookAtSilent() { socket_ = std::string(::mkdtemp(name_)) + "/daemon"; }
  ~LookAtSilent() override {
    if (daemon_ > 0) {
      ::kill(daemon_, SIGKILL);
      ::waitpid(daemon_, nullptr, 0);
    }
    std::filesystem::remove_all(name_);
  }

  // It has its socket's lock, and stands still by its own wish.
  void start(bool is_starting) {
    daemon_ = ::fork();
    if (daemon_ == 0) {
      const auto lock = claim_socket_path(socket_);
      note_starting(*lock, is_starting);
      ::raise(SIGSTOP);
      ::pause();
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(daemon_, &status, WUNTRACED), daemon_);
    ASSERT_TRUE(WIFSTOPPED(status));
  }
  void go_on() {
    int status = 0;
    ::kill(daemon_, SIGCONT);
    ::waitpid(daemon_, &status, WCONTINUED);
  }

  char name_[32] = "/tmp/lvs-silent-XXXXXX";
  std::string socket_;
  pid_t daemon_ = 0;
};

TEST_F(LookAtSilent, WhoIsNotThereIsNotRunning) {
  EXPECT_EQ(look_at_silent(socket_).why, Silence::not_running);
  EXPECT_EQ(to_string(look_at_silent(socket_)), "not running");
}

TEST_F(LookAtSilent, WhoIsStartingSaysSo) {
  start(true);
  EXPECT_EQ(look_at_silent(socket_).why, Silence::silent) << "stopped, it will not get there";
  go_on();
  const auto seen = look_at_silent(socket_);
  EXPECT_EQ(to_string(seen), "starting (pid " + std::to_string(daemon_) + ")");
  EXPECT_FALSE(seen.is_stopped);
}

TEST_F(LookAtSilent, WhoStandsStillDoesNotAnswer) {
  start(false);
  const auto seen = look_at_silent(socket_);
  EXPECT_EQ(to_string(seen),
            "does not answer (pid " + std::to_string(daemon_) + ", stopped by a signal)");
  EXPECT_EQ(advice_for(seen).substr(0, 10), "kill -CONT");
  go_on();
  EXPECT_EQ(to_string(look_at_silent(socket_)),
            "does not answer (pid " + std::to_string(daemon_) + ")");
}

TEST_F(LookAtSilent, WhoWasKilledWhileItStartedIsNotRunning) {
  start(true);
  ::kill(daemon_, SIGKILL);
  ::waitpid(daemon_, nullptr, 0);
  daemon_ = 0;
  EXPECT_EQ(look_at_silent(socket_).why, Silence::not_running) << "what it wrote is left";
}

TEST_F(LookAtSilent, LookingKeepsNobodyFromStarting) {
  (void)look_at_silent(socket_);
  start(false);
  EXPECT_EQ(look_at_silent(socket_).pid, daemon_);
  EXPECT_EQ(claim_socket_path(socket_).error().code, EADDRINUSE);
}

}  // namespace
}  // namespace lvs::io
