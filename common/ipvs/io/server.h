// The embedded core's ear: answers requests on a socket in the folder of this network namespace, to
// root. Changes need the capability that ip_vs asks for, and are logged with who asked. One
// connection is served one request at a time; the next packet is read when the last answer is sent,
// so a slow reader of a long dump holds up only itself.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>

#include "common/ipvs/codec.h"

namespace lvs::ipvs::io {

constexpr size_t kConnectionsMax = 32;

class Server {
 public:
  // EADDRINUSE: another core lives in this network namespace.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& io, Handler handler);
  ~Server();  // Closes the socket and every connection.

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace lvs::ipvs::io
