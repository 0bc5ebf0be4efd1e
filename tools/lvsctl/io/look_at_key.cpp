#include "tools/lvsctl/io/look_at_key.h"

#include <sys/stat.h>

#include <cerrno>

namespace lvs::lvsctl {

KeyFile look_at_key(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return {path, errno};
  }
  return {path,
          0,
          S_ISREG(status.st_mode),
          status.st_uid,
          status.st_mode,
          static_cast<uint64_t>(status.st_size)};
}

}  // namespace lvs::lvsctl
