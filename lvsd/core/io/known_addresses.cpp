#include "lvsd/core/io/known_addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cstring>

namespace lvs::core {

namespace {

struct Parts {
  std::string which;  // The header without flags and scope, and the address.
  std::string how;    // The message without its lifetimes.
};

Parts parts_of(const nlmsghdr& message) {
  auto header = *static_cast<const ifaddrmsg*>(NLMSG_DATA(&message));
  Parts parts;
  parts.how.append(reinterpret_cast<const char*>(&header), sizeof header);
  header.ifa_flags = header.ifa_scope = 0;
  parts.which.append(reinterpret_cast<const char*>(&header), sizeof header);
  auto left = static_cast<unsigned>(IFA_PAYLOAD(&message));
  const auto* at = IFA_RTA(static_cast<const ifaddrmsg*>(NLMSG_DATA(&message)));
  for (; RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    const std::string whole(reinterpret_cast<const char*>(at), at->rta_len);
    if (at->rta_type == IFA_ADDRESS || at->rta_type == IFA_LOCAL) {
      parts.which += whole;
    }
    if (at->rta_type != IFA_CACHEINFO) {
      parts.how += whole;
    }
  }
  return parts;
}

}  // namespace

bool KnownAddresses::is_news(const nlmsghdr& message) {
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(ifaddrmsg))) {
    return true;
  }
  auto parts = parts_of(message);
  if (message.nlmsg_type == RTM_DELADDR) {
    told_.erase(parts.which);
    return true;
  }
  if (told_.size() >= kMax) {
    forget();
  }
  std::string& told = told_[std::move(parts.which)];
  const bool is_news = told != parts.how;
  told = std::move(parts.how);
  return is_news;
}

}  // namespace lvs::core
