#include "common/io/local_socket.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>

#include "common/io/read_file.h"

namespace lvs::io {
namespace {

constexpr const char* kStatusGroup = "lvs";

}  // namespace

Result<UniqueFd> claim_socket_path(const std::string& path) {
  const std::string file = path + kLockSuffix;
  UniqueFd lock{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
  if (!lock) {
    return os_error(errno, file);
  }
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    const auto owner = read_file(file);
    return Error{EADDRINUSE, path + " belongs to another process, pid " +
                                 (owner && !owner->empty() ? *owner : "unknown")};
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), pid.data(), pid.size(), 0) < 0) {
    return os_error(errno, file);
  }
  ::unlink(path.c_str());
  return lock;
}

void note_starting(const UniqueFd& lock, bool is_starting) {
  const std::string text = std::to_string(::getpid()) + (is_starting ? kStarting : "");
  if (::ftruncate(lock.get(), 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(lock.get(), text.data(), text.size(), 0);
  }
}

std::optional<gid_t> status_group() {
  const group* found = ::getgrnam(kStatusGroup);
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

Result<sockaddr_un> socket_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error{EINVAL, path + ": longer than an address of a socket may be"};
  }
  path.copy(address.sun_path, path.size());
  return address;
}

Caller caller_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? Caller{peer.pid, peer.uid}
                                                                      : Caller{};
}

bool may_change_network(const Caller& caller) {
  const auto status = read_file("/proc/" + std::to_string(caller.pid) + "/status");
  const size_t line = status ? status->find("\nCapEff:") : std::string::npos;
  const uint64_t capabilities =
      line == std::string::npos ? 0 : std::strtoull(status->c_str() + line + 8, nullptr, 16);
  return caller.is_root() && (capabilities >> CAP_NET_ADMIN & 1) != 0;
}

}  // namespace lvs::io
