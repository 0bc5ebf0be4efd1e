#include "nanny/io/probe_script.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "nanny/io/endpoint.h"
#include "nanny/script.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using lvs::io::UniqueFd;

struct Child {
  pid_t pid = -1;
  UniqueFd handle;  // pidfd
  UniqueFd output;
};

class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    posix_spawn_file_actions_init(&files_);
    posix_spawn_file_actions_addopen(&files_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files_, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files_, STDERR_FILENO + 1);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&files_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  int spawn(pid_t& pid, const std::vector<std::string>& words) const {
    std::vector<char*> argv;
    for (const std::string& word : words) {
      argv.push_back(const_cast<char*>(word.c_str()));
    }
    argv.push_back(nullptr);
    std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::string lang = "LANG=C";
    char* environment[] = {path.data(), lang.data(), nullptr};
    return ::posix_spawnp(&pid, argv[0], &files_, &attributes_, argv.data(), environment);
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

void kill_and_reap(pid_t pid) {
  ::kill(-pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

Result<Child> spawn(const std::vector<std::string>& words) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) {
    return os_error(errno, "script: pipe");
  }
  Child child;
  child.output = UniqueFd{pipe[0]};
  const UniqueFd writer{pipe[1]};
  const int code = SpawnPlan(writer.get()).spawn(child.pid, words);
  if (code != 0) {
    return os_error(code, "script: " + words[0]);
  }
  child.handle = UniqueFd{static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0))};
  if (!child.handle) {
    const int pidfd_errno = errno;
    kill_and_reap(child.pid);
    return os_error(pidfd_errno, "script: pidfd_open");
  }
  return child;
}

class ScriptRun : public std::enable_shared_from_this<ScriptRun> {
 public:
  ScriptRun(asio::io_context& io, const Endpoint& target, config::ScriptCheck check, Child child,
            Tell tell)
      : pid_(child.pid),
        exit_(io, child.handle.release()),
        output_(io, child.output.release()),
        deadline_(io),
        target_(target),
        check_(std::move(check)),
        tell_(std::move(tell)) {
    output_.non_blocking(true);
  }

  void start(Duration timeout) {
    deadline_.expires_after(timeout);
    deadline_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && self->tell_) {
        self->timed_out_ = true;
        ::kill(-self->pid_, SIGKILL);
      }
    });
    exit_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const error_code&) { self->on_exit(); });
    read_on();
  }

  // Kills at once and lets on_exit reap it, so that no loop turn is spent waiting.
  void cancel() {
    if (tell_) {
      tell_ = nullptr;
      ::kill(-pid_, SIGKILL);
      deadline_.cancel();
    }
  }

 private:
  void read_on() {
    output_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](const error_code& error) {
                         if (!error && self->tell_ && self->drain()) {
                           self->read_on();
                         }
                       });
  }

  // Everything that is there now; false at the end of the stream.
  bool drain() {
    std::array<char, 4096> buffer;
    error_code error;
    while (!error) {
      const size_t bytes = output_.read_some(asio::buffer(buffer), error);
      end_.output.append(buffer.data(), std::min(bytes, kScriptOutputMax - end_.output.size()));
    }
    return error == asio::error::would_block;
  }

  // The group is killed before its leader is reaped: until then its number cannot belong to anybody
  // else.
  void on_exit() {
    ::kill(-pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    if (!tell_) {
      return;
    }
    drain();
    deadline_.cancel();
    error_code ignored;
    output_.close(ignored);
    if (timed_out_) {
      end_.how = ScriptEnd::How::timed_out;
    } else if (WIFSIGNALED(status)) {
      end_.how = ScriptEnd::How::killed;
      end_.number = WTERMSIG(status);
    } else {
      end_.number = WEXITSTATUS(status);
    }
    const Tell tell = std::exchange(tell_, nullptr);
    tell(judge_script(check_, target_, end_));
  }

  pid_t pid_;
  asio::posix::stream_descriptor exit_;
  asio::posix::stream_descriptor output_;
  asio::steady_timer deadline_;
  Endpoint target_;
  config::ScriptCheck check_;
  Tell tell_;  // Empty: ended or cancelled.
  ScriptEnd end_;
  bool timed_out_ = false;
};

class ScriptProbe : public Probe {
 public:
  explicit ScriptProbe(std::shared_ptr<ScriptRun> run) : run_(std::move(run)) {}
  ~ScriptProbe() override { run_->cancel(); }

 private:
  std::shared_ptr<ScriptRun> run_;
};

}  // namespace

std::unique_ptr<Probe> probe_script(asio::io_context& io, const Endpoint& target,
                                    const config::ScriptCheck& check, Duration timeout, Tell tell) {
  const std::vector<std::string> words = script_words(check.command, target);
  if (words.empty()) {
    return probe_that_ends(io, fails("script: no command"), std::move(tell));
  }
  Result<Child> child = spawn(words);
  if (!child) {
    ProbeResult result = system_error("", child.error().code);
    result.reason = child.error().what;
    return probe_that_ends(io, std::move(result), std::move(tell));
  }
  auto run =
      std::make_shared<ScriptRun>(io, target, check, std::move(child).value(), std::move(tell));
  run->start(timeout);
  return std::make_unique<ScriptProbe>(std::move(run));
}

}  // namespace lvs::nanny::io
