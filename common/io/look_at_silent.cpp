#include "common/io/look_at_silent.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "common/io/local_socket.h"
#include "common/io/read_file.h"

namespace lvs::io {
namespace {

// As /proc/locks has it. Many a network namespace has a /run of its own, with the same inodes.
std::string place_of(const struct stat& file) {
  char device[16];
  std::snprintf(device, sizeof device, "%02x:%02x:", major(file.st_dev), minor(file.st_dev));
  return device + std::to_string(file.st_ino);
}

// "3: FLOCK  ADVISORY  WRITE 4711 00:1a:1234 0 EOF"
int holder_of_lock(const std::string& file) {
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, place;
    int pid = 0;
    if (words >> number >> kind >> mode >> access >> pid >> place && kind == "FLOCK" &&
        access == "WRITE" && place == file) {
      return pid;
    }
  }
  return 0;
}

}  // namespace

bool is_stopped(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("State:")) {
      return line.find_first_of("Tt", 6) == line.find_first_not_of(" \t", 6);
    }
  }
  return false;
}

SilentDaemon look_at_silent(const std::string& socket_path) {
  const std::string file = socket_path + kLockSuffix;
  struct stat about {};
  const int pid = ::stat(file.c_str(), &about) == 0 ? holder_of_lock(place_of(about)) : 0;
  if (pid == 0) {
    return {};
  }
  const auto text = read_file(file);
  const bool is_starting = text && text->find(kStarting) != std::string::npos;
  const bool stands_still = is_stopped(pid);
  return {is_starting && !stands_still ? Silence::starting : Silence::silent, pid, stands_still};
}

}  // namespace lvs::io
