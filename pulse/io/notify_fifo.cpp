#include "pulse/io/notify_fifo.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "common/io/log_sink.h"

namespace lvs::pulse {

void NotifyFifo::use(const std::optional<std::string>& path) {
  if (path == path_) {
    return;
  }
  path_ = path;
  fd_ = {};
  is_in_trouble_ = false;
  write();
}

void NotifyFifo::tell(const std::string& line) {
  last_line_ = line;
  write();
}

Result<Ok> NotifyFifo::open() {
  const std::string doing = "notify_fifo " + *path_;
  if (::mkfifo(path_->c_str(), 0600) != 0 && errno != EEXIST) {
    return os_error(errno, doing);
  }
  // Looked at first: to open a device may set something off.
  struct stat status {};
  if (::lstat(path_->c_str(), &status) != 0) {
    return os_error(errno, doing);
  }
  if (!S_ISFIFO(status.st_mode)) {
    return Error{EINVAL, doing + ": it is no named pipe"};
  }
  fd_ = io::UniqueFd{::open(path_->c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC)};
  if (!fd_) {
    return os_error(errno, doing);
  }
  if (!is_still_there()) {
    fd_ = {};
    return Error{EINVAL, doing + ": it is no named pipe"};
  }
  return Ok{};
}

bool NotifyFifo::is_still_there() const {
  struct stat by_name {};
  struct stat ours {};
  return fd_ && ::lstat(path_->c_str(), &by_name) == 0 && ::fstat(fd_.get(), &ours) == 0 &&
         S_ISFIFO(ours.st_mode) && by_name.st_dev == ours.st_dev && by_name.st_ino == ours.st_ino;
}

void NotifyFifo::write() {
  if (!path_) {
    return;
  }
  if (!is_still_there()) {
    if (const auto opened = open(); !opened) {
      return complain(opened.error());
    }
  }
  if (last_line_.empty()) {
    return;
  }
  // So short a line is written whole or not at all.
  if (::write(fd_.get(), last_line_.data(), last_line_.size()) < 0) {
    return complain(os_error(errno, "notify_fifo " + *path_ + ": a line was lost"));
  }
  is_in_trouble_ = false;
}

void NotifyFifo::complain(const Error& error) {
  if (!is_in_trouble_) {
    io::log({Level::error, "notify-fifo-failed", "", {{"error", error.what}}});
  }
  is_in_trouble_ = true;
}

}  // namespace lvs::pulse
