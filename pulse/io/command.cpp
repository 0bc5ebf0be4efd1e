#include "pulse/io/command.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <utility>

#include "common/io/log_sink.h"

namespace lvs::pulse {
namespace {

constexpr int kNotExecuted = 127;
constexpr off_t kOutputMax = 65536;
constexpr size_t kLineMax = 256;

// What a command writes goes into memory of a fixed size, not into a pipe: a daemon that it leaves
// behind must neither die of our end nor wait for us, and what is too much fails to be written.
io::UniqueFd open_output() {
  io::UniqueFd output{::memfd_create("command-output", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
  const bool is_fit = output && ::ftruncate(output.get(), kOutputMax) == 0 &&
                      ::fcntl(output.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0;
  return is_fit ? std::move(output) : io::UniqueFd{};
}

std::string first_line_of(const io::UniqueFd& output) {
  std::array<char, kLineMax> text{};
  const ssize_t size = output ? ::pread(output.get(), text.data(), text.size(), 0) : 0;
  std::string line(text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  line.resize(std::min(line.find_first_of(std::string("\n\0", 2)), line.size()));
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return line;
}

[[noreturn]] void become(char* const* words, int output) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGCHLD, SIGPIPE, SIGHUP, SIGTERM, SIGINT}) {
    ::signal(number, SIG_DFL);
  }
  ::setsid();
  // The terminal of who starts pulse must not stay open for as long as the command runs.
  const int null = ::open("/dev/null", O_RDWR);
  ::dup2(null, 0);
  for (const int standard : {1, 2}) {
    ::dup2(output >= 0 ? output : null, standard);
  }
  ::execvp(words[0], words);
  ::_exit(kNotExecuted);
}

std::string seconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(duration).count()) + " s";
}

// Nothing: it ended well.
std::string how_it_ended(const siginfo_t& info, bool is_overdue, Duration time_limit) {
  const std::string number = std::to_string(info.si_status);
  if (is_overdue) {
    return "killed: it took longer than it may, " + seconds(time_limit);
  }
  if (info.si_code != CLD_EXITED) {
    return "killed by signal " + number;
  }
  if (info.si_status == kNotExecuted) {
    return "could not be executed: is the path right?";
  }
  return info.si_status == 0 ? "" : "exit status " + number;
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

void Commands::run(const std::string& command, Duration time_limit) {
  std::vector<std::string> words = words_of(command);
  if (words.empty()) {
    return;
  }
  if (running_) {
    io::log({Level::notice,
             "command-waits",
             "",
             {{"command", words[0]}, {"for", running_->command.words[0]}}});
  }
  waiting_.push_back({std::move(words), time_limit});
  drop_the_oldest(kCommandsWaitingMax);
  begin_next();
}

void Commands::drop_the_oldest(size_t but) {
  while (waiting_.size() > but) {
    io::log({Level::error, "command-dropped", "", {{"command", waiting_.front().words[0]}}});
    waiting_.pop_front();
  }
}

void Commands::begin_next() {
  while (!running_ && !waiting_.empty()) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    if (const auto begun = begin(next); !begun) {
      io::log({Level::error, "command-failed", "", {{"error", begun.error().what}}});
    }
  }
  if (!running_ && done_) {
    limit_.cancel();
    std::exchange(done_, nullptr)();
  }
}

// fork() and not vfork(): the arbiter must not wait for the disk that the command is read from.
Result<Ok> Commands::begin(Waiting& command) {
  std::vector<char*> pointers;
  for (std::string& word : command.words) {
    pointers.push_back(word.data());
  }
  pointers.push_back(nullptr);
  io::UniqueFd output = open_output();
  const pid_t child = ::fork();
  if (child == 0) {
    become(pointers.data(), output.get());
  }
  if (child < 0) {
    return os_error(errno, "start " + command.words[0]);
  }
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  if (handle < 0) {
    return os_error(errno, "watch " + command.words[0]);
  }
  const Duration time_limit = command.time_limit;
  running_.emplace(Running{boost::asio::posix::stream_descriptor(io_, handle), child,
                           std::move(output), std::move(command)});
  set_deadline(time_limit);
  watch();
  return Ok{};
}

// With all that it started, as far as that has not left its session.
void Commands::set_deadline(Duration after) {
  deadline_.expires_after(after);
  deadline_.async_wait([this, id = running_->id](auto error) {
    if (!error && running_ && running_->id == id) {
      running_->is_overdue = true;
      ::kill(-id, SIGKILL);
      ::kill(id, SIGKILL);
    }
  });
}

void Commands::watch() {
  running_->process.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                               [this](auto error) {
                                 if (!error) {
                                   ended();
                                 }
                               });
}

void Commands::ended() {
  siginfo_t info{};
  const auto handle = static_cast<id_t>(running_->process.native_handle());
  if (::waitid(P_PIDFD, handle, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0) {
    return watch();  // Woken without news.
  }
  const Running& it = *running_;
  const std::string how = how_it_ended(info, it.is_overdue, it.command.time_limit);
  if (!how.empty()) {
    io::log(
        {Level::error,
         "command-failed",
         "",
         {{"command", it.command.words[0]}, {"error", how}, {"output", first_line_of(it.output)}}});
  }
  deadline_.cancel();
  running_.reset();
  begin_next();
}

void Commands::finish(std::function<void()> done) {
  if (!running_) {
    return done();
  }
  done_ = std::move(done);
  if (!waiting_.empty()) {
    drop_the_oldest(1);
    running_->command.time_limit = kCommandPatience / 2;
    set_deadline(running_->command.time_limit);
  }
  limit_.expires_after(kCommandPatience);
  limit_.async_wait([this](auto error) {
    if (!error && done_) {
      std::exchange(done_, nullptr)();
    }
  });
}

}  // namespace lvs::pulse
