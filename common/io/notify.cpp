#include "common/io/notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>

#include "common/io/unique_fd.h"

namespace lvs::io {

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

}  // namespace lvs::io
