#include "common/io/name_lookup.h"

#include <ares.h>
#include <netinet/in.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>

namespace lvs::io {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;
using ErrorCode = boost::system::error_code;

class NameLookup::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Found found) : io_(io), timer_(io), found_(std::move(found)) {}

  void look_up(const std::string& name) {
    if (under_way_ == 0) {
      end_channel();
      begin_channel();
    }
    if (channel_ == nullptr) {
      return tell(name, Error{ENOMEM, error_});
    }
    ++under_way_;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, name.c_str(), nullptr, &hints, &Impl::on_answer,
                     new Query{shared_from_this(), name});
    arm();
  }

  void close() {
    is_closed_ = true;
    timer_.cancel();
    end_channel();
  }

 private:
  struct Query {
    std::shared_ptr<Impl> lookup;
    std::string name;
  };
  // A socket of c-ares, which closes it itself.
  struct Socket {
    Socket(asio::io_context& io, int fd) : descriptor(io, fd) {}
    ~Socket() { descriptor.release(); }
    stream_descriptor descriptor;
    bool reads = false, writes = false;           // What c-ares waits for.
    bool is_reading = false, is_writing = false;  // What is waited for.
  };

  void begin_channel() {
    ares_options options{};
    options.timeout = static_cast<int>(to_ms(kNameServerPatience).count());
    options.tries = kNameServerTries;
    options.sock_state_cb = &Impl::on_socket;
    options.sock_state_cb_data = this;
    const int failed = ares_init_options(
        &channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB);
    if (failed != ARES_SUCCESS) {
      channel_ = nullptr;
      error_ = ares_strerror(failed);
    }
  }

  void end_channel() {
    if (channel_ != nullptr) {
      ares_destroy(std::exchange(channel_, nullptr));
    }
    sockets_.clear();
  }

  static void on_answer(void* asked, int status, int, ares_addrinfo* list) {
    const std::unique_ptr<Query> query(static_cast<Query*>(asked));
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owner(list,
                                                                             &ares_freeaddrinfo);
    --query->lookup->under_way_;
    if (status != ARES_SUCCESS) {
      return query->lookup->tell(query->name, Error{EHOSTUNREACH, ares_strerror(status)});
    }
    std::vector<Address> addresses;
    for (auto* node = list->nodes; node != nullptr; node = node->ai_next) {
      if (node->ai_family == AF_INET) {
        addresses.push_back(
            Address::v4_bytes(&reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr));
      } else if (node->ai_family == AF_INET6) {
        addresses.push_back(
            Address::v6_bytes(&reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr));
      }
    }
    query->lookup->tell(query->name, std::move(addresses));
  }

  void tell(const std::string& name, Result<std::vector<Address>> found) {
    asio::post(io_, [self = shared_from_this(), name, found = std::move(found)] {
      if (!self->is_closed_) {
        self->found_(name, found);
      }
    });
  }

  static void on_socket(void* lookup, ares_socket_t fd, int readable, int writable) {
    static_cast<Impl*>(lookup)->wait_on(fd, readable != 0, writable != 0);
  }

  void wait_on(int fd, bool reads, bool writes) {
    if (!reads && !writes) {
      sockets_.erase(fd);
      return;
    }
    auto& socket = sockets_[fd];
    if (!socket) {
      socket = std::make_shared<Socket>(io_, fd);
    }
    socket->reads = reads;
    socket->writes = writes;
    wait(fd, socket);
  }

  void wait(int fd, const std::shared_ptr<Socket>& socket) {
    if (socket->reads && !std::exchange(socket->is_reading, true)) {
      socket->descriptor.async_wait(
          stream_descriptor::wait_read,
          [self = shared_from_this(), fd, seen = std::weak_ptr(socket)](ErrorCode error) {
            self->ready(error, fd, seen, &Socket::is_reading);
          });
    }
    if (socket->writes && !std::exchange(socket->is_writing, true)) {
      socket->descriptor.async_wait(
          stream_descriptor::wait_write,
          [self = shared_from_this(), fd, seen = std::weak_ptr(socket)](ErrorCode error) {
            self->ready(error, fd, seen, &Socket::is_writing);
          });
    }
  }

  void ready(ErrorCode error, int fd, const std::weak_ptr<Socket>& seen, bool Socket::*waits) {
    if (error || seen.expired()) {
      return;
    }
    (*seen.lock()).*waits = false;
    const bool reads = waits == &Socket::is_reading;
    process(reads ? fd : ARES_SOCKET_BAD, reads ? ARES_SOCKET_BAD : fd);  // May end the socket.
    if (const auto socket = seen.lock()) {
      wait(fd, socket);
    }
  }

  void process(ares_socket_t readable, ares_socket_t writable) {
    if (channel_ != nullptr) {
      ares_process_fd(channel_, readable, writable);
      arm();
    }
  }

  void arm() {
    timeval left{};
    if (channel_ == nullptr || ares_timeout(channel_, nullptr, &left) == nullptr) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::seconds(left.tv_sec) +
                         std::chrono::microseconds(left.tv_usec));
    timer_.async_wait([self = shared_from_this()](ErrorCode error) {
      if (!error && !self->is_closed_) {
        self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      }
    });
  }

  asio::io_context& io_;
  asio::steady_timer timer_;
  Found found_;
  ares_channel channel_ = nullptr;
  std::string error_;
  std::map<int, std::shared_ptr<Socket>> sockets_;
  size_t under_way_ = 0;
  bool is_closed_ = false;
};

NameLookup::NameLookup(asio::io_context& io, Found found)
    : impl_(std::make_shared<Impl>(io, std::move(found))) {
}

NameLookup::~NameLookup() {
  impl_->close();
}

void NameLookup::look_up(const std::string& name) {
  impl_->look_up(name);
}

}  // namespace lvs::io
