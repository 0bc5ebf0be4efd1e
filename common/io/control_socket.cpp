#include "common/io/control_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <optional>
#include <utility>

#include "common/io/give_to_group.h"
#include "common/io/local_socket.h"
#include "common/io/log_sink.h"
#include "common/utf8.h"

namespace lvs::io {
namespace asio = boost::asio;
namespace json = boost::json;
using Stream = asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;

namespace {

std::optional<json::object> parse_object(const std::string& line) {
  ErrorCode error;
  const json::value value = json::parse(line, error);
  if (error || !value.is_object()) {
    return std::nullopt;
  }
  return value.get_object();
}

std::string take_line(asio::streambuf& buffer, size_t size) {
  const auto begin = asio::buffers_begin(buffer.data());
  std::string line(begin, begin + static_cast<std::ptrdiff_t>(size));
  buffer.consume(size);
  return line;
}

}  // namespace

json::object control_error(const std::string& what) {
  return {{"ok", false}, {"error", what}};
}

enum class Access { all, status };

struct ControlServer::Shared {
  Shared(asio::io_context& io, ControlWords known, Handler handle)
      : words(std::move(known)), handler(std::move(handle)), all(io), status(io) {}

  struct Listener {
    explicit Listener(asio::io_context& io) : acceptor(io), pause(io) {}
    Stream::acceptor acceptor;
    asio::steady_timer pause;
    size_t clients = 0;
  };
  Listener& of(Access access) { return access == Access::all ? all : status; }

  ControlWords words;
  Handler handler;
  UniqueFd lock;
  std::string path;
  Listener all;
  Listener status;
  TimePoint next_status_answer;
  bool closed = false;
};

namespace {

using Server = std::shared_ptr<ControlServer::Shared>;

// One client: reads a line, answers it, reads the next. Lives as long as an operation of its own is
// under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Stream::socket socket, Server server, Access access, Caller caller)
      : socket_(std::move(socket)),
        patience_(socket_.get_executor()),
        turn_(socket_.get_executor()),
        server_(std::move(server)),
        access_(access),
        caller_(caller),
        may_change_(access == Access::all && may_change_network(caller)),
        input_(kControlRequestMax) {
    ++server_->of(access_).clients;
  }
  ~Session() { --server_->of(access_).clients; }

  void read() {
    be_patient();
    asio::async_read_until(socket_, input_, '\n',
                           [self = shared_from_this()](ErrorCode error, size_t size) {
                             if (error || self->server_->closed) {
                               self->patience_.cancel();
                             } else {
                               self->wait_for_turn(take_line(self->input_, size));
                             }
                           });
  }

 private:
  // Who asks nothing, or does not read its answer, is let go.
  void be_patient() {
    patience_.expires_after(kControlIdleMax);
    patience_.async_wait([weak = weak_from_this()](ErrorCode error) {
      const auto self = weak.lock();
      if (!error && self) {
        ErrorCode ignored;
        self->socket_.close(ignored);
      }
    });
  }

  // However many ask for the status, the daemon's work goes on between two answers.
  void wait_for_turn(std::string line) {
    if (access_ == Access::all) {
      return answer(line);
    }
    const TimePoint now = Clock::now();
    const TimePoint turn = std::max(now, server_->next_status_answer);
    server_->next_status_answer = turn + kStatusAnswerPause;
    turn_.expires_after(turn - now);
    turn_.async_wait([self = shared_from_this(), line = std::move(line)](ErrorCode error) {
      if (!error && !self->server_->closed) {
        self->answer(line);
      }
    });
  }

