// A file that a daemon keeps for its next life and must never wait for: a disk may be slow, or
// stand still. A child process writes it, whole and atomically; what it should hold is asked for in
// the child. One child at a time, and a pause before each: what changes meanwhile is written with
// it, and a daemon that has just found something to record mostly has something to do that others
// wait for, which a fork makes slower (milliseconds: each page is copied when it is touched next).
// What could not be written is tried again until it can be.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/time.h"

namespace lvs::io {

constexpr Duration kFilePause = std::chrono::milliseconds{200};
constexpr Duration kFileRetryPause = std::chrono::seconds{2};
constexpr Duration kLastWritePatience = std::chrono::milliseconds{500};

class BackgroundFile {
 public:
  using Text = std::function<std::string()>;

  // Its folder is made when it is missing, for root alone. That it could not be written is logged,
  // once for each reason, and that it could be again.
  BackgroundFile(boost::asio::io_context& io, std::string path, Text text);
  ~BackgroundFile();  // What is not written yet is.
  void changed();     // What it should hold.
  // Who is told that it is kept, or cannot do without it: it is written without the pause.
  void changed_for_somebody();
  bool is_written() const { return !is_due_ && !child_ && told_.empty(); }
  std::string error() const { return told_.empty() ? "" : path_ + ": " + told_; }

 private:
  void write_after(Duration pause);
  void write();
  Result<int> start_child();
  void watch(int handle);
  void ended(const std::string& why);  // Empty: it is written.
  void tell(const std::string& error);

  boost::asio::io_context& io_;
  std::string path_;
  Text text_;
  boost::asio::steady_timer pause_;
  std::optional<boost::asio::posix::stream_descriptor> child_;
  bool is_pausing_ = false;
  bool is_due_ = false;
  std::string told_;  // Why it could not be written, as long as that lasts.
};

}  // namespace lvs::io
