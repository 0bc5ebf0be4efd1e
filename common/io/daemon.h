// The life that all daemons share: go to the background, pid file, signals, readiness. A main reads
// its options, calls become_daemon(), builds its parts and runs the loop; this file decides nothing
// about any of them.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <functional>
#include <string>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

// Double fork, own session, standard streams to /dev/null. The first parent waits until the daemon
// calls ready() or dies: so `service pulse start` fails when the daemon does. Returns only in the
// daemon.
class Background {
 public:
  static Result<Background> enter();
  Background() = default;  // Foreground: ready() has nobody to tell but the init system.
  // Tells the waiting parent (exit status 0) and systemd. Once.
  void ready();

 private:
  UniqueFd parent_;
};

// Holds an exclusive lock on the file while it lives; EEXIST when another live process does.
class PidFile {
 public:
  static Result<PidFile> create(const std::string& path);
  PidFile(PidFile&&) = default;
  PidFile& operator=(PidFile&&) = default;
  ~PidFile();

 private:
  PidFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

// TERM and INT call on_stop (with the number), HUP calls on_reload; each as often as it comes.
class Signals {
 public:
  Signals(boost::asio::io_context& io, std::function<void(int)> on_stop,
          std::function<void()> on_reload);

 private:
  void wait();
  boost::asio::signal_set set_;
  std::function<void(int)> on_stop_;
  std::function<void()> on_reload_;
};

// notify_init() whose failure is a warning in the log.
void tell_init(const std::string& state);

// "pulse (Caribe) 0.1.0"
std::string version_line(const std::string& program);

}  // namespace lvs::io
