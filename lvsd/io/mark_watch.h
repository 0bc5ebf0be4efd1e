// Tells when somebody takes something out of the table `mangle`, where the mark rules are: a
// firewall that is loaded anew, `nft flush ruleset`, `iptables -t mangle -F`. Rules of
// iptables-legacy tell nobody; and what a kernel without nftables would tell, nobody needs.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

namespace lvs::lvsd::io {

class MarkWatch {
 public:
  MarkWatch(boost::asio::io_context& io, std::function<void()> touched);

 private:
  void wait();
  void read();

  boost::asio::posix::stream_descriptor notices_;
  std::function<void()> touched_;
};

}  // namespace lvs::lvsd::io