  void answer(const std::string& line) {
    be_patient();
    const auto request = parse_object(line);
    json::object reply =
        request ? obey(*request) : control_error("expected one JSON object a line");
    if (!reply.contains("ok")) {
      reply["ok"] = true;
    }
    output_ = escape_what_is_not_utf8(json::serialize(reply)) + "\n";
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](ErrorCode error, size_t) {
                        if (!error && !self->server_->closed) {
                          self->read();
                        }
                      });
  }

  json::object obey(const json::object& request) {
    const json::value* word = request.if_contains("do");
    const std::string what =
        word != nullptr && word->is_string() ? std::string(word->get_string()) : "";
    if (server_->words.reads.contains(what)) {
      return server_->handler(request);
    }
    if (!may_change_) {
      return control_error(what + ": only root with the capability CAP_NET_ADMIN may ask for this");
    }
    json::object reply = server_->handler(request);
    if (!server_->words.unlogged.contains(what)) {
      const json::value* error = reply.if_contains("error");
      log({Level::notice,
           "asked",
           "",
           {{"what", what},
            {"pid", std::to_string(caller_.pid)},
            {"uid", std::to_string(caller_.uid)},
            {"outcome", error != nullptr && error->is_string() ? std::string(error->get_string())
                                                               : "accepted"}}});
    }
    return reply;
  }

  Stream::socket socket_;
  asio::steady_timer patience_;
  asio::steady_timer turn_;
  Server server_;
  Access access_;
  Caller caller_;
  bool may_change_;
  asio::streambuf input_;
  std::string output_;
};

void accept_next(const Server& server, Access access);

// Descriptors come back with time; asking at once again would only burn it.
void accept_later(const Server& server, Access access) {
  auto& pause = server->of(access).pause;
  pause.expires_after(kAcceptPause);
  pause.async_wait([server, access](ErrorCode error) {
    if (!error && !server->closed) {
      accept_next(server, access);
    }
  });
}

void accept_next(const Server& server, Access access) {
  server->of(access).acceptor.async_accept(
      [server, access](ErrorCode error, Stream::socket socket) {
        if (server->closed || error == asio::error::operation_aborted) {
          return;
        }
        if (error) {
          return accept_later(server, access);
        }
        const Caller caller = caller_of(socket.native_handle());
        const bool is_full = server->of(access).clients >= kControlClientsMax;
        if (!is_full && (access == Access::status || caller.is_root())) {
          std::make_shared<Session>(std::move(socket), server, access, caller)->read();
        }
        access == Access::all ? accept_next(server, access) : accept_later(server, access);
      });
}

Result<Ok> open(const Server& server, Access access, const std::string& path) {
  Stream::acceptor& acceptor = server->of(access).acceptor;
  const auto group = access == Access::status ? status_group() : std::nullopt;
  ErrorCode error;
  ::unlink(path.c_str());
  acceptor.open(Stream(), error);
  if (!error) {
    acceptor.bind(Stream::endpoint(path), error);
  }
  if (!error && (!give_to_group(path, group.value_or(0)) ||
                 ::chmod(path.c_str(), group ? 0660 : 0600) != 0)) {
    error.assign(errno, boost::system::system_category());
  }
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return Error{error.value(), "control socket " + path + ": " + error.message()};
  }
  accept_next(server, access);
  return Ok{};
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(asio::io_context& io,
                                                             const std::string& path,
                                                             ControlWords words, Handler handler) {
  auto lock = claim_socket_path(path);
  if (!lock) {
    return lock.error();
  }
  auto shared = std::make_shared<Shared>(io, std::move(words), std::move(handler));
  shared->lock = std::move(lock).value();
  shared->path = path;
  auto server = std::unique_ptr<ControlServer>(new ControlServer(shared));
  for (const auto& opened :
       {open(shared, Access::all, path), open(shared, Access::status, status_socket_of(path))}) {
    if (!opened) {
      return opened.error();
    }
  }
  return server;
}

void ControlServer::note_starting(bool is_starting) {
  lvs::io::note_starting(shared_->lock, is_starting);
}

