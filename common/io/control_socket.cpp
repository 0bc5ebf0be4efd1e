#include "common/io/control_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <deque>
#include <optional>
#include <utility>

namespace lvs::io {
namespace asio = boost::asio;
namespace json = boost::json;
using Stream = asio::local::stream_protocol;
using ErrorCode = boost::system::error_code;

namespace {

Stream::endpoint abstract_endpoint(const std::string& name) {
  return Stream::endpoint(std::string(1, '\0') + name.substr(name.starts_with('@') ? 1 : 0));
}

bool peer_is_root(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == 0;
}

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

struct ControlServer::Shared {
  Shared(asio::io_context& io, Handler handle) : acceptor(io), handler(std::move(handle)) {}
  Stream::acceptor acceptor;
  Handler handler;
  size_t clients = 0;
  bool closed = false;
};

namespace {

// One client: reads a line, answers it, reads the next. Lives as long as an operation of its own is
// under way.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Stream::socket socket, std::shared_ptr<ControlServer::Shared> server)
      : socket_(std::move(socket)), server_(std::move(server)), input_(kControlRequestMax) {
    ++server_->clients;
  }
  ~Session() { --server_->clients; }

  void read() {
    asio::async_read_until(socket_, input_, '\n',
                           [self = shared_from_this()](ErrorCode error, size_t size) {
                             if (!error && !self->server_->closed) {
                               self->answer(take_line(self->input_, size));
                             }
                           });
  }

 private:
  void answer(const std::string& line) {
    const auto request = parse_object(line);
    json::object reply =
        request ? server_->handler(*request) : control_error("expected one JSON object a line");
    if (!reply.contains("ok")) {
      reply["ok"] = true;
    }
    output_ = json::serialize(reply) + "\n";
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](ErrorCode error, size_t) {
                        if (!error) {
                          self->read();
                        }
                      });
  }

  Stream::socket socket_;
  std::shared_ptr<ControlServer::Shared> server_;
  asio::streambuf input_;
  std::string output_;
};

void accept_next(const std::shared_ptr<ControlServer::Shared>& server) {
  server->acceptor.async_accept([server](ErrorCode error, Stream::socket socket) {
    if (server->closed || error == asio::error::operation_aborted) {
      return;
    }
    if (!error && peer_is_root(socket.native_handle()) && server->clients < kControlClientsMax) {
      std::make_shared<Session>(std::move(socket), server)->read();
    }
    accept_next(server);
  });
}

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(asio::io_context& io,
                                                             const std::string& name,
                                                             Handler handler) {
  auto shared = std::make_shared<Shared>(io, std::move(handler));
  ErrorCode error;
  shared->acceptor.open(Stream(), error);
  if (!error) {
    shared->acceptor.bind(abstract_endpoint(name), error);
  }
  if (!error) {
    shared->acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return Error{error.value(), "control socket " + name + ": " + error.message()};
  }
  accept_next(shared);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(shared)));
}

ControlServer::~ControlServer() {
  ErrorCode ignored;
  shared_->closed = true;
  shared_->acceptor.close(ignored);
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
                                                              const std::string& name,
                                                              OnReply on_reply,
                                                              OnClosed on_closed) {
  auto shared = std::make_shared<Shared>(io, std::move(on_reply), std::move(on_closed));
  ErrorCode error;
  shared->socket.connect(abstract_endpoint(name),
                         error);  // Local: answers at once, also when nobody listens.
  if (error) {
    return Error{error.value(), name + ": " + error.message()};
  }
  if (!peer_is_root(shared->socket.native_handle())) {
    return Error{EPERM, name + ": the process that answers is not root's"};
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
  shared_->queue.push_back(json::serialize(request) + "\n");
  if (shared_->queue.size() == 1) {
    shared_->write();
  }
}

Result<json::object> control_call(const std::string& name, const json::object& request,
                                  Duration patience) {
  asio::io_context io;
  std::optional<json::object> reply;
  auto client = ControlClient::connect(
      io, name,
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
                 name + ": no answer within " + std::to_string(to_ms(patience).count()) + " ms"};
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
