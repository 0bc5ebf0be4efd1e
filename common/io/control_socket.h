// The conversation between the daemons and with lvsctl, over Unix stream sockets in run_dir(). A
// request is one line of JSON with a "do" field, the answer one line of JSON with "ok".
//
//   NAME         root may ask everything, and change something if it has the capability that ip_vs
//                asks for. Who changed what is logged.
//   NAME-status  the group lvs may ask what changes nothing, at a bounded rate.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "common/result.h"
#include "common/time.h"

namespace lvs::io {

constexpr size_t kControlRequestMax = 64 << 10;  // Bytes of one request line.
constexpr size_t kControlReplyMax = 64 << 20;    // A status of 10,000 servers is about 4 MiB.
constexpr size_t kControlClientsMax = 64;        // Of each socket.
constexpr Duration kControlIdleMax = std::chrono::minutes{1};           // Then a client is let go.
constexpr Duration kStatusAnswerPause = std::chrono::milliseconds{50};  // Between two, to all.
constexpr Duration kAcceptPause = std::chrono::milliseconds{100};  // After "too many open files".

// The requests that a daemon knows, as far as access to them differs. Any other is a change.
struct ControlWords {
  std::set<std::string> reads;
  std::set<std::string> unlogged;  // Changes that daemons ask for all the time.
};

inline constexpr const char* kPulseSocket = "/pulse";
inline constexpr const char* kLvsdSocket = "/lvsd";

inline std::string status_socket_of(const std::string& path) {
  return path + "-status";
}

class ControlServer {
 public:
  // The handler answers at once; what it returns is sent with "ok": true unless it holds "ok"
  // itself.
  using Handler = std::function<boost::json::object(const boost::json::object& request)>;

  // EADDRINUSE: another process has `path`; the text says which.
  static Result<std::unique_ptr<ControlServer>> listen(boost::asio::io_context& io,
                                                       const std::string& path, ControlWords words,
                                                       Handler handler);
  ~ControlServer();

  // Who asks meanwhile waits for its answer, and may see why (look_at_silent.h).
  void note_starting(bool is_starting);

  struct Shared;  // Public only for the sessions, which may outlive the server by one turn of the
                  // loop.

 private:
  explicit ControlServer(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

boost::json::object control_error(const std::string& what);  // {"ok": false, "error": what}

// One question, one answer, blocking at most `patience`: for commands, not for daemons.
// ECONNREFUSED: nobody listens. EACCES: not for this user. An answer with "ok": false is returned
// as an Error with its text.
Result<boost::json::object> control_call(const std::string& path,
                                         const boost::json::object& request, Duration patience);

// A lasting connection for daemons: never blocks. Requests are answered in order through on_reply;
// on_closed is called once when the other end is gone, and the client is dead from then on. No
// callback after the destructor.
class ControlClient {
 public:
  using OnReply = std::function<void(const boost::json::object&)>;
  using OnClosed = std::function<void()>;

  static Result<std::unique_ptr<ControlClient>> connect(boost::asio::io_context& io,
                                                        const std::string& path, OnReply on_reply,
                                                        OnClosed on_closed);
  ~ControlClient();
  void send(const boost::json::object& request);

  struct Shared;

 private:
  explicit ControlClient(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}
  std::shared_ptr<Shared> shared_;
};

}  // namespace lvs::io
