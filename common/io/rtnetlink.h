// One conversation with the kernel's rtnetlink: a request and its acknowledgement, or a dump. The
// kernel answers before send() returns, so nothing here waits. Messages are built in memory with
// libnl-3 (nlmsg_*, nla_*); the socket is our own, because libnl folds the kernel's errno into a
// coarser code. The only home of struct nl_msg in pulse, nanny and lvsadm.
#pragma once

#include <netlink/msg.h>

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "common/io/unique_fd.h"
#include "common/result.h"

namespace lvs::io {

constexpr size_t kNetlinkBuffer = 64 << 10;

class NetlinkMessage {
 public:
  template <typename Header>
  NetlinkMessage(int type, int flags, const Header& header)
      : NetlinkMessage(type, flags, &header, sizeof header) {}

  NetlinkMessage& put(int attribute, const void* bytes, size_t size);
  NetlinkMessage& put_u8(int attribute, uint8_t value) {
    return put(attribute, &value, sizeof value);
  }
  NetlinkMessage& put_u32(int attribute, uint32_t value) {
    return put(attribute, &value, sizeof value);
  }
  NetlinkMessage& put_text(int attribute, const std::string& text) {
    return put(attribute, text.c_str(), text.size() + 1);
  }
  nlmsghdr* header() const { return nlmsg_hdr(message_.get()); }

 private:
  NetlinkMessage(int type, int flags, const void* header, size_t size);
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  std::unique_ptr<nl_msg, Free> message_;
};

// The attributes of one received message, by number.
class NetlinkAttributes {
 public:
  NetlinkAttributes(const nlmsghdr* message, size_t header_size);
  const nlattr* operator[](int attribute) const;

 private:
  std::vector<const nlattr*> by_number_;
};

class Rtnetlink {
 public:
  static Result<Rtnetlink> open();

  // NLM_F_ACK is added; the error carries the kernel's errno and nothing else. A question has one
  // answer before its acknowledgement.
  Result<Ok> request(const NetlinkMessage& message) { return ask(message, nullptr); }
  Result<Ok> ask(const NetlinkMessage& message, const std::function<void(const nlmsghdr*)>& answer);
  // All in one datagram, in this order; at most kAtOnce. What the kernel did not do, by its place.
  static constexpr size_t kAtOnce = 64;
  std::map<size_t, Error> request_all(const std::vector<NetlinkMessage>& messages);
  Result<Ok> dump(const NetlinkMessage& message, const std::function<void(const nlmsghdr*)>& each);

 private:
  explicit Rtnetlink(UniqueFd fd) : fd_(std::move(fd)), buffer_(kNetlinkBuffer) {}
  Result<Ok> converse(nlmsghdr* header, const std::function<void(const nlmsghdr*)>& each);
  // Calls `each` for every message that comes, until it says that this was the last.
  Result<Ok> receive(const std::function<bool(const nlmsghdr*)>& is_last);

  UniqueFd fd_;
  uint32_t sequence_ = 0;
  std::vector<char> buffer_;
};

Result<UniqueFd> open_netlink_socket(int extra_flags, uint32_t groups);

}  // namespace lvs::io
