#include "pulse/io/keeper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <climits>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "common/io/daemon.h"
#include "common/io/driver.h"
#include "common/io/keeper_line.h"
#include "common/io/log_sink.h"
#include "common/io/notify.h"
#include "pulse/children.h"
#include "pulse/io/arbiter.h"

namespace lvs::pulse {
namespace {

using keeper::Child;

constexpr const char* kPidFile = "/run/pulse.pid";
constexpr int kChildFd = 3;  // A child's end of its line to the keeper.

Result<std::string> own_path() {
  char path[PATH_MAX];
  const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
  if (size < 0) {
    return os_error(errno, "/proc/self/exe");
  }
  return std::string(path, static_cast<size_t>(size));
}

// In the child. A HUP that comes before it has its own handler must not kill it.
[[noreturn]] void become(const std::vector<std::string>& command, int line, int death_signal) {
  ::prctl(PR_SET_PDEATHSIG, death_signal);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGPIPE, SIG_DFL);
  for (const int number : {SIGTERM, SIGINT, SIGCHLD}) {
    ::signal(number, SIG_DFL);
  }
  if (line == kChildFd) {
    ::fcntl(line, F_SETFD, 0);
  } else {
    ::dup2(line, kChildFd);
  }
  ::setenv(io::kKeeperFdVariable, std::to_string(kChildFd).c_str(), 1);
  for (const char* ours : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    ::unsetenv(ours);
  }
  std::vector<char*> words;
  for (const std::string& word : command) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  ::execv(words[0], words.data());
  std::fprintf(stderr, "pulse: %s: %s\n", words[0], std::strerror(errno));
  ::_exit(127);
}

class Keeper {
 public:
  using Driver = io::Driver<keeper::Children, Keeper, keeper::Event, keeper::TimerFired>;

  Keeper(const Options& options, std::string pulse, std::string lvsd, io::Background background)
      : options_(options),
        pulse_(std::move(pulse)),
        lvsd_(std::move(lvsd)),
        background_(std::move(background)),
        child_signals_(io_, SIGCHLD),
        children_(io::watchdog_pause()),
        driver_(io_, children_, *this) {}

  int run() {
    io::Signals signals(
        io_, [this](int number) { driver_.feed(keeper::StopAsked{number}); },
        [this] { driver_.feed(keeper::ReloadAsked{}); });
    wait_for_children();
    driver_.feed(keeper::Started{});
    io_.run();
    return status_;
  }

  void perform(const keeper::SpawnChild& action);
  void perform(const keeper::PingChild& action) { say(action.child, io::kPing); }
  void perform(const keeper::SignalChild& action);
  void perform(const keeper::ReportLvsdFailure&) { say(Child::arbiter, kLvsdFailed); }
  void perform(const keeper::TellReady&);
  void perform(const keeper::TellStopping&) { io::tell_init("STOPPING=1"); }
  void perform(const keeper::FeedWatchdog&) { io::tell_init("WATCHDOG=1"); }
  void perform(const keeper::End& action);
  void perform(const LogEvent& action) { io::log(action); }

 private:
  // One child and our end of the line to it.
  struct Kept {
    explicit Kept(boost::asio::io_context& io) : line(io) {}
    pid_t pid = 0;
    bool is_killed = false;  // By us: it did not answer.
    std::string end;         // Of the one before.
    boost::asio::posix::stream_descriptor line;
    std::array<char, 256> heard{};
  };

  std::vector<std::string> command_of(const keeper::SpawnChild& spawn);
  std::vector<std::string> program_of(Child child);
  Result<Ok> spawn(const keeper::SpawnChild& action);
  void say(Child child, char word);
  Kept& kept(Child child) { return kept_[static_cast<size_t>(child)]; }
  void wait_for_children();
  void reap();
  void listen_to(Child child);
  void take(Child child, char word);

