#include "lvsd/core/io/devices.h"

#include <net/if.h>  // Before linux/if.h, which then leaves out what is in here.

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>
#include <netlink/route/tc.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>

#include "common/io/unique_fd.h"

namespace lvs::core {

namespace {

constexpr unsigned kPairMtu = 65535;
constexpr const char* kOwnOfIpvs0 = "127.86.83.1/32";  // Of the loopback block: nobody sees it.

constexpr uint16_t kDiscardPort = 9;

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

struct NlDeleter {
  void operator()(nl_sock* socket) const { nl_socket_free(socket); }
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
  void operator()(nl_addr* address) const { nl_addr_put(address); }
  void operator()(rtnl_route* route) const { rtnl_route_put(route); }
  void operator()(rtnl_addr* address) const { rtnl_addr_put(address); }
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

bool is_up(const char* name) {
  const io::UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
  return socket && ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0 &&
         (request.ifr_flags & IFF_UP) != 0;
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

// The copies of IPv6 packets are routed out of ipvs0 to this address, as nft's dup wants it.
Result<Ok> route_copies(nl_sock* socket, int ipvs0) {
  nl_addr* to = nullptr;
  if (nl_addr_parse(kCopiesTo6, AF_INET6, &to) != 0) {
    return Error{EINVAL, "the address of copies"};
  }
  const std::unique_ptr<nl_addr, NlDeleter> address(to);
  const std::unique_ptr<rtnl_route, NlDeleter> route(rtnl_route_alloc());
  rtnl_route_set_family(route.get(), AF_INET6);
  rtnl_route_set_dst(route.get(), address.get());
  auto* hop = rtnl_route_nh_alloc();
  rtnl_route_nh_set_ifindex(hop, ipvs0);
  rtnl_route_add_nexthop(route.get(), hop);
  // One that is there stays: a change would be news, and news make the core look again.
  const int error = rtnl_route_add(socket, route.get(), NLM_F_CREATE | NLM_F_EXCL);
  return error == 0 || error == -NLE_EXIST
             ? Result<Ok>(Ok{})
             : Error{EIO, std::string("route copies to ipvs0: ") + nl_geterror(error)};
}

// What comes in by a device without any address fails the reverse path filter, however loose.
Result<Ok> have_an_address(nl_sock* socket, int ipvs0) {
  nl_addr* parsed = nullptr;
  if (nl_addr_parse(kOwnOfIpvs0, AF_INET, &parsed) != 0) {
    return Error{EINVAL, "the address of ipvs0"};
  }
  const std::unique_ptr<nl_addr, NlDeleter> local(parsed);
  const std::unique_ptr<rtnl_addr, NlDeleter> address(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(address.get(), ipvs0);
  rtnl_addr_set_local(address.get(), local.get());
  rtnl_addr_set_scope(address.get(), RT_SCOPE_HOST);
  const int error = rtnl_addr_add(socket, address.get(), NLM_F_CREATE | NLM_F_EXCL);
  return error == 0 || error == -NLE_EXIST
             ? Result<Ok>(Ok{})
             : Error{EIO, std::string("give ipvs0 an address: ") + nl_geterror(error)};
}

// ipvs0 carries copies out of the stack, and in what the stack is to send.
Result<Pair> prepared(nl_sock* socket, const Pair& pair) {
  // What comes in by ipvs0 the stack sends on, and it may carry an address of the director.
  const std::string conf4 = std::string("ipv4/conf/") + kIpvs0;
  constexpr const char* kLoose = "2";
  write_sysctl(conf4 + "/accept_local", "1");
  write_sysctl(conf4 + "/rp_filter", kLoose);
  write_sysctl(conf4 + "/forwarding", "1");
  if (auto ok = have_an_address(socket, pair.index); !ok) {
    return ok.error();
  }
  if (!has_ipv6()) {
    return pair;
  }
  const std::string conf = std::string("ipv6/conf/") + kIpvs0;
  constexpr const char* kNone = "1";
  write_sysctl(conf + "/addr_gen_mode", kNone);
  write_sysctl(conf + "/accept_ra", "0");
  write_sysctl(conf + "/disable_ipv6", "0");
  write_sysctl(conf + "/forwarding", "1");
  const auto routed = route_copies(socket, pair.index);
  return routed ? Result<Pair>(pair) : routed.error();
}

}  // namespace

bool has_ipv6() {
  return ::access("/proc/net/if_inet6", F_OK) == 0;
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
    Device device{rtnl_link_get_name(link),
                  rtnl_link_get_ifindex(link),
                  rtnl_link_get_arptype(link) == ARPHRD_ETHER && !is_loopback,
                  {}};
    auto* mac = rtnl_link_get_addr(link);
    if (mac != nullptr && nl_addr_get_len(mac) == device.mac.size()) {
      std::memcpy(device.mac.data(), nl_addr_get_binary_addr(mac), device.mac.size());
    }
    found.push_back(std::move(device));
  });
  return found;
}

std::set<Address> own_addresses() {
  std::set<Address> own;
  const auto socket = route_socket();
  nl_cache* list = nullptr;
  if (!socket || rtnl_addr_alloc_cache(socket.get(), &list) != 0) {
    return own;
  }
  const NlCache cache(list);
  each_in(list, [&](nl_object* object) {
    auto* address = reinterpret_cast<rtnl_addr*>(object);
    auto* local = rtnl_addr_get_local(address);
    if (local != nullptr && rtnl_addr_get_family(address) == AF_INET) {
      own.insert(Address::v4_bytes(nl_addr_get_binary_addr(local)));
    } else if (local != nullptr && rtnl_addr_get_family(address) == AF_INET6) {
      own.insert(Address::v6_bytes(nl_addr_get_binary_addr(local)));
    }
  });
  return own;
}

// A socket that is connected has looked up its route, and sends nothing.
std::optional<Address> source_towards(const Address& address) {
  const io::UniqueFd socket(::socket(address.af(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  SocketAddress end{};
  socklen_t size = address.is_v4() ? sizeof(end.v4) : sizeof(end.v6);
  if (address.is_v4()) {
    end.v4 = {.sin_family = AF_INET, .sin_port = htons(kDiscardPort), .sin_addr = {}};
    std::memcpy(&end.v4.sin_addr, address.bytes(), address.size());
  } else {
    end.v6.sin6_family = AF_INET6;
    end.v6.sin6_port = htons(kDiscardPort);
    std::memcpy(&end.v6.sin6_addr, address.bytes(), address.size());
  }
  if (!socket || ::connect(socket.get(), &end.any, size) != 0 ||
      ::getsockname(socket.get(), &end.any, &size) != 0) {
    return std::nullopt;
  }
  return address.is_v4() ? Address::v4_bytes(&end.v4.sin_addr)
                         : Address::v6_bytes(&end.v6.sin6_addr);
}

Result<Pair> ensure_pair() {
  const auto pair = [](bool made) {
    return Pair{static_cast<int>(::if_nametoindex(kIpvs0)),
                static_cast<int>(::if_nametoindex(kIpvs1)), made};
  };
  // The way to a real server is looked up as if the packet came from the director itself, by lo.
  write_sysctl("ipv4/conf/lo/forwarding", "1");
  write_sysctl("ipv6/conf/lo/forwarding", "1");
  const auto socket = route_socket();
  if (!socket) {
    return os_error(errno, "open rtnetlink");
  }
  if (const Pair there = pair(false); there.index != 0 && there.peer != 0) {
    for (const char* name : {kIpvs1, kIpvs0}) {
      if (const int error = is_up(name) ? 0 : set_up(socket.get(), name); error != 0) {
        return Error{EIO, std::string("set ") + name + " up: " + nl_geterror(error)};
      }
    }
    return prepared(socket.get(), there);
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
    // Neither end ever speaks: no IPv6 address of its own on it.
    write_sysctl(std::string("ipv6/conf/") + name + "/disable_ipv6", "1");
    error = set_up(socket.get(), name);
    if (error != 0) {
      return Error{EIO, std::string("set ") + name + " up: " + nl_geterror(error)};
    }
  }
  return prepared(socket.get(), pair(true));
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

// libnl's own parser of filters does not survive those of BPF.
bool is_first_filter(int ifindex, uint32_t priority) {
  const auto socket = route_socket();
  tcmsg ask{};
  ask.tcm_family = AF_UNSPEC;
  ask.tcm_ifindex = ifindex;
  ask.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  uint32_t lowest = priority;
  const auto note = [](nl_msg* message, void* to) -> int {
    const auto* filter = static_cast<const tcmsg*>(nlmsg_data(nlmsg_hdr(message)));
    auto& least = *static_cast<uint32_t*>(to);
    least = std::min(least, TC_H_MAJ(filter->tcm_info) >> 16);
    return NL_OK;
  };
  return socket &&
         nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, note, &lowest) == 0 &&
         nl_send_simple(socket.get(), RTM_GETTFILTER, NLM_F_DUMP, &ask, sizeof(ask)) >= 0 &&
         nl_recvmsgs_default(socket.get()) == 0 && lowest >= priority;
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
