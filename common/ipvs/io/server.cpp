#include "common/ipvs/io/server.h"

#include <poll.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "common/ipvs/io/abstract_socket.h"

namespace lvs::ipvs::io {
namespace asio = boost::asio;
using Packets = asio::generic::seq_packet_protocol;
using Acceptor = asio::basic_socket_acceptor<Packets>;
using ErrorCode = boost::system::error_code;

namespace {

constexpr size_t kRequestDatagramBytesMax = 64 << 10;  // Many requests may come in one packet.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // After "too many open files".

// Its sender has shut the connection down, or is gone.
bool has_given_up(int fd) {
  pollfd peer{fd, POLLRDHUP, 0};
  return ::poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP)) != 0;
}

}  // namespace

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
 public:
  Impl(asio::io_context& io, Handler handler)
      : acceptor_(io), pause_(io), handler_(std::move(handler)) {}

  Result<Ok> listen() {
    ErrorCode error;
    const SocketAddress address = socket_address();
    acceptor_.open(Packets(AF_UNIX, 0), error);
    if (!error) {
      acceptor_.bind(Packets::endpoint(&address.address, address.size), error);
    }
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      return Error{error.value(), "listen on @" + kSocketName + ": " + error.message()};
    }
    accept();
    return Ok{};
  }

  void close() {
    ErrorCode ignored;
    closed_ = true;
    acceptor_.close(ignored);
    pause_.cancel();
  }

 private:
  class Session;

  void accept() {
    acceptor_.async_accept([self = shared_from_this()](ErrorCode error, Packets::socket socket) {
      if (!self->closed_) {
        self->accepted(error, std::move(socket));
      }
    });
  }

  void accepted(ErrorCode error, Packets::socket socket);

  Acceptor acceptor_;
  asio::steady_timer pause_;
  Handler handler_;
  size_t sessions_ = 0;
  bool closed_ = false;
};

// One client. Alive while one of its operations is under way; none is started once the server is
// closed.
class Server::Impl::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Packets::socket socket, std::shared_ptr<Impl> server)
      : socket_(std::move(socket)), server_(std::move(server)), packet_(kRequestDatagramBytesMax) {
    ++server_->sessions_;
  }
  ~Session() { --server_->sessions_; }

  void receive() {
    socket_.async_receive(asio::buffer(packet_), flags_,
                          [self = shared_from_this()](ErrorCode error, size_t size) {
                            if (!error && !self->server_->closed_) {
                              self->received(size);
                            }
                          });
  }

 private:
  // A packet that holds no request ends the connection: its sender would wait for ever. One that
  // was given up while this process stood still is not acted on: its sender was told so.
  void received(size_t size) {
    if ((flags_ & MSG_TRUNC) != 0 || has_given_up(socket_.native_handle())) {
      return;
    }
    answers_ = answer(ByteView(packet_).first(size), server_->handler_);
    next_ = 0;
    if (!answers_.empty()) {
      send();
    }
  }

  void send() {
    socket_.async_send(asio::buffer(answers_[next_]), 0,
                       [self = shared_from_this()](ErrorCode error, size_t) {
                         if (!error && !self->server_->closed_) {
                           self->sent();
                         }
                       });
  }

  void sent() {
    if (++next_ < answers_.size()) {
      return send();
    }
    answers_.clear();
    receive();
  }

  Packets::socket socket_;
  std::shared_ptr<Impl> server_;
  Bytes packet_;
  std::vector<Bytes> answers_;
  size_t next_ = 0;
  asio::socket_base::message_flags flags_ = 0;
};

void Server::Impl::accepted(ErrorCode error, Packets::socket socket) {
  if (error) {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](ErrorCode cancelled) {
      if (!cancelled && !self->closed_) {
        self->accept();
      }
    });
    return;
  }
  if (peer_is_root(socket.native_handle()) && sessions_ < kConnectionsMax) {
    std::make_shared<Session>(std::move(socket), shared_from_this())->receive();
  }
  accept();
}

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& io, Handler handler) {
  auto impl = std::make_shared<Impl>(io, std::move(handler));
  if (const auto listening = impl->listen(); !listening) {
    return listening.error();
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {
}

Server::~Server() {
  impl_->close();
}

}  // namespace lvs::ipvs::io
