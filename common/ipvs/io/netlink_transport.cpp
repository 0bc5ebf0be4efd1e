#include "common/ipvs/io/netlink_transport.h"

#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace lvs::ipvs::io {
namespace {

constexpr timeval kPatience{.tv_sec = 10, .tv_usec = 0};  // For one datagram.

struct FreeSocket {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using Socket = std::unique_ptr<nl_sock, FreeSocket>;

class NetlinkTransport : public Transport {
 public:
  NetlinkTransport(Socket socket, uint16_t family)
      : socket_(std::move(socket)), family_(family), buffer_(kReplyDatagramBytesMax) {}
  uint16_t family() const override { return family_; }

  Result<Ok> send(ByteView request) override {
    auto* bytes = const_cast<uint8_t*>(request.data());
    if (nl_sendto(socket_.get(), bytes, request.size()) < 0) {
      return os_error(errno, "send to the kernel");
    }
    return Ok{};
  }

  Result<Bytes> receive() override {
    const ssize_t size = receive_into_buffer(0);
    if (size < 0 && errno == ENOBUFS) {
      while (receive_into_buffer(MSG_DONTWAIT) >= 0) {
      }
      return os_error(ENOBUFS, "answers of the kernel were lost");
    }
    if (size < 0) {
      return os_error(errno == EAGAIN ? ETIMEDOUT : errno, "wait for the kernel");
    }
    if (static_cast<size_t>(size) > buffer_.size()) {
      return Error{EMSGSIZE, "the kernel sent an oversized datagram"};
    }
    return Bytes(buffer_.begin(), buffer_.begin() + size);
  }

 private:
  // Without libnl, which maps the kernel's errno onto fewer ones of its own.
  ssize_t receive_into_buffer(int flags) {
    for (;;) {
      sockaddr_nl from{};
      socklen_t from_size = sizeof from;
      const ssize_t size =
          ::recvfrom(nl_socket_get_fd(socket_.get()), buffer_.data(), buffer_.size(),
                     MSG_TRUNC | flags, reinterpret_cast<sockaddr*>(&from), &from_size);
      const bool is_foreign = size >= 0 && from.nl_pid != 0;
      if (!is_foreign && (size >= 0 || errno != EINTR)) {
        return size;
      }
    }
  }

  Socket socket_;
  uint16_t family_;
  Bytes buffer_;
};

}  // namespace

Result<std::unique_ptr<Transport>> connect_kernel(int receive_buffer_bytes) {
  Socket socket(nl_socket_alloc());
  if (!socket) {
    return os_error(ENOMEM, "make a netlink socket");
  }
  if (const int error = genl_connect(socket.get()); error < 0) {
    return Error{EPROTONOSUPPORT, std::string("connect to generic netlink: ") + nl_geterror(error)};
  }
  const int family = genl_ctrl_resolve(socket.get(), "IPVS");
  if (family < 0) {
    return Error{ENOENT,
                 "this kernel has no ip_vs, or it is not loaded: load it with \"modprobe ip_vs\", "
                 "or use the embedded core"};
  }
  const int fd = nl_socket_get_fd(socket.get());
  const int on = 1;
  // Beyond net.core.rmem_max where that is allowed; else as large as it lets.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes,
                   sizeof receive_buffer_bytes) < 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);  // Refusals without the request.
  return std::unique_ptr<Transport>(
      new NetlinkTransport(std::move(socket), static_cast<uint16_t>(family)));
}

}  // namespace lvs::ipvs::io
