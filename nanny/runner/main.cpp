// nanny-runner: runs check scripts, each as its user, for a nanny that has no privileges. lvsd
// tells on descriptor 3 what the scripts are; nanny asks on descriptor 4 for runs. It ends with
// either of them, and no script outlives it.
#include <linux/capability.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "common/io/unique_fd.h"
#include "common/monitor_codec.h"
#include "nanny/runner/io/descendants.h"
#include "nanny/runner/io/supervisor.h"
#include "nanny/runner/runs.h"

namespace lvs::nanny::runner {
namespace {

constexpr int kLvsd = 3;
constexpr int kNanny = 4;

// What a change of user and the end of another user's processes need. A script that runs as root
// gets the others back by exec.
void keep_few_capabilities() {
  constexpr uint32_t kKept = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2]{};
  if (::syscall(SYS_capget, &header, sets) == 0) {
    sets[0].effective &= kKept;
    sets[0].permitted &= kKept;
    sets[0].inheritable = 0;
    sets[1] = {};
    ::syscall(SYS_capset, &header, sets);
  }
}

// What is there to read; nothing: not now. An empty text: the other end is closed.
std::optional<std::string_view> receive(int socket, std::array<char, kMonitorPacketMax>& buffer) {
  const ssize_t bytes = ::recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (bytes < 0) {
    return errno == EAGAIN || errno == EINTR ? std::nullopt : std::optional<std::string_view>("");
  }
  return std::string_view(buffer.data(), static_cast<size_t>(bytes));
}

class Runner {
 public:
  explicit Runner(int signals) : signals_(signals) {}

  void run() {
    for (bool both_there = true; both_there;) {
      pollfd events[] = {{signals_, POLLIN, 0}, {kLvsd, POLLIN, 0}, {kNanny, POLLIN, 0}};
      ::poll(events, std::size(events), -1);
      both_there = !is_told_to_end() && hear_lvsd() && hear_nanny();
      reap();
    }
  }

 private:
  bool is_told_to_end() const {
    signalfd_siginfo signal;
    while (::read(signals_, &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo != SIGCHLD) {
        return true;
      }
    }
    return false;
  }

  // False when lvsd is gone.
  bool hear_lvsd() {
    while (const auto packet = receive(kLvsd, *buffer_)) {
      if (packet->empty()) {
        return false;
      }
      const Result<MonitorOrder> order = decode_monitor_order(*packet);
      if (!order) {
        continue;  // nanny has it too, and says what is wrong with it.
      }
      if (const auto* set = std::get_if<SetMonitor>(&*order)) {
        runs_.set(*set);
      } else if (const auto* removal = std::get_if<RemoveMonitor>(&*order)) {
        runs_.remove(*removal);
      } else {
        send(kLvsd, lvs::encode(Pong{std::get<Ping>(*order).number}));
      }
    }
    return true;
  }

  // lvsd is heard first: what nanny asks for, lvsd has said before it said it to nanny.
  bool hear_nanny() {
    std::array<char, 64> buffer;
    ssize_t bytes = 0;
    while ((bytes = ::recv(kNanny, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0) {
      const auto request = decode_script_request({buffer.data(), static_cast<size_t>(bytes)});
      if (!hear_lvsd()) {
        return false;
      }
      if (request) {
        perform(runs_.asked(*request));
      }
    }
    return bytes < 0 && (errno == EAGAIN || errno == EINTR);
  }

  void perform(const Actions& actions) {
    for (const auto& action : actions) {
      std::visit([this](const auto& a) { perform(a); }, action);
    }
  }

  void perform(const StartRun& start) {
    const pid_t runner = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::close(kLvsd);
      ::close(signals_);
      io::supervise(start.run, start.script, kNanny, runner);
      ::_exit(EXIT_SUCCESS);
    }
    if (pid < 0) {
      send(kNanny, encode(ScriptAnswer{
                       start.run, {ScriptEnd::How::refused, errno, "", std::strerror(errno)}}));
      perform(runs_.gone(start.run, true));
      return;
    }
    supervisors_[pid] = start.run;
  }

  void perform(const StopRun& stop) {
    for (const auto& [pid, run] : supervisors_) {
      if (run == stop.run) {
        ::kill(pid, SIGTERM);
      }
    }
  }

  static void perform(const TellEnd& tell) { send(kNanny, encode(tell.answer)); }

  // What a supervisor that was killed leaves behind comes to us.
  void reap() {
    int status = 0;
    pid_t pid = 0;
    bool orphans = false;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
      const auto supervisor = supervisors_.extract(pid);
      const bool told = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
      orphans = orphans || supervisor.empty() || !told;
      if (supervisor) {
        perform(runs_.gone(supervisor.mapped(), told));
      }
    }
    if (orphans) {
      io::kill_children([this](pid_t child) { return supervisors_.contains(child); });
    }
  }

  static void send(int socket, const std::string& packet) {
    ::send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  int signals_;
  Runs runs_;
  std::map<pid_t, RunId> supervisors_;
  std::unique_ptr<std::array<char, kMonitorPacketMax>> buffer_ =
      std::make_unique<std::array<char, kMonitorPacketMax>>();
};

bool is_packet_socket(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

int run() {
  if (!is_packet_socket(kLvsd) || !is_packet_socket(kNanny)) {
    std::fputs("nanny-runner: lvsd and nanny start it, with sockets at descriptors 3 and 4\n",
               stderr);
    return EXIT_FAILURE;
  }
  ::close_range(kNanny + 1, ~0U, 0);
  keep_few_capabilities();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) {
    sigaddset(&wanted, number);
  }
  ::sigprocmask(SIG_SETMASK, &wanted, nullptr);
  const lvs::io::UniqueFd signals{::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC)};
  Runner(signals.get()).run();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace lvs::nanny::runner

int main() {
  return lvs::nanny::runner::run();
}
