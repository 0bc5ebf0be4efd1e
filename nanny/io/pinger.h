// ICMP echoes over two raw sockets that all checks share. nanny may not open such sockets: they are
// handed to it, and only when there is something to ping.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"
#include "common/time.h"
#include "nanny/echo.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

constexpr int kEchoes = 3;  // In one check; an answer to any of them will do.

class Pinger {
 public:
  // A socket of ICMP, then one of ICMPv6; asked for with the first check, and until they come.
  using Open = std::function<Result<std::vector<lvs::io::UniqueFd>>()>;

  Pinger(boost::asio::io_context& io, Open open) : io_(io), open_(std::move(open)) {}

  std::unique_ptr<Probe> probe(const Address& target, Duration timeout, Tell tell);

 private:
  class Run;
  using Descriptor = boost::asio::posix::stream_descriptor;

  Result<Ok> open();
  void receive(bool is_v4);
  void take_all(bool is_v4);

  boost::asio::io_context& io_;
  Open open_;
  std::optional<Descriptor> v4_;
  std::optional<Descriptor> v6_;
  std::map<uint64_t, Run*> running_;  // By their nonce.
};

// With --lvsd: what lvsd has put into descriptor 5.
Pinger::Open sockets_of_lvsd();

}  // namespace lvs::nanny::io
