#include "common/ipvs/io/server.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/seq_packet_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "common/io/local_socket.h"
#include "common/io/log_sink.h"
#include "common/io/run_dir.h"
#include "common/ipvs/io/core_socket.h"

namespace lvs::ipvs::io {
namespace asio = boost::asio;
using Packets = asio::generic::seq_packet_protocol;
using Acceptor = asio::basic_socket_acceptor<Packets>;
using ErrorCode = boost::system::error_code;

namespace {

constexpr size_t kRequestDatagramBytesMax = 64 << 10;  // Many requests may come in one packet.
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // After "too many open files".
constexpr size_t kChangesLogged = 20;  // Of one connection; a restored table is thousands.

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
    const auto folder = lvs::io::run_dir();
    if (!folder) {
      return folder.error();
    }
    path_ = *folder + kCoreSocket;
    auto lock = lvs::io::claim_socket_path(path_);
    if (!lock) {
      return lock.error();
    }
    lock_ = std::move(lock).value();
    const auto address = lvs::io::socket_address(path_);
    return address ? bind(*address) : address.error();
  }

  void close() {
    ErrorCode ignored;
    closed_ = true;
    acceptor_.close(ignored);
    pause_.cancel();
    if (lock_) {
      ::unlink(path_.c_str());
      lock_ = lvs::io::UniqueFd{};
    }
  }

 private:
  class Session;

  Result<Ok> bind(const sockaddr_un& address) {
    ErrorCode error;
    acceptor_.open(Packets(AF_UNIX, 0), error);
    if (!error) {
      acceptor_.bind(Packets::endpoint(&address, sizeof address), error);
    }
    if (!error && ::chmod(path_.c_str(), 0600) != 0) {
      error.assign(errno, boost::system::system_category());
    }
    if (!error) {
      acceptor_.listen(asio::socket_base::max_listen_connections, error);
    }
    if (error) {
      return Error{error.value(), "listen on " + path_ + ": " + error.message()};
    }
    accept();
    return Ok{};
  }

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
  std::string path_;
  lvs::io::UniqueFd lock_;
  size_t sessions_ = 0;
  bool closed_ = false;
};

// One client. Alive while one of its operations is under way; none is started once the server is
// closed.
class Server::Impl::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Packets::socket socket, std::shared_ptr<Impl> server, lvs::io::Caller caller)
      : socket_(std::move(socket)),
        server_(std::move(server)),
        caller_(caller),
        may_change_(lvs::io::may_change_network(caller)),
        packet_(kRequestDatagramBytesMax) {
    ++server_->sessions_;
  }
  ~Session() {
    --server_->sessions_;
    if (changes_ > kChangesLogged) {
      tell("and " + std::to_string(changes_ - kChangesLogged) + " more changes");
    }
  }

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
    answers_ = answer(ByteView(packet_).first(size),
                      [this](const Request& request) { return obey(request); });
    next_ = 0;
    if (!answers_.empty()) {
      send();
    }
  }

  // ip_vs too lets nobody change its table without this capability.
  Result<Reply> obey(const Request& request) {
    if (!changes_something(request)) {
      return server_->handler_(request);
    }
    if (!may_change_) {
      return Error{EPERM, "needs the capability CAP_NET_ADMIN"};
    }
    if (++changes_ <= kChangesLogged) {
      tell(to_string(request));
    }
    return server_->handler_(request);
  }

  void tell(const std::string& change) const {
    lvs::io::log({Level::notice,
                  "core-asked",
                  "",
                  {{"what", change},
                   {"pid", std::to_string(caller_.pid)},
                   {"uid", std::to_string(caller_.uid)}}});
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
  lvs::io::Caller caller_;
  bool may_change_;
  size_t changes_ = 0;
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
  const lvs::io::Caller caller = lvs::io::caller_of(socket.native_handle());
  if (caller.is_root() && sessions_ < kConnectionsMax) {
    std::make_shared<Session>(std::move(socket), shared_from_this(), caller)->receive();
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
