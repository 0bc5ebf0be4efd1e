#include "common/io/rtnetlink.h"

#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <new>

namespace lvs::io {

namespace {

// Of NLMSG_ERROR; 0: an acknowledgement.
int code_of(const nlmsghdr* answer) {
  return -static_cast<const nlmsgerr*>(nlmsg_data(answer))->error;
}

}  // namespace

NetlinkMessage::NetlinkMessage(int type, int flags, const void* header, size_t size)
    : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
  if (!message_ ||
      nlmsg_append(message_.get(), const_cast<void*>(header), size, NLMSG_ALIGNTO) < 0) {
    throw std::bad_alloc();
  }
}

NetlinkMessage& NetlinkMessage::put(int attribute, const void* bytes, size_t size) {
  if (nla_put(message_.get(), attribute, static_cast<int>(size), bytes) < 0) {
    throw std::bad_alloc();
  }
  return *this;
}

NetlinkAttributes::NetlinkAttributes(const nlmsghdr* message, size_t header_size) {
  auto* header = const_cast<nlmsghdr*>(message);
  if (!nlmsg_valid_hdr(header, static_cast<int>(header_size))) {
    return;
  }
  nlattr* attribute = nlmsg_attrdata(header, static_cast<int>(header_size));
  int remaining = nlmsg_attrlen(header, static_cast<int>(header_size));
  for (; nla_ok(attribute, remaining); attribute = nla_next(attribute, &remaining)) {
    const auto number = static_cast<size_t>(nla_type(attribute));
    if (number >= by_number_.size()) {
      by_number_.resize(number + 1);
    }
    by_number_[number] = attribute;
  }
}

const nlattr* NetlinkAttributes::operator[](int attribute) const {
  const auto number = static_cast<size_t>(attribute);
  return number < by_number_.size() ? by_number_[number] : nullptr;
}

Result<UniqueFd> open_netlink_socket(int extra_flags, uint32_t groups) {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | extra_flags, NETLINK_ROUTE)};
  if (!fd) {
    return os_error(errno, "rtnetlink socket");
  }
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0) {
    return os_error(errno, "bind rtnetlink socket");
  }
  return fd;
}

Result<Rtnetlink> Rtnetlink::open() {
  auto fd = open_netlink_socket(0, 0);
  if (!fd) {
    return fd.error();
  }
  return Rtnetlink(std::move(fd).value());
}

Result<Ok> Rtnetlink::ask(const NetlinkMessage& message,
                          const std::function<void(const nlmsghdr*)>& answer) {
  message.header()->nlmsg_flags |= NLM_F_ACK;
  return converse(message.header(), answer);
}

Result<Ok> Rtnetlink::dump(const NetlinkMessage& message,
                           const std::function<void(const nlmsghdr*)>& each) {
  message.header()->nlmsg_flags |= NLM_F_DUMP;
  return converse(message.header(), each);
}

// Answers to an earlier, abandoned request carry another sequence number and are passed over.
Result<Ok> Rtnetlink::converse(nlmsghdr* header, const std::function<void(const nlmsghdr*)>& each) {
  header->nlmsg_seq = ++sequence_;
  if (::send(fd_.get(), header, header->nlmsg_len, 0) < 0) {
    return os_error(errno, "rtnetlink");
  }
  int code = 0;
  const auto received = receive([&](const nlmsghdr* answer) {
    if (answer->nlmsg_seq != sequence_) {
      return false;
    }
    if (answer->nlmsg_type == NLMSG_ERROR) {
      code = code_of(answer);
    } else if (answer->nlmsg_type != NLMSG_DONE && each) {
      each(answer);
    }
    return answer->nlmsg_type == NLMSG_ERROR || answer->nlmsg_type == NLMSG_DONE;
  });
  if (!received || code == 0) {
    return received;
  }
  return Error{code, std::strerror(code)};
}

// Only the last is acknowledged, and it is done last; of the others the kernel tells the errors.
std::map<size_t, Error> Rtnetlink::request_all(const std::vector<NetlinkMessage>& messages) {
  std::map<size_t, Error> failed;
  if (messages.empty()) {
    return failed;
  }
  const uint32_t first = sequence_ + 1;
  std::vector<iovec> parts;
  for (const NetlinkMessage& message : messages) {
    message.header()->nlmsg_seq = ++sequence_;
    parts.push_back({message.header(), NLMSG_ALIGN(message.header()->nlmsg_len)});
  }
  messages.back().header()->nlmsg_flags |= NLM_F_ACK;
  msghdr datagram{};
  datagram.msg_iov = parts.data();
  datagram.msg_iovlen = parts.size();
  const bool is_sent = ::sendmsg(fd_.get(), &datagram, 0) >= 0;
  const auto whole =
      !is_sent ? Result<Ok>(os_error(errno, "rtnetlink")) : receive([&](const nlmsghdr* answer) {
        const size_t which = answer->nlmsg_seq - first;
        if (which >= messages.size() || answer->nlmsg_type != NLMSG_ERROR) {
          return false;
        }
        if (const int code = code_of(answer); code != 0) {
          failed[which] = {code, std::strerror(code)};
        }
        return which + 1 == messages.size();
      });
  for (size_t which = 0; !whole && which < messages.size(); ++which) {
    failed.emplace(which, whole.error());
  }
  return failed;
}

Result<Ok> Rtnetlink::receive(const std::function<bool(const nlmsghdr*)>& is_last) {
  while (true) {
    const ssize_t size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return os_error(errno, "rtnetlink");
    }
    auto* answer = reinterpret_cast<nlmsghdr*>(buffer_.data());
    int remaining = static_cast<int>(size);
    for (; nlmsg_ok(answer, remaining); answer = nlmsg_next(answer, &remaining)) {
      if (is_last(answer)) {
        return Ok{};
      }
    }
  }
}

}  // namespace lvs::io
