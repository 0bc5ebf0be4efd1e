#include "common/io/log_sink.h"

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
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

// syslog(3) waits when the syslog daemon is stopped and its queue is full, and with it would the
// heartbeat. Here such a line is dropped and counted; the count is told with the next line that
// gets through.
class PatientlessSyslog : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit PatientlessSyslog(std::string source) : source_(std::move(source)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (dropped_ > 0) {
      const std::string told = "event=log-lines-dropped count=" + std::to_string(dropped_);
      if (!send(message.time, LOG_WARNING, told)) {
        ++dropped_;
        return;
      }
      dropped_ = 0;
    }
    if (!send(message.time, to_syslog(message.level),
              {message.payload.data(), message.payload.size()})) {
      ++dropped_;
    }
  }
  void flush_() override {}

  bool send(spdlog::log_clock::time_point time, int priority, std::string_view text) {
    char when[32] = "";
    const std::time_t seconds = spdlog::log_clock::to_time_t(time);
    std::tm local{};
    std::strftime(when, sizeof when, "%b %e %T", ::localtime_r(&seconds, &local));
    const std::string line = "<" + std::to_string(LOG_DAEMON | priority) + ">" + when + " " +
                             source_ + ": " + std::string(text);
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
  size_t dropped_ = 0;
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

}  // namespace

void open_log(const std::string& ident, LogTarget target, Level lowest) {
  // Once, and not with each line: that would be one system call more for every line.
  const std::string source = ident + "[" + std::to_string(::getpid()) + "]";
  std::shared_ptr<spdlog::logger> logger;
  if (target == LogTarget::syslog) {
    logger = std::make_shared<spdlog::logger>(ident, std::make_shared<PatientlessSyslog>(source));
  } else {
    logger = std::make_shared<spdlog::logger>(
        ident, std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e " + source + ": %^%l%$ %v");
  }
  logger->set_level(to_spdlog(lowest));
  spdlog::set_default_logger(std::move(logger));
}

void log(const LogEvent& event) {
  spdlog::default_logger_raw()->log(to_spdlog(event.level), "{}", to_line(event));
}

}  // namespace lvs::io
