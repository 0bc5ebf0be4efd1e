#include "pulse/io/links.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netlink/attr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <set>

#include "pulse/io/addresses.h"

// <net/if.h> and <linux/if.h> exclude each other; this one flag is only in the latter.
#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP 0x10000
#endif

namespace lvs::pulse {
namespace {

constexpr int kReceiveBuffer =
    4 << 20;  // 4,000 addresses removed at once are about 1 MiB of notices.
constexpr int kDatagramsATurn = 256;

std::optional<Link> read_link(const nlmsghdr* message) {
  const auto* header = static_cast<const ifinfomsg*>(nlmsg_data(message));
  const io::NetlinkAttributes attributes(message, sizeof *header);
  const nlattr* name = attributes[IFLA_IFNAME];
  if (header->ifi_family != AF_UNSPEC || name == nullptr) {
    return std::nullopt;
  }
  constexpr unsigned kWorking = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  Link link;
  link.index = static_cast<unsigned>(header->ifi_index);
  link.name = nla_get_string(name);
  link.up = message->nlmsg_type == RTM_NEWLINK && (header->ifi_flags & kWorking) == kWorking;
  const nlattr* mac = attributes[IFLA_ADDRESS];
  link.is_ethernet = header->ifi_type == ARPHRD_ETHER && mac != nullptr && nla_len(mac) == 6;
  if (link.is_ethernet) {
    std::copy_n(static_cast<const uint8_t*>(nla_data(mac)), 6, link.mac.begin());
  }
  return link;
}

std::optional<Address> read_own_address(const nlmsghdr* message) {
  const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  const io::NetlinkAttributes attributes(message, sizeof *header);
  const nlattr* bytes =
      attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  if (bytes != nullptr && header->ifa_family == AF_INET && nla_len(bytes) == 4) {
    return Address::v4_bytes(nla_data(bytes));
  }
  if (bytes != nullptr && header->ifa_family == AF_INET6 && nla_len(bytes) == 16) {
    return Address::v6_bytes(nla_data(bytes));
  }
  return std::nullopt;
}

// What we add and renew ourselves is no news, and a lease is renewed several times a second: the
// kernel keeps those notices to itself.
void refuse_own_additions(int socket) {
  constexpr uint32_t kFirstAttribute = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(ifaddrmsg));
  constexpr uint32_t kFound = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_NLATTR);
  std::array<sock_filter, 10> program = {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(RTM_NEWADDR), 0, 6),
      BPF_STMT(BPF_LDX | BPF_IMM, IFA_PROTO),
      BPF_STMT(BPF_LD | BPF_IMM, kFirstAttribute),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kFound),
      BPF_STMT(BPF_MISC | BPF_TAX,
               0),  // Nothing found: the message begins with its length, no mark.
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, sizeof(nlattr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAddressProtocol, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
      BPF_STMT(BPF_RET | BPF_K, 0),
  }};
  const sock_fprog filter{program.size(), program.data()};
  // Without it more comes, and is passed over here.
  (void)::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
}

}  // namespace

Links::Links(boost::asio::io_context& io, io::UniqueFd fd, io::Rtnetlink netlink, Notices notices)
    : socket_(io, fd.release()),
      netlink_(std::move(netlink)),
      notices_(std::move(notices)),
      buffer_(io::kNetlinkBuffer) {
}

Result<std::unique_ptr<Links>> Links::open(boost::asio::io_context& io, Notices notices) {
  auto fd =
      io::open_netlink_socket(SOCK_NONBLOCK, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!fd) {
    return fd.error();
  }
  ::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  refuse_own_additions(fd->get());
  auto netlink = io::Rtnetlink::open();
  if (!netlink) {
    return netlink.error();
  }
  std::unique_ptr<Links> links(
      new Links(io, std::move(fd).value(), std::move(netlink).value(), std::move(notices)));
  if (auto read = links->read_all(); !read) {
    return read.error();
  }
  links->wait();
  return links;
}

const Link* Links::find(const std::string& device) const {
  for (const auto& [index, link] : links_) {
    if (link.name == device) {
      return &link;
    }
  }
  return nullptr;
}

const Link* Links::find(unsigned index) const {
  const auto found = links_.find(index);
  return found == links_.end() ? nullptr : &found->second;
}

