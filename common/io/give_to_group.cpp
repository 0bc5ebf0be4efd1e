#include "common/io/give_to_group.h"

#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

namespace lvs::io {

bool give_to_group(const std::string& path, gid_t group) {
  const auto before = static_cast<gid_t>(::setfsgid(group));
  const bool is_given = ::chown(path.c_str(), 0, group) == 0;
  const int error = errno;
  ::setfsgid(before);
  ::prctl(PR_SET_DUMPABLE, 1);  // Which the change of group has taken away.
  errno = error;
  return is_given;
}

}  // namespace lvs::io
