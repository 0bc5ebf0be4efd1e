#include "common/io/machine.h"

#include <netinet/in.h>
#include <pwd.h>
#include <sys/socket.h>

#include "common/io/unique_fd.h"

namespace lvs::io {

bool has_user(const std::string& name) {
  return ::getpwnam(name.c_str()) != nullptr;
}

bool has_sctp() {
  return static_cast<bool>(UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP)});
}

}  // namespace lvs::io