ControlServer::~ControlServer() {
  ErrorCode ignored;
  shared_->closed = true;
  for (const Access access : {Access::all, Access::status}) {
    shared_->of(access).acceptor.close(ignored);
    shared_->of(access).pause.cancel();
  }
  ::unlink(shared_->path.c_str());
  ::unlink(status_socket_of(shared_->path).c_str());
  shared_->lock = UniqueFd{};
}

struct ControlClient::Shared : std::enable_shared_from_this<ControlClient::Shared> {
  Shared(asio::io_context& io, OnReply reply, OnClosed close)
      : socket(io),
        input(kControlReplyMax),
        on_reply(std::move(reply)),
        on_closed(std::move(close)) {}

  void read() {
    asio::async_read_until(socket, input, '\n',
                           [self = shared_from_this()](ErrorCode error, size_t size) {
                             if (error) {
                               return self->fail();
                             }
                             const auto reply = parse_object(take_line(self->input, size));
                             if (!reply) {
                               return self->fail();
                             }
                             if (self->on_reply) {
                               self->on_reply(*reply);
                             }
                             if (!self->dead) {
                               self->read();
                             }
                           });
  }

  void write() {
    asio::async_write(socket, asio::buffer(queue.front()),
                      [self = shared_from_this()](ErrorCode error, size_t) {
                        if (error) {
                          return self->fail();
                        }
                        self->queue.pop_front();
                        if (!self->queue.empty() && !self->dead) {
                          self->write();
                        }
                      });
  }

  void fail() {
    if (std::exchange(dead, true)) {
      return;
    }
    ErrorCode ignored;
    socket.close(ignored);
    if (on_closed) {
      on_closed();
    }
  }

  Stream::socket socket;
  asio::streambuf input;
  std::deque<std::string> queue;
  OnReply on_reply;
  OnClosed on_closed;
  bool dead = false;
};

Result<std::unique_ptr<ControlClient>> ControlClient::connect(asio::io_context& io,
                                                              const std::string& path,
                                                              OnReply on_reply,
                                                              OnClosed on_closed) {
  auto shared = std::make_shared<Shared>(io, std::move(on_reply), std::move(on_closed));
  ErrorCode error;
  // Local: answers at once, also when nobody listens.
  shared->socket.connect(Stream::endpoint(path), error);
  if (error == boost::system::errc::no_such_file_or_directory) {
    return Error{ECONNREFUSED, path + ": nobody listens"};
  }
  if (error) {
    return Error{error.value(), path + ": " + error.message()};
  }
  shared->read();
  return std::unique_ptr<ControlClient>(new ControlClient(std::move(shared)));
}

ControlClient::~ControlClient() {
  ErrorCode ignored;
  shared_->dead = true;
  shared_->on_reply = nullptr;
  shared_->on_closed = nullptr;
  shared_->socket.close(ignored);
}

void ControlClient::send(const json::object& request) {
  if (shared_->dead) {
    return;
  }
  shared_->queue.push_back(escape_what_is_not_utf8(json::serialize(request)) + "\n");
  if (shared_->queue.size() == 1) {
    shared_->write();
  }
}

Result<json::object> control_call(const std::string& path, const json::object& request,
                                  Duration patience) {
  asio::io_context io;
  std::optional<json::object> reply;
  auto client = ControlClient::connect(
      io, path,
      [&](const json::object& r) {
        reply = r;
        io.stop();
      },
      [&] { io.stop(); });
  if (!client) {
    return client.error();
  }
  (*client)->send(request);
  io.run_for(patience);
  if (!reply) {
    return Error{ETIMEDOUT,
                 path + ": no answer within " + std::to_string(to_ms(patience).count()) + " ms"};
  }
  const json::value* ok = reply->if_contains("ok");
  if (ok != nullptr && ok->is_bool() && !ok->get_bool()) {
    const json::value* text = reply->if_contains("error");
    return Error{
        EIO, text != nullptr && text->is_string() ? std::string(text->get_string()) : "refused"};
  }
  return *std::move(reply);
}

}  // namespace lvs::io
