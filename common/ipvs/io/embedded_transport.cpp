#include "common/ipvs/io/embedded_transport.h"

#include <sys/time.h>

#include "common/io/unique_fd.h"
#include "common/ipvs/io/abstract_socket.h"

namespace lvs::ipvs::io {
namespace {

constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};  // For one packet either way.

class EmbeddedTransport : public Transport {
 public:
  explicit EmbeddedTransport(lvs::io::UniqueFd fd) : fd_(std::move(fd)) {}
  uint16_t family() const override { return kEmbeddedFamily; }

  Result<Ok> send(ByteView request) override {
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      return os_error(errno, "send to the embedded core");
    }
    return Ok{};
  }

  Result<Bytes> receive() override {
    Bytes datagram(kReplyDatagramBytesMax);
    ssize_t size;
    do {
      size = ::recv(fd_.get(), datagram.data(), datagram.size(), MSG_TRUNC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
      const int code = errno == EAGAIN ? ETIMEDOUT : errno;
      return os_error(code, "wait for the embedded core");
    }
    if (size == 0) {
      return Error{ECONNRESET, "the embedded core closed the connection"};
    }
    if (static_cast<size_t>(size) > datagram.size()) {
      return Error{EMSGSIZE, "the embedded core sent an oversized packet"};
    }
    datagram.resize(static_cast<size_t>(size));
    return datagram;
  }

 private:
  lvs::io::UniqueFd fd_;
};

}  // namespace

Result<std::unique_ptr<Transport>> connect_embedded() {
  lvs::io::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) {
    return os_error(errno, "make a unix socket");
  }
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  const SocketAddress core = socket_address();
  const auto* address = reinterpret_cast<const sockaddr*>(&core.address);
  if (::connect(fd.get(), address, core.size) < 0) {
    if (errno == ECONNREFUSED) {
      return Error{ECONNREFUSED, "no embedded core listens in this network namespace (@" +
                                     kSocketName + "): is lvsd running?"};
    }
    return os_error(errno, "connect to the embedded core");
  }
  if (!peer_is_root(fd.get())) {
    return Error{EPERM, "whoever listens on @" + kSocketName + " is not root: not trusted"};
  }
  return std::unique_ptr<Transport>(new EmbeddedTransport(std::move(fd)));
}

}  // namespace lvs::ipvs::io
