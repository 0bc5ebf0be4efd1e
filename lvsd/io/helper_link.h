// A helper process of lvsd and the SEQPACKET conversation with it: what cannot be sent yet waits,
// what comes is handed on, and its end is told once.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/io/spawn.h"
#include "common/monitor_codec.h"

namespace lvs::lvsd::io {

class HelperLink : public std::enable_shared_from_this<HelperLink> {
 public:
  struct Callbacks {
    std::function<void(const MonitorAnswer&)> on_answer;
    std::function<void(const std::string& reason)> on_gone;  // Once.
  };

  // `ours` is the socket whose other end the process holds.
  static std::shared_ptr<HelperLink> watch(boost::asio::io_context& io,
                                           lvs::io::HelperProcess process, lvs::io::UniqueFd ours,
                                           std::string name, Callbacks call);

  int pid() const { return pid_; }
  bool has_ended() const { return has_ended_; }
  void send(std::string packet);
  // Kills it, frozen or not: a helper has nothing to save. No callback any more.
  void end();

 private:
  using Descriptor = boost::asio::posix::stream_descriptor;

  HelperLink(boost::asio::io_context& io, lvs::io::HelperProcess process, lvs::io::UniqueFd ours,
             std::string name, Callbacks call);
  void watch_end();
  void on_end();
  void read();
  bool receive();
  void take(size_t size);
  void write();
  void wait_for_room();

  pid_t pid_;
  Descriptor handle_;
  Descriptor socket_;
  std::string name_;
  Callbacks call_;
  bool has_ended_ = false;
  std::deque<std::string> outgoing_;
  bool waiting_for_room_ = false;
  std::array<char, kMonitorPacketMax> buffer_{};
};

}  // namespace lvs::lvsd::io
