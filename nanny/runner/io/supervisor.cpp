#include "nanny/runner/io/supervisor.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>

#include "nanny/runner/io/descendants.h"
#include "nanny/runner/io/script_process.h"

namespace lvs::nanny::runner::io {
namespace {

using lvs::io::UniqueFd;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::chrono::milliseconds kKillAgain{20};
constexpr std::chrono::milliseconds kKillAgainLater{1000};
constexpr std::chrono::seconds kTellAtLast{2};  // Then nanny is told, though something lives still.

int milliseconds_until(SteadyTime end) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 3'600'000));
}

// A stream of the script, of which the first bytes are kept.
class Stream {
 public:
  Stream(UniqueFd fd, size_t keep) : fd_(std::move(fd)), keep_(keep) {}

  int fd() const { return fd_.get(); }  // -1 at its end: poll() passes over it.
  size_t read() const { return read_; }
  std::string take() { return std::move(kept_); }

  // What is there now.
  void drain() {
    std::array<char, 65536> buffer;
    ssize_t bytes = 0;
    while (fd_ && read_ <= kScriptReadMax &&
           (bytes = ::read(fd_.get(), buffer.data(), buffer.size())) > 0) {
      read_ += static_cast<size_t>(bytes);
      kept_.append(buffer.data(), std::min(static_cast<size_t>(bytes), keep_ - kept_.size()));
    }
    if (bytes == 0 && fd_) {
      fd_ = UniqueFd{};
    }
  }

 private:
  UniqueFd fd_;
  size_t keep_;
  size_t read_ = 0;
  std::string kept_;
};

class Supervisor {
 public:
  Supervisor(RunId run, const Script& script, ScriptProcess process, int signals, int nanny)
      : run_(run),
        script_(script),
        leader_(process.pid),
        output_(std::move(process.output), kScriptOutputMax),
        errors_(std::move(process.errors), kScriptSaidMax),
        trouble_(std::move(process.trouble)),
        signals_(signals),
        nanny_(nanny) {}

  void watch() {
    const SteadyTime deadline = std::chrono::steady_clock::now() + script_.timeout;
    while (!leader_is_dead()) {
      if (stopped_) {
        return end_all();
      }
      if (output_.read() + errors_.read() > kScriptReadMax) {
        end_.how = ScriptEnd::How::flooded;
        return end_all();
      }
      const int patience = milliseconds_until(deadline);
      if (patience == 0) {
        end_.how = ScriptEnd::How::timed_out;
        return end_all();
      }
      wait(patience);
    }
    end_all();
  }

 private:
  void wait(int patience) {
    pollfd events[] = {{signals_, POLLIN, 0}, {output_.fd(), POLLIN, 0}, {errors_.fd(), POLLIN, 0}};
    ::poll(events, std::size(events), patience);
    output_.drain();
    errors_.drain();
    signalfd_siginfo signal;
    while (::read(signals_, &signal, sizeof signal) == sizeof signal) {
      stopped_ = stopped_ || signal.ssi_signo == SIGTERM;
    }
  }

  // It stays unreaped so long as its number is needed: the group is killed by it.
  bool leader_is_dead() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(leader_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == leader_;
  }

  // The group first, in one stroke. What has left it is found by its parent, which is us in the
  // end.
  void end_all() {
    ::kill(-leader_, SIGKILL);
    const SteadyTime tell_at_last = std::chrono::steady_clock::now() + kTellAtLast;
    bool told = false;
    while (reap()) {
      kill_children([](pid_t) { return false; });
      if (!told && std::chrono::steady_clock::now() >= tell_at_last) {
        told = true;
        tell();
      }
      wait(static_cast<int>((told ? kKillAgainLater : kKillAgain).count()));
    }
    if (!told) {
      tell();
    }
  }

  // False when there is nobody left.
  bool reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid == leader_) {
        take_status(status);
      }
    }
    return pid == 0;
  }

  void take_status(int status) {
    if (const auto trouble = read_trouble(script_, trouble_.get())) {
      end_ = *trouble;
    } else if (end_.how != ScriptEnd::How::exited) {
      return;  // We ended it.
    } else if (WIFSIGNALED(status)) {
      end_.how = ScriptEnd::How::killed;
      end_.number = WTERMSIG(status);
    } else {
      end_.number = WEXITSTATUS(status);
    }
  }

  void tell() {
    if (stopped_) {
      return;
    }
    output_.drain();
    errors_.drain();
    const bool ran = end_.how != ScriptEnd::How::exec_failed && end_.how != ScriptEnd::How::refused;
    if (ran) {
      end_.output = output_.take();
      end_.said = errors_.take();
    }
    const std::string packet = encode(ScriptAnswer{run_, end_});
    ::send(nanny_, packet.data(), packet.size(), MSG_NOSIGNAL);
  }

  RunId run_;
  const Script& script_;
  pid_t leader_;
  Stream output_;
  Stream errors_;
  UniqueFd trouble_;
  int signals_;
  int nanny_;
  bool stopped_ = false;
  ScriptEnd end_;
};

}  // namespace

void supervise(RunId run, const Script& script, int nanny, pid_t runner) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &wanted, nullptr);
  const UniqueFd signals{::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC)};
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != runner) {
    return;
  }
  Result<ScriptProcess> process = start_script(script);
  if (!process) {
    const ScriptAnswer answer{
        run, {ScriptEnd::How::refused, process.error().code, "", process.error().what}};
    const std::string packet = encode(answer);
    ::send(nanny, packet.data(), packet.size(), MSG_NOSIGNAL);
    return;
  }
  Supervisor(run, script, std::move(process).value(), signals.get(), nanny).watch();
}

}  // namespace lvs::nanny::runner::io
