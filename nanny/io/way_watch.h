// What the kernel says about the way to a server, for the judgement of ways.h: it is asked when a
// check has failed, and when one has worked for the first time since a device changed. Changes of
// devices are listened to, for a device that was without carrier only in the middle of a check.
// Without rtnetlink every failure is the server's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <optional>

#include "common/io/rtnetlink.h"
#include "nanny/result.h"
#include "nanny/ways.h"

namespace lvs::nanny::io {

class WayWatch {
 public:
  using OnChange = std::function<void(const Ways::Change&)>;

  WayWatch(boost::asio::io_context& io, OnChange on_change);

  // What the check of this server, begun at `since`, means, seen from here.
  ProbeResult judge(const Address& server, TimePoint since, ProbeResult result);

 private:
  Result<Ok> open();
  void listen();
  void drain();
  Result<Ok> read_all();
  void take(const nlmsghdr* message);
  void look_at(const std::string& device);
  void tell_changes();
  Result<std::string> route_to(const Address& server);

  OnChange on_change_;
  boost::asio::steady_timer timer_;
  boost::asio::posix::stream_descriptor notices_;
  std::optional<lvs::io::Rtnetlink> kernel_;
  std::map<int, std::string> names_;
  Ways ways_;
};

}  // namespace lvs::nanny::io
