#include "pulse/io/command.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "common/io/log_sink.h"

namespace lvs::pulse {
namespace {

constexpr int kNotExecuted = 127;

[[noreturn]] void become(char* const* words) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGCHLD, SIGPIPE, SIGHUP, SIGTERM, SIGINT}) {
    ::signal(number, SIG_DFL);
  }
  ::setsid();
  // The terminal of who starts pulse must not stay open for as long as the command runs.
  const int null = ::open("/dev/null", O_RDWR);
  for (int standard = 0; standard <= 2; ++standard) {
    ::dup2(null, standard);
  }
  ::execvp(words[0], words);
  ::_exit(kNotExecuted);
}

}  // namespace

std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  for (const char c : command) {
    if (quote != 0) {
      quote = c == quote ? 0 : quote;
      word += quote != 0 ? std::string(1, c) : "";
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == ' ' || c == '\t') {
      if (in_word) {
        words.push_back(std::move(word));
      }
      word.clear();
      in_word = false;
    } else {
      word += c;
      in_word = true;
    }
  }
  if (in_word) {
    words.push_back(std::move(word));
  }
  return words;
}

// fork() and not vfork(): the arbiter must not wait for the disk that the command is read from.
Result<Ok> Commands::start(const std::string& command) {
  std::vector<std::string> words = words_of(command);
  if (words.empty()) {
    return Ok{};
  }
  std::vector<char*> pointers;
  for (std::string& word : words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    become(pointers.data());
  }
  if (child < 0) {
    return os_error(errno, "start " + words[0]);
  }
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (handle < 0) {
    return os_error(errno, "watch " + words[0]);
  }
  running_.push_back({boost::asio::posix::stream_descriptor(io_, handle), words[0]});
  watch(std::prev(running_.end()));
  return Ok{};
}

void Commands::watch(Place running) {
  running->process.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                              [this, running](auto error) {
                                if (!error) {
                                  ended(running);
                                }
                              });
}

void Commands::ended(Place running) {
  siginfo_t info{};
  const auto handle = static_cast<id_t>(running->process.native_handle());
  if (::waitid(P_PIDFD, handle, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
    return watch(running);  // Woken without news.
  }
  if (info.si_code != CLD_EXITED || info.si_status != 0) {
    const std::string number = std::to_string(info.si_status);
    const std::string how = info.si_code != CLD_EXITED ? "killed by signal " + number
                            : info.si_status == kNotExecuted
                                ? "could not be executed: is the path right?"
                                : "exit status " + number;
    io::log({Level::error, "command-failed", "", {{"command", running->name}, {"error", how}}});
  }
  running_.erase(running);
  if (running_.empty() && done_) {
    limit_.cancel();
    std::exchange(done_, nullptr)();
  }
}

void Commands::finish(std::function<void()> done) {
  if (running_.empty()) {
    return done();
  }
  done_ = std::move(done);
  limit_.expires_after(kCommandPatience);
  limit_.async_wait([this](auto error) {
    if (!error && done_) {
      std::exchange(done_, nullptr)();
    }
  });
}

}  // namespace lvs::pulse
