#include "nanny/runner/io/descendants.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "common/io/unique_fd.h"

namespace lvs::nanny::runner::io {
namespace {

// The fourth word of /proc/PID/stat; the second is a name in parentheses, which may hold anything.
pid_t parent_of(const char* pid) {
  const lvs::io::UniqueFd file{
      ::open((std::string("/proc/") + pid + "/stat").c_str(), O_RDONLY | O_CLOEXEC)};
  std::array<char, 256> text{};
  if (!file || ::read(file.get(), text.data(), text.size() - 1) <= 0) {
    return -1;
  }
  const char* name_end = std::strrchr(text.data(), ')');
  return name_end == nullptr || std::strlen(name_end) < 4
             ? -1
             : static_cast<pid_t>(std::strtol(name_end + 4, nullptr, 10));
}

}  // namespace

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    if (std::isdigit(static_cast<unsigned char>(entry->d_name[0])) != 0 &&
        parent_of(entry->d_name) == parent) {
      children.push_back(static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10)));
    }
  }
  return children;
}

void kill_children(const std::function<bool(pid_t)>& spared) {
  for (const pid_t child : children_of(::getpid())) {
    if (!spared(child)) {
      ::kill(child, SIGKILL);
    }
  }
}

}  // namespace lvs::nanny::runner::io
