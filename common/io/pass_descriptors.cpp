#include "common/io/pass_descriptors.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace lvs::io {
namespace {

// Room for a control message, aligned as it must be.
union Control {
  std::array<char, CMSG_SPACE(kDescriptorsPassedMax * sizeof(int))> bytes;
  cmsghdr aligned;
};

}  // namespace

Result<Ok> pass_descriptors(int socket, const std::vector<UniqueFd>& descriptors) {
  if (descriptors.size() > kDescriptorsPassedMax) {
    return os_error(EMSGSIZE, "pass descriptors");
  }
  char byte = 0;
  iovec data{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
  for (size_t i = 0; i < descriptors.size(); ++i) {
    const int fd = descriptors[i].get();
    std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
  }
  return ::sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0
             ? os_error(errno, "pass descriptors")
             : Result<Ok>(Ok{});
}

Result<std::vector<UniqueFd>> take_descriptors(int socket) {
  char byte = 0;
  iovec data{&byte, 1};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  const ssize_t bytes = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (bytes <= 0) {
    return os_error(bytes == 0 ? EPIPE : errno, "take descriptors");
  }
  std::vector<UniqueFd> taken;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    for (size_t at = 0; at + sizeof(int) <= header->cmsg_len - CMSG_LEN(0); at += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + at, sizeof fd);
      taken.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace lvs::io
