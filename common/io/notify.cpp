#include "common/io/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>

#include "common/io/unique_fd.h"

namespace lvs::io {
namespace {

// 0 where it is not there or no number.
int64_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  const std::string_view digits = text == nullptr ? "" : text;
  int64_t number = 0;
  const auto [rest, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc{} && rest == digits.data() + digits.size() ? number : 0;
}

}  // namespace

Result<Ok> notify_init(std::string_view state) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string name = variable == nullptr ? "" : variable;
  if (name.empty()) {
    return Ok{};
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if ((name.front() != '/' && name.front() != '@') || name.size() >= sizeof address.sun_path) {
    return Error{EINVAL, "NOTIFY_SOCKET=" + name + ": expected a path or @name, up to " +
                             std::to_string(sizeof address.sun_path - 1) + " bytes"};
  }
  name.copy(address.sun_path, name.size());
  if (name.front() == '@') {
    address.sun_path[0] = '\0';
  }
  // An abstract name ends where the address does: a byte more would be another name.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  const UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!socket || ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                          reinterpret_cast<const sockaddr*>(&address), size) < 0) {
    return os_error(errno, "NOTIFY_SOCKET=" + name);
  }
  return Ok{};
}

std::optional<Duration> watchdog_pause() {
  const int64_t period_us = number_in("WATCHDOG_USEC");
  const bool means_us =
      std::getenv("WATCHDOG_PID") == nullptr || number_in("WATCHDOG_PID") == ::getpid();
  return period_us > 1 && means_us
             ? std::optional<Duration>(std::chrono::microseconds{period_us} / 2)
             : std::nullopt;
}

}  // namespace lvs::io
