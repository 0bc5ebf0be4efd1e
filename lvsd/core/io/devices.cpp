#include "lvsd/core/io/devices.h"

#include <net/if.h>  // Before linux/if.h, which then leaves out what is in here.

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/tc.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>

#include "common/io/unique_fd.h"

namespace lvs::core {

namespace {

constexpr unsigned kPairMtu = 65535;

struct NlDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};
using NlSocket = std::unique_ptr<nl_sock, NlDeleter>;
using NlCache = std::unique_ptr<nl_cache, NlDeleter>;
using NlLink = std::unique_ptr<rtnl_link, NlDeleter>;

NlSocket route_socket() {
  NlSocket socket(nl_socket_alloc());
  if (socket && nl_connect(socket.get(), NETLINK_ROUTE) != 0) {
    socket.reset();
  }
  return socket;
}

template <typename Fn>
void each_in(nl_cache* cache, Fn fn) {
  for (auto* object = nl_cache_get_first(cache); object != nullptr;
       object = nl_cache_get_next(object)) {
    fn(object);
  }
}

void write_sysctl(const std::string& path, const char* value) {
  std::ofstream file("/proc/sys/net/" + path);
  file << value;
}

int set_up(nl_sock* socket, const char* name) {
  rtnl_link* found = nullptr;
  if (const int error = rtnl_link_get_kernel(socket, 0, name, &found); error != 0) {
    return error;
  }
  const NlLink link(found);
  const NlLink change(rtnl_link_alloc());
  rtnl_link_set_ifindex(change.get(), rtnl_link_get_ifindex(link.get()));
  rtnl_link_set_flags(change.get(), IFF_UP | IFF_NOARP);
  rtnl_link_set_mtu(change.get(), kPairMtu);
  return rtnl_link_change(socket, link.get(), change.get(), 0);
}

}  // namespace

int route_device(const Address& address) {
  const io::UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  struct {
    nlmsghdr header;
    rtmsg message;
    rtattr attribute;
    uint32_t to;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.message.rtm_family = AF_INET;
  request.message.rtm_dst_len = 32;
  request.attribute.rta_type = RTA_DST;
  request.attribute.rta_len = RTA_LENGTH(4);
  request.to = address.v4_network();
  alignas(nlmsghdr) char buffer[4096];
  if (!socket || ::send(socket.get(), &request, sizeof(request), 0) < 0) {
    return 0;
  }
  const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
  const auto* answer = reinterpret_cast<const nlmsghdr*>(buffer);
  if (got <= 0 || !NLMSG_OK(answer, static_cast<size_t>(got)) ||
      answer->nlmsg_type != RTM_NEWROUTE) {
    return 0;
  }
  auto* message = static_cast<rtmsg*>(NLMSG_DATA(answer));
  auto length = static_cast<int>(RTM_PAYLOAD(answer));
  for (auto* attribute = RTM_RTA(message); RTA_OK(attribute, length);
       attribute = RTA_NEXT(attribute, length)) {
    if (attribute->rta_type == RTA_OIF) {
      int index = 0;
      std::memcpy(&index, RTA_DATA(attribute), sizeof(index));
      return index;
    }
  }
  return 0;
}

std::vector<Device> devices() {
  std::vector<Device> found;
  const auto socket = route_socket();
  nl_cache* links = nullptr;
  if (!socket || rtnl_link_alloc_cache(socket.get(), AF_UNSPEC, &links) != 0) {
    return found;
  }
  const NlCache cache(links);
  each_in(links, [&](nl_object* object) {
    auto* link = reinterpret_cast<rtnl_link*>(object);
    const bool is_loopback = (rtnl_link_get_flags(link) & IFF_LOOPBACK) != 0;
    found.push_back({rtnl_link_get_name(link), rtnl_link_get_ifindex(link),
                     rtnl_link_get_arptype(link) == ARPHRD_ETHER && !is_loopback});
  });
  return found;
}

std::set<std::string> devices_of(const std::vector<Address>& addresses, bool any_holder) {
  std::set<int> indexes;
  const std::set<Address> wanted(addresses.begin(), addresses.end());
  const auto socket = route_socket();
  nl_cache* list = nullptr;
  if (socket && rtnl_addr_alloc_cache(socket.get(), &list) == 0) {
    const NlCache cache(list);
    each_in(list, [&](nl_object* object) {
      auto* address = reinterpret_cast<rtnl_addr*>(object);
      auto* local = rtnl_addr_get_local(address);
      if (local == nullptr || rtnl_addr_get_family(address) != AF_INET) {
        return;
      }
      const auto held = Address::v4_bytes(nl_addr_get_binary_addr(local));
      if (any_holder || wanted.contains(held)) {
        indexes.insert(rtnl_addr_get_ifindex(address));
      }
    });
  }
  for (const auto& address : wanted) {
    indexes.insert(route_device(address));
  }
  std::set<std::string> names;
  for (const auto& device : devices()) {
    if (indexes.contains(device.index) && device.is_ethernet && device.name != kIpvs0 &&
        device.name != kIpvs1) {
      names.insert(device.name);
    }
  }
  return names;
}

Result<Pair> ensure_pair() {
  const unsigned there = ::if_nametoindex(kIpvs0);
  if (there != 0) {
    return Pair{static_cast<int>(there), false};
  }
  const auto socket = route_socket();
  if (!socket) {
    return os_error(errno, "open rtnetlink");
  }
  const NlLink link(rtnl_link_veth_alloc());
  if (!link) {
    return Error{ENOMEM, "make a veth pair"};
  }
  rtnl_link_set_name(link.get(), kIpvs0);
  auto* peer = rtnl_link_veth_get_peer(link.get());
  rtnl_link_set_name(peer, kIpvs1);
  rtnl_link_put(peer);
  int error = rtnl_link_add(socket.get(), link.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error != 0) {
    return Error{EIO, std::string("make the veth pair ipvs0/ipvs1: ") + nl_geterror(error)};
  }
  for (const char* name : {kIpvs1, kIpvs0}) {
    // Neither end ever speaks: no IPv6 autoconfiguration on it.
    write_sysctl(std::string("ipv6/conf/") + name + "/disable_ipv6", "1");
    error = set_up(socket.get(), name);
    if (error != 0) {
      return Error{EIO, std::string("set ") + name + " up: " + nl_geterror(error)};
    }
  }
  // The routing lookup for a new connection comes in on ipvs0.
  write_sysctl(std::string("ipv4/conf/") + kIpvs0 + "/forwarding", "1");
  return Pair{static_cast<int>(::if_nametoindex(kIpvs0)), true};
}

Result<Ok> remove_pair() {
  const auto socket = route_socket();
  rtnl_link* found = nullptr;
  if (!socket || rtnl_link_get_kernel(socket.get(), 0, kIpvs0, &found) != 0) {
    return Ok{};
  }
  const NlLink link(found);
  if (const int error = rtnl_link_delete(socket.get(), found); error != 0) {
    return Error{EIO, std::string("delete ipvs0: ") + nl_geterror(error)};
  }
  return Ok{};
}

bool has_filters(int ifindex) {
  const auto socket = route_socket();
  for (const uint32_t parent :
       {TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS), TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)}) {
    nl_cache* list = nullptr;
    if (!socket || rtnl_cls_alloc_cache(socket.get(), ifindex, parent, &list) != 0) {
      return true;  // Not known to be empty.
    }
    const NlCache cache(list);
    if (nl_cache_nitems(list) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace lvs::core