Result<std::multimap<Address, std::string>> Links::addresses() {
  std::multimap<Address, std::string> all;
  const ifaddrmsg every_family{};
  auto done =
      netlink_.dump(io::NetlinkMessage(RTM_GETADDR, 0, every_family), [&](const nlmsghdr* message) {
        const auto address = read_own_address(message);
        const Link* link = find(static_cast<const ifaddrmsg*>(nlmsg_data(message))->ifa_index);
        if (address && link != nullptr) {
          all.emplace(*address, link->name);
        }
      });
  if (!done) {
    return done.error().in("list addresses");
  }
  return all;
}

void Links::forget_unresolved(const Address& neighbour, unsigned device) {
  ndmsg which{};
  which.ndm_family = neighbour.is_v4() ? AF_INET : AF_INET6;
  which.ndm_ifindex = static_cast<int>(device);
  const auto about = [&](int type) {
    io::NetlinkMessage message(type, 0, which);
    message.put(NDA_DST, neighbour.bytes(), neighbour.size());
    return message;
  };
  bool is_unresolved = false;
  const auto asked = netlink_.ask(about(RTM_GETNEIGH), [&](const nlmsghdr* answer) {
    const auto* entry = static_cast<const ndmsg*>(nlmsg_data(answer));
    is_unresolved = (entry->ndm_state & (NUD_INCOMPLETE | NUD_FAILED)) != 0;
  });
  if (asked && is_unresolved) {
    // It may have been resolved in this moment: then nothing is lost but a question.
    [[maybe_unused]] const auto forgotten = netlink_.request(about(RTM_DELNEIGH));
  }
}

void Links::wait() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](auto error) {
    if (!error) {
      receive();
      wait();
    }
  });
}

void Links::receive() {
  for (int turn = 0; turn < kDatagramsATurn; ++turn) {
    const ssize_t size =
        ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ENOBUFS) {
      [[maybe_unused]] const auto read = read_all();
      notices_.overrun();
      continue;
    }
    if (size <= 0) {
      return;
    }
    auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data());
    int remaining = static_cast<int>(size);
    for (; nlmsg_ok(message, remaining); message = nlmsg_next(message, &remaining)) {
      take(message);
    }
  }
}

void Links::take(const nlmsghdr* message) {
  switch (message->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return take_link(message);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return take_address(message);
    default:
      return;
  }
}

void Links::take_link(const nlmsghdr* message) {
  const auto link = read_link(message);
  if (!link) {
    return;
  }
  const auto known = links_.find(link->index);
  const bool changed = known == links_.end() || known->second != *link;
  if (message->nlmsg_type == RTM_DELLINK) {
    links_.erase(link->index);
  } else {
    links_[link->index] = *link;
  }
  if (changed || message->nlmsg_type == RTM_DELLINK) {
    notices_.link_changed(*link);
  }
}

void Links::take_address(const nlmsghdr* message) {
  const auto address = read_own_address(message);
  if (!address) {
    return;
  }
  const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  const nlattr* protocol = io::NetlinkAttributes(message, sizeof *header)[IFA_PROTO];
  const bool ours = protocol != nullptr && nla_get_u8(protocol) == kAddressProtocol;
  if (message->nlmsg_type == RTM_NEWADDR) {
    notices_.address_came(*address, ours);
  } else {
    notices_.address_gone(*address, header->ifa_index, ours);
  }
}

Result<Ok> Links::read_all() {
  std::set<unsigned> seen;
  const ifinfomsg every_device{};
  auto done =
      netlink_.dump(io::NetlinkMessage(RTM_GETLINK, 0, every_device), [&](const nlmsghdr* message) {
        seen.insert(
            static_cast<unsigned>(static_cast<const ifinfomsg*>(nlmsg_data(message))->ifi_index));
        take_link(message);
      });
  if (!done) {
    return done.error().in("list devices");
  }
  std::vector<Link> gone;
  for (const auto& [index, link] : links_) {
    if (!seen.contains(index)) {
      gone.push_back(link);
    }
  }
  for (Link& link : gone) {
    links_.erase(link.index);
    link.up = false;
    notices_.link_changed(link);
  }
  return Ok{};
}

}  // namespace lvs::pulse
