#include "common/io/run_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "common/io/give_to_group.h"
#include "common/io/local_socket.h"
#include "common/io/read_file.h"
#include "common/io/unique_fd.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace lvs::io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kParent = "/run/lvs";
constexpr const char* kCookieFile = "/namespace";

// The kernel's number for this namespace that no other gets before the next boot.
Result<std::string> cookie() {
  const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (!socket || ::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size) != 0) {
    return os_error(errno, "cookie of the network namespace");
  }
  return std::to_string(cookie) + "\n";
}

bool is_number(const std::string& name) {
  return !name.empty() &&
         std::ranges::all_of(name, [](unsigned char c) { return std::isdigit(c); });
}

// "net:[4026531840]", which the links in /proc and the mounts of namespaces show.
std::string inode_in(const std::string& text) {
  const size_t begin = text.find("net:[");
  return begin == std::string::npos ? ""
                                    : text.substr(begin + 5, text.find(']', begin) - begin - 5);
}

// Those of every process and of every mounted name, such as `ip netns` makes.
std::set<std::string> living_namespaces() {
  std::set<std::string> alive;
  std::error_code ignored;
  for (const auto& process : fs::directory_iterator("/proc", ignored)) {
    if (is_number(process.path().filename())) {
      alive.insert(inode_in(fs::read_symlink(process.path() / "ns/net", ignored)));
    }
  }
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    alive.insert(inode_in(line));
  }
  return alive;
}

// A daemon that we cannot see, in a container that shares /run, holds its lock all the same.
bool has_a_daemon(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& file : fs::directory_iterator(folder, ignored)) {
    if (file.path().extension() == kLockSuffix) {
      const UniqueFd lock{::open(file.path().c_str(), O_RDONLY | O_CLOEXEC)};
      if (lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) != 0) {
        return true;
      }
    }
  }
  return false;
}

void remove_dead_folders() {
  const auto alive = living_namespaces();
  std::error_code ignored;
  for (const auto& folder : fs::directory_iterator(kParent, ignored)) {
    const std::string name = folder.path().filename();
    if (is_number(name) && !alive.contains(name) && !has_a_daemon(folder.path())) {
      fs::remove_all(folder.path(), ignored);
    }
  }
}

// A group's members ask for the status; without the group nobody but root does.
Result<Ok> make(const std::string& path, mode_t mode, std::optional<gid_t> group) {
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return os_error(errno, path);
  }
  if (!give_to_group(path, group.value_or(0)) || ::chmod(path.c_str(), mode) != 0) {
    return os_error(errno, path);
  }
  return Ok{};
}

}  // namespace

Result<std::string> run_dir_path() {
  struct stat found {};
  if (::stat("/proc/thread-self/ns/net", &found) != 0) {
    return os_error(errno, "/proc/thread-self/ns/net");
  }
  return kParent + ("/" + std::to_string(found.st_ino));
}

Result<std::string> run_dir() {
  const auto path = run_dir_path();
  const auto mine = path ? cookie() : path.error();
  if (!mine) {
    return mine.error();
  }
  const auto group = status_group();
  for (const auto& made : {make(kParent, 0755, {}), make(*path, group ? 0750 : 0700, group)}) {
    if (!made) {
      return made.error();
    }
  }
  const UniqueFd folder{::open(path->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder || ::flock(folder.get(), LOCK_EX) != 0) {  // Another daemon may be here now.
    return os_error(errno, *path);
  }
  const std::string cookie_file = *path + kCookieFile;
  const auto was = read_file(cookie_file);
  if (was && *was == *mine) {
    return *path;
  }
  std::error_code ignored;
  for (const auto& left : fs::directory_iterator(*path, ignored)) {
    fs::remove_all(left.path(), ignored);
  }
  remove_dead_folders();
  if (const auto written = write_file_atomically(cookie_file, *mine, 0600); !written) {
    return written.error();
  }
  return *path;
}

}  // namespace lvs::io
