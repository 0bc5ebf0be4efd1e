#include "common/io/background_file.h"

#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <utility>

#include "common/io/log_sink.h"
#include "common/io/read_file.h"

namespace lvs::io {
namespace {

constexpr unsigned kFirstOther = 3;  // Behind the standard descriptors.

// Sockets of the daemon are locks: a writer that hangs must not keep them.
[[noreturn]] void write_and_end(const std::string& path, const BackgroundFile::Text& text) {
  ::syscall(SYS_close_range, kFirstOther, ~0U, 0U);
  const auto folder = std::filesystem::path(path).parent_path();
  ::mkdir(folder.parent_path().c_str(), 0755);
  ::mkdir(folder.c_str(), 0700);
  const auto written = write_file_atomically(path, text(), 0600);
  ::_exit(written ? 0 : written.error().code);
}

void wait_for(int handle) {
  pollfd end{handle, POLLIN, 0};
  ::poll(&end, 1, static_cast<int>(to_ms(kLastWritePatience).count()));
}

}  // namespace

BackgroundFile::BackgroundFile(boost::asio::io_context& io, std::string path, Text text)
    : io_(io), path_(std::move(path)), text_(std::move(text)), pause_(io) {
}

// The end of a daemon, which may wait a moment.
BackgroundFile::~BackgroundFile() {
  if (child_) {
    wait_for(child_->native_handle());
  }
  if (!is_due_) {
    return;
  }
  if (const auto handle = start_child()) {
    wait_for(*handle);
    ::close(*handle);
  }
}

void BackgroundFile::changed() {
  is_due_ = true;
  if (!child_ && !is_pausing_) {
    write_after(kFilePause);
  }
}

void BackgroundFile::changed_for_somebody() {
  is_due_ = true;
  if (!child_) {
    pause_.cancel();
    is_pausing_ = false;
    write();
  }
}

void BackgroundFile::write_after(Duration pause) {
  is_pausing_ = true;
  pause_.expires_after(pause);
  pause_.async_wait([this](auto error) {
    if (!error) {
      is_pausing_ = false;
      write();
    }
  });
}

void BackgroundFile::write() {
  is_due_ = false;
  const auto handle = start_child();
  if (!handle) {
    return ended(handle.error().what);
  }
  child_.emplace(io_, *handle);
  watch(*handle);
}

Result<int> BackgroundFile::start_child() {
  const pid_t child = ::fork();
  if (child == 0) {
    write_and_end(path_, text_);
  }
  if (child < 0) {
    return os_error(errno, "fork");
  }
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  return handle < 0 ? os_error(errno, "pidfd_open") : Result<int>(handle);
}

void BackgroundFile::watch(int handle) {
  child_->async_wait(boost::asio::posix::stream_descriptor::wait_read, [this, handle](auto error) {
    if (error) {
      return;
    }
    siginfo_t info{};
    if (::waitid(P_PIDFD, static_cast<id_t>(handle), &info, WEXITED | WNOHANG) == 0 &&
        info.si_pid == 0) {
      return watch(handle);  // Woken without news.
    }
    if (info.si_status == 0) {
      return ended("");
    }
    ended(info.si_code == CLD_EXITED ? std::strerror(info.si_status) : "killed");
  });
}

void BackgroundFile::ended(const std::string& why) {
  tell(why);
  child_.reset();
  is_due_ = is_due_ || !why.empty();
  if (is_due_) {
    write_after(why.empty() ? kFilePause : kFileRetryPause);
  }
}

void BackgroundFile::tell(const std::string& error) {
  if (error == told_) {
    return;
  }
  told_ = error;
  if (error.empty()) {
    return log({Level::info, "file-written", "", {{"file", path_}}});
  }
  log({Level::warning, "file-not-written", "", {{"file", path_}, {"error", error}}});
}

}  // namespace lvs::io
