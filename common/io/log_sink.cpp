#include "common/io/log_sink.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

namespace lvs::io {
namespace {

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
  std::shared_ptr<spdlog::logger> logger;
  if (target == LogTarget::syslog) {
    logger = std::make_shared<spdlog::logger>(
        ident, std::make_shared<spdlog::sinks::syslog_sink_st>(ident, LOG_PID, LOG_DAEMON, false));
  } else {
    logger = std::make_shared<spdlog::logger>(
        ident, std::make_shared<spdlog::sinks::stderr_color_sink_st>());
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e " + ident + "[%P]: %^%l%$ %v");
  }
  logger->set_level(to_spdlog(lowest));
  spdlog::set_default_logger(std::move(logger));
}

void log(const LogEvent& event) {
  spdlog::default_logger_raw()->log(to_spdlog(event.level), "{}", to_line(event));
}

}  // namespace lvs::io
