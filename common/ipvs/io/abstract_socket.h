// The name by which an embedded core is found, and who may speak there.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <string>

namespace lvs::ipvs::io {

// Abstract: the name belongs to the network namespace, as the core does, and vanishes with its
// owner.
inline const std::string kSocketName = "lvs/ipvs";

struct SocketAddress {
  sockaddr_un address{};
  socklen_t size = 0;
};

inline SocketAddress socket_address() {
  SocketAddress socket;
  socket.address.sun_family = AF_UNIX;
  const size_t named =
      kSocketName.copy(socket.address.sun_path + 1, sizeof socket.address.sun_path - 1);
  socket.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + named);
  return socket;
}

// Who is at the other end of a connected unix socket; nobody when that cannot be told.
inline ucred peer_of(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool is_known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  return is_known ? peer : ucred{0, static_cast<uid_t>(-1), static_cast<gid_t>(-1)};
}

inline bool peer_is_root(int fd) {
  return peer_of(fd).uid == 0;
}

}  // namespace lvs::ipvs::io
