// The conversation between the daemons and with lvsctl: an abstract AF_UNIX stream socket
// ("@lvs/pulse", "@lvs/lvsd"; abstract names belong to the network namespace, as the director
// does). A request is one line of JSON with a "do" field, the answer one line of JSON with "ok".
// Only uid 0 may ask; both ends check the other's credentials.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/result.h"
#include "common/time.h"

namespace lvs::io {

constexpr size_t kControlRequestMax = 64 << 10;  // Bytes of one request line.
constexpr size_t kControlReplyMax = 64 << 20;    // A status of 10,000 servers is about 4 MiB.
constexpr size_t kControlClientsMax = 64;

class ControlServer {
 public:
  // The handler answers at once; what it returns is sent with "ok": true unless it holds "ok"
  // itself.
  using Handler = std::function<boost::json::object(const boost::json::object& request)>;

  // EADDRINUSE: somebody in this network namespace already answers to `name`.
  static Result<std::unique_ptr<ControlServer>> listen(boost::asio::io_context& io,
                                                       const std::string& name, Handler handler);
  ~ControlServer();

  struct Shared;  // Public only for the sessions, which may outlive the server by one turn of the
                  // loop.

 private:
  explicit ControlServer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

boost::json::object control_error(const std::string& what);  // {"ok": false, "error": what}

// One question, one answer, blocking at most `patience`: for commands, not for daemons.
// ECONNREFUSED: nobody listens. An answer with "ok": false is returned as an Error with its text.
Result<boost::json::object> control_call(const std::string& name,
                                         const boost::json::object& request, Duration patience);

// A lasting connection for daemons: never blocks. Requests are answered in order through on_reply;
// on_closed is called once when the other end is gone, and the client is dead from then on. No
// callback after the destructor.
class ControlClient {
 public:
  using OnReply = std::function<void(const boost::json::object&)>;
  using OnClosed = std::function<void()>;

  static Result<std::unique_ptr<ControlClient>> connect(boost::asio::io_context& io,
                                                        const std::string& name, OnReply on_reply,
                                                        OnClosed on_closed);
  ~ControlClient();
  void send(const boost::json::object& request);

  struct Shared;

 private:
  explicit ControlClient(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

}  // namespace lvs::io
