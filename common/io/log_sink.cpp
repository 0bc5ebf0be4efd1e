#include "common/io/log_sink.h"

#include <fcntl.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <ctime>

#include "common/io/unique_fd.h"

namespace lvs::io {
namespace {

int to_syslog(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::debug:
      return LOG_DEBUG;
    case spdlog::level::warn:
      return LOG_WARNING;
    case spdlog::level::err:
      return LOG_ERR;
    default:
      return LOG_INFO;
  }
}

// A log that waits for its reader stops the heartbeat with it. Here a line that cannot be written
// at once is dropped and counted; the count is told with the next line that gets through.
class Patientless : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (dropped_ > 0) {
      const std::string told = "event=log-lines-dropped count=" + std::to_string(dropped_);
      spdlog::details::log_msg notice(message.time, {}, {}, spdlog::level::warn, told);
      if (!write(notice)) {
        ++dropped_;
        return;
      }
      dropped_ = 0;
    }
    if (!write(message)) {
      ++dropped_;
    }
  }
  void flush_() override {}
  virtual bool write(const spdlog::details::log_msg& message) = 0;

  size_t dropped_ = 0;
};

// What syslog(3) does, which waits when the syslog daemon is stopped and its queue is full.
class Syslog : public Patientless {
 public:
  // At once: a process that runs out of descriptors must still be able to say so.
  explicit Syslog(std::string source) : source_(std::move(source)) { connect(); }

 private:
  bool write(const spdlog::details::log_msg& message) override {
    char when[32] = "";
    const std::time_t seconds = spdlog::log_clock::to_time_t(message.time);
    std::tm local{};
    std::strftime(when, sizeof when, "%b %e %T", ::localtime_r(&seconds, &local));
    const std::string line = "<" + std::to_string(LOG_DAEMON | to_syslog(message.level)) + ">" +
                             when + " " + source_ + ": " +
                             std::string(message.payload.data(), message.payload.size());
    if (socket_ && put(line)) {
      return true;
    }
    // Not there yet, or started again: its socket is another one then.
    return (!socket_ || errno != EAGAIN) && connect() && put(line);
  }

  bool put(const std::string& line) {
    return ::send(socket_.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
  }

  bool connect() {
    socket_ = UniqueFd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const sockaddr_un daemon{AF_UNIX, "/dev/log"};
    return ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&daemon), sizeof daemon) == 0;
  }

  std::string source_;  // "lvsd[123]"
  UniqueFd socket_;
};

// Whether standard error is read by systemd's journal, which keeps the time itself and takes the
// priority from the beginning of the line. (It also sets JOURNAL_STREAM, but nanny and the runner
// get no environment.)
bool is_read_by_the_journal() {
  sockaddr_un peer{};
  socklen_t size = sizeof peer;
  return ::getpeername(STDERR_FILENO, reinterpret_cast<sockaddr*>(&peer), &size) == 0 &&
         peer.sun_family == AF_UNIX &&
         std::string_view(peer.sun_path) == "/run/systemd/journal/stdout";
}

class StandardError : public Patientless {
 public:
  explicit StandardError(std::string source)
      : source_(std::move(source)), is_journal_(is_read_by_the_journal()) {
    set_pattern_("%Y-%m-%d %H:%M:%S.%e " + source_ + ": %l %v");
    struct stat about {};
    ::fstat(STDERR_FILENO, &about);
    is_socket_ = S_ISSOCK(about.st_mode);
    if (S_ISFIFO(about.st_mode) || S_ISCHR(about.st_mode)) {
      // Opened anew: O_NONBLOCK on the old one would be everybody's who shares it.
      own_ = UniqueFd{
          ::open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)};
    }
  }

 private:
  bool write(const spdlog::details::log_msg& message) override {
    // Only a part of the line before was taken.
    std::string line = is_cut_ ? "\n" : "";
    if (is_journal_) {
      line += "<" + std::to_string(to_syslog(message.level)) + ">" + source_ + ": " +
              std::string(message.payload.data(), message.payload.size()) + "\n";
    } else {
      spdlog::memory_buf_t formatted;
      formatter_->format(message, formatted);
      line.append(formatted.data(), formatted.size());
    }
    const ssize_t taken = put(line);
    is_cut_ = taken > 0 ? static_cast<size_t>(taken) < line.size() : is_cut_;
    return taken > 0 && !is_cut_;
  }

  ssize_t put(const std::string& line) {
    if (is_socket_) {
      return ::send(STDERR_FILENO, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    return ::write(own_ ? own_.get() : STDERR_FILENO, line.data(), line.size());
  }

  std::string source_;
  bool is_journal_;
  bool is_socket_ = false;
  bool is_cut_ = false;
  UniqueFd own_;  // A pipe or a terminal; nothing: a file, which never waits for a reader.
};

// spdlog has no level between info and warning: notice is written as info.
spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::notice:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::function<void(const LogEvent&)>& the_listener() {
  static std::function<void(const LogEvent&)> listener;
  return listener;
}

}  // namespace

void open_log(const std::string& ident, LogTarget target, Level lowest) {
  // Once, and not with each line: that would be one system call more for every line.
  const std::string source = ident + "[" + std::to_string(::getpid()) + "]";
  spdlog::sink_ptr sink;
  if (target == LogTarget::syslog) {
    sink = std::make_shared<Syslog>(source);
  } else {
    sink = std::make_shared<StandardError>(source);
  }
  auto logger = std::make_shared<spdlog::logger>(ident, std::move(sink));
  logger->set_level(to_spdlog(lowest));
  spdlog::set_default_logger(std::move(logger));
}

void hear_log(std::function<void(const LogEvent&)> listener) {
  the_listener() = std::move(listener);
}

void log(const LogEvent& event) {
  if (the_listener()) {
    the_listener()(event);
  }
  spdlog::default_logger_raw()->log(to_spdlog(event.level), "{}", to_line(event));
}

}  // namespace lvs::io