  Options options_;
  std::string pulse_;
  std::string lvsd_;
  io::Background background_;
  boost::asio::io_context io_;
  boost::asio::signal_set child_signals_;
  std::array<Kept, 2> kept_{Kept(io_), Kept(io_)};
  keeper::Children children_;
  Driver driver_;
  bool force_active_once_ = true;
  int status_ = 0;
};

std::vector<std::string> Keeper::command_of(const keeper::SpawnChild& spawn) {
  std::vector<std::string> command = program_of(spawn.child);
  if (options_.verbose) {
    command.push_back("-v");
  }
  if (spawn.goes_on) {
    command.push_back("--restarted");
  }
  if (const std::string& end = kept(spawn.child).end; !end.empty()) {
    command.insert(command.end(), {"--predecessor", end});
  }
  return command;
}

std::vector<std::string> Keeper::program_of(Child child) {
  if (child == Child::lvsd) {
    return {lvsd_, options_.foreground ? "-n" : "--nofork", "--standby", "-c",
            options_.config_file};
  }
  std::vector<std::string> command = {pulse_, "--arbiter", "-c", options_.config_file};
  if (options_.foreground) {
    command.push_back("-n");
  }
  // Forced once, by the operator who started us; an arbiter that is started again adopts what it
  // finds.
  if (options_.force_active && std::exchange(force_active_once_, false)) {
    command.push_back("--forceactive");
  }
  return command;
}

void Keeper::perform(const keeper::SpawnChild& action) {
  if (const auto spawned = spawn(action); !spawned) {
    driver_.feed(keeper::SpawnFailed{action.child, spawned.error().what});
  }
}

Result<Ok> Keeper::spawn(const keeper::SpawnChild& action) {
  const Child child = action.child;
  int line[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line) != 0) {
    return os_error(errno, "socket pair");
  }
  io::UniqueFd ours{line[0]};
  const io::UniqueFd theirs{line[1]};
  const auto command = command_of(action);
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(command, theirs.get(), child == Child::arbiter ? SIGKILL : SIGTERM);
  }
  if (pid < 0) {
    return os_error(errno, "fork");
  }
  boost::system::error_code ignored;
  kept(child).line.close(ignored);
  kept(child).line.assign(ours.release());
  kept(child).pid = pid;
  kept(child).is_killed = false;
  listen_to(child);
  return Ok{};
}

// Never waits: a child that does not read is found frozen.
void Keeper::say(Child child, char word) {
  if (kept(child).line.is_open()) {
    ::send(kept(child).line.native_handle(), &word, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
}

void Keeper::perform(const keeper::SignalChild& action) {
  const pid_t pid = kept(action.child).pid;
  if (pid > 0) {
    kept(action.child).is_killed |= action.signal == SIGKILL;
    ::kill(pid, action.signal);
  }
}

void Keeper::perform(const keeper::TellReady&) {
  if (!options_.foreground) {
    io::open_log("pulse", io::LogTarget::syslog, options_.verbose ? Level::debug : Level::info);
  }
  background_.ready();
}

void Keeper::perform(const keeper::End& action) {
  status_ = action.status;
  io_.stop();
}

void Keeper::wait_for_children() {
  child_signals_.async_wait([this](auto error, int) {
    if (!error) {
      reap();
      wait_for_children();
    }
  });
}

void Keeper::reap() {
  int status = 0;
  for (pid_t pid = ::waitpid(-1, &status, WNOHANG); pid > 0;
       pid = ::waitpid(-1, &status, WNOHANG)) {
    for (const Child child : {Child::arbiter, Child::lvsd}) {
      if (kept(child).pid == pid) {
        const bool by_signal = WIFSIGNALED(status);
        const int code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
        kept(child).pid = 0;
        kept(child).end = kept(child).is_killed
                              ? "did not answer, killed"
                              : (by_signal ? "signal " : "status ") + std::to_string(code);
        driver_.feed(keeper::ChildExited{child, by_signal, code});
      }
    }
  }
}

void Keeper::listen_to(Child child) {
  Kept& from = kept(child);
  from.line.async_read_some(boost::asio::buffer(from.heard),
                            [this, child, &from](auto error, size_t size) {
                              if (error) {
                                return;  // It died: SIGCHLD tells.
                              }
                              for (size_t i = 0; i < size; ++i) {
                                take(child, from.heard[i]);
                              }
                              listen_to(child);
                            });
}

void Keeper::take(Child child, char word) {
  if (word == io::kPing) {
    driver_.feed(keeper::PongHeard{child});
  } else if (child == Child::arbiter && word == kArbiterReady) {
    driver_.feed(keeper::ChildReady{Child::arbiter});
  }
}

int fail(const Error& error) {
  std::fprintf(stderr, "pulse: %s\n", error.what.c_str());
  return 1;
}

}  // namespace

int run_keeper(const Options& given) {
  Options options = given;
  options.config_file =
      std::filesystem::absolute(given.config_file);  // The background works in "/".
  const auto pulse = own_path();
  if (!pulse) {
    return fail(pulse.error());
  }
  const std::string lvsd =
      options.lvsd.empty() ? pulse->substr(0, pulse->rfind('/')) + "/lvsd" : options.lvsd;
  if (::access(lvsd.c_str(), X_OK) != 0) {
    return fail({errno, lvsd + ": " + std::strerror(errno) + "; say --lvsd PATH"});
  }
  if (::geteuid() != 0) {
    return fail({EPERM, "must be run as root"});
  }
  io::Background background;
  if (!options.foreground) {
    auto entered = io::Background::enter();
    if (!entered) {
      return fail(entered.error());
    }
    background = std::move(entered).value();
  }
  io::open_log("pulse", io::LogTarget::standard_error,
               options.verbose ? Level::debug : Level::info);
  const auto pid_file = io::PidFile::create(kPidFile);
  if (!pid_file) {
    return fail(pid_file.error());
  }
  Keeper keeper(options, *pulse, lvsd, std::move(background));
  return keeper.run();
}

}  // namespace lvs::pulse
