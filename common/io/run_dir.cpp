#include "common/io/run_dir.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "common/io/unique_fd.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace lvs::io {

Result<std::string> run_dir() {
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    return os_error(errno, "cookie of the network namespace");
  }
  std::string path = "/run/lvs";
  for (const std::string& part : {std::string(), "/" + std::to_string(cookie)}) {
    path += part;
    if (::mkdir(path.c_str(), part.empty() ? 0755 : 0700) != 0 && errno != EEXIST) {
      return os_error(errno, path);
    }
  }
  return path;
}

}  // namespace lvs::io
