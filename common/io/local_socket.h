// Sockets with a name in the file system: one owner at a time, and who is at the other end.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include <optional>
#include <string>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

inline constexpr const char* kLockSuffix = ".lock";

// Stands behind the pid in the lock's file while its owner is not ready to answer.
inline constexpr const char* kStarting = " starting";

// Locks PATH.lock until the descriptor is closed, by us or by our end, and takes away the socket
// that a predecessor left. EADDRINUSE: another process has it; the text says which.
Result<UniqueFd> claim_socket_path(const std::string& path);
// Says in the lock's file whether we are starting still.
void note_starting(const UniqueFd& lock, bool is_starting);

// The group lvs, whose members may ask for the status.
std::optional<gid_t> status_group();

// EINVAL where the path is too long.
Result<sockaddr_un> socket_address(const std::string& path);

struct Caller {
  pid_t pid = 0;  // 0: of another process namespace, or unknown.
  uid_t uid = static_cast<uid_t>(-1);
  bool is_root() const { return uid == 0; }
};

Caller caller_of(int fd);
// Root, with the capability that ip_vs asks for: root in a container often lacks it.
bool may_change_network(const Caller& caller);

}  // namespace lvs::io
