#include "common/ipvs/io/embedded_transport.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "common/io/local_socket.h"
#include "common/io/run_dir.h"
#include "common/io/unique_fd.h"
#include "common/ipvs/io/core_socket.h"

namespace lvs::ipvs::io {
namespace {

timeval timeval_of(Duration duration) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return {.tv_sec = us / 1'000'000, .tv_usec = us % 1'000'000};
}

// Whoever listened there when this connection was made.
pid_t peer_pid(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

class EmbeddedTransport : public Transport {
 public:
  EmbeddedTransport(lvs::io::UniqueFd fd, pid_t core) : fd_(std::move(fd)), core_(core) {}
  uint16_t family() const override { return kEmbeddedFamily; }

  Result<Ok> send(ByteView request) override {
    if (::send(fd_.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
      return errno == EAGAIN || errno == EPIPE
                 ? given_up("it has not taken this request and will not carry it out")
                 : os_error(errno, "send to the embedded core");
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
      return errno == EAGAIN ? give_up() : os_error(errno, "wait for the embedded core");
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
  // What is not taken after the connection was shut down is taken by a core that sees it shut down.
  Error give_up() {
    ::shutdown(fd_.get(), SHUT_WR);
    int untaken = 0;
    const bool is_untaken = ::ioctl(fd_.get(), SIOCOUTQ, &untaken) == 0 && untaken > 0;
    return given_up(is_untaken
                        ? "it has not taken this request and will not carry it out"
                        : "it has taken this request: whether it is carried out is not known");
  }

  Error given_up(const std::string& what) const {
    return {ETIMEDOUT, "lvsd (pid " + std::to_string(core_) + ") does not answer: " + what};
  }

  lvs::io::UniqueFd fd_;
  pid_t core_;
};

}  // namespace

Result<std::unique_ptr<Transport>> connect_embedded(Duration patience) {
  lvs::io::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) {
    return os_error(errno, "make a unix socket");
  }
  const timeval limit = timeval_of(patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto folder = lvs::io::run_dir_path();
  if (!folder) {
    return folder.error();
  }
  const std::string path = *folder + kCoreSocket;
  const auto core = lvs::io::socket_address(path);
  if (!core) {
    return core.error();
  }
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*core), sizeof *core) < 0) {
    if (errno == ECONNREFUSED || errno == ENOENT) {
      return Error{ECONNREFUSED, "no embedded core listens in this network namespace (" + path +
                                     "): is lvsd running?"};
    }
    if (errno == EAGAIN) {
      return Error{ETIMEDOUT, "lvsd does not answer: more wait for it than it could take"};
    }
    return os_error(errno, "connect to the embedded core");
  }
  return std::unique_ptr<Transport>(new EmbeddedTransport(std::move(fd), peer_pid(fd.get())));
}

}  // namespace lvs::ipvs::io
