#include "pulse/io/addresses.h"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>

#include <algorithm>
#include <utility>

namespace lvs::pulse {
namespace {

constexpr uint32_t kForever = 0xFFFFFFFF;

unsigned full_prefix(const Address& address) {
  return address.is_v4() ? 32 : 128;
}

uint32_t seconds_of(const std::optional<Duration>& lease) {
  return lease ? static_cast<uint32_t>(std::chrono::ceil<std::chrono::seconds>(*lease).count())
               : kForever;
}

Result<unsigned> device_index(const std::string& device) {
  const unsigned index = ::if_nametoindex(device.c_str());
  if (index == 0) {
    return os_error(errno, "device " + device);
  }
  return index;
}

ifaddrmsg address_header(const Address& address, unsigned device) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<uint8_t>(address.af());
  header.ifa_prefixlen = static_cast<uint8_t>(full_prefix(address));
  header.ifa_index = device;
  return header;
}

// An address message as the kernel dumps it.
struct ListedAddress {
  Address address;
  unsigned device = 0;
  unsigned prefix = 0;
  uint8_t protocol = 0;
  uint32_t valid_seconds = kForever;
  std::string label;
};

std::optional<ListedAddress> read_address(const nlmsghdr* message) {
  const auto* header = static_cast<const ifaddrmsg*>(nlmsg_data(message));
  const io::NetlinkAttributes attributes(message, sizeof *header);
  const nlattr* bytes =
      attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
  const bool is_v4 = header->ifa_family == AF_INET;
  if (bytes == nullptr || nla_len(bytes) != (is_v4 ? 4 : 16)) {
    return std::nullopt;
  }
  ListedAddress listed;
  listed.address = is_v4 ? Address::v4_bytes(nla_data(bytes)) : Address::v6_bytes(nla_data(bytes));
  listed.device = header->ifa_index;
  listed.prefix = header->ifa_prefixlen;
  if (const nlattr* protocol = attributes[IFA_PROTO]) {
    listed.protocol = nla_get_u8(protocol);
  }
  if (const nlattr* cache = attributes[IFA_CACHEINFO]) {
    listed.valid_seconds = static_cast<const ifa_cacheinfo*>(nla_data(cache))->ifa_valid;
  }
  if (const nlattr* label = attributes[IFA_LABEL]) {
    listed.label = nla_get_string(label);
  }
  return listed;
}

Result<std::vector<ListedAddress>> list_addresses(io::Rtnetlink& netlink) {
  std::vector<ListedAddress> all;
  const ifaddrmsg every_family{};
  auto done =
      netlink.dump(io::NetlinkMessage(RTM_GETADDR, 0, every_family), [&](const nlmsghdr* message) {
        if (auto listed = read_address(message)) {
          all.push_back(*std::move(listed));
        }
      });
  if (!done) {
    return done.error().in("list addresses");
  }
  return all;
}

io::NetlinkMessage new_address(const config::FloatingAddress& address, unsigned device,
                               std::optional<Duration> lease, int flags) {
  const bool is_v4 = address.address.is_v4();
  io::NetlinkMessage message(RTM_NEWADDR, flags, address_header(address.address, device));
  message.put(IFA_LOCAL, address.address.bytes(), address.address.size());
  message.put(IFA_ADDRESS, address.address.bytes(), address.address.size());
  message.put_u32(IFA_FLAGS, IFA_F_NOPREFIXROUTE | (is_v4 ? 0 : IFA_F_NODAD));
  message.put_u8(IFA_PROTO, kAddressProtocol);
  if (is_v4) {
    message.put_text(IFA_LABEL, address.label.empty() ? address.device : address.label);
  }
  // Preferred 0: the director's own IPv6 connections do not choose the floating address as their
  // source.
  const uint32_t seconds = seconds_of(lease);
  ifa_cacheinfo lifetime{};
  lifetime.ifa_valid = seconds;
  lifetime.ifa_prefered = is_v4 ? seconds : 0;
  message.put(IFA_CACHEINFO, &lifetime, sizeof lifetime);
  return message;
}

std::string described(const config::FloatingAddress& address) {
  return to_string(address.address) + " on " + address.device;
}

}  // namespace

// Asks for the number of each device once.
class Addresses::Devices {
 public:
  const Result<unsigned>& index_of(const std::string& device) {
    const auto known = known_.find(device);
    return known != known_.end() ? known->second
                                 : known_.emplace(device, device_index(device)).first->second;
  }

 private:
  std::map<std::string, Result<unsigned>> known_;
};

Result<Addresses> Addresses::open() {
  auto netlink = io::Rtnetlink::open();
  if (!netlink) {
    return netlink.error();
  }
  return Addresses(std::move(netlink).value());
}

Addresses::Failed Addresses::add(Several addresses, std::optional<Duration> lease) {
  Devices devices;
  Failed failed = put(addresses, devices, lease, NLM_F_CREATE | NLM_F_EXCL);
  replace_ours(addresses, devices, lease, failed);
  for (auto& [which, error] : failed) {
    error = error.in("add " + described(addresses[which]));
  }
  hold(addresses, devices, lease, failed);
  return failed;
}

Addresses::Failed Addresses::renew(Several addresses, std::optional<Duration> lease) {
  Devices devices;
  Failed failed = put(addresses, devices, lease, NLM_F_REPLACE);
  for (auto& [which, error] : failed) {
    error = error.in("renew " + described(addresses[which]));
  }
  hold(addresses, devices, lease, failed);
  return failed;
}

Result<Ok> Addresses::remove(const config::FloatingAddress& address) {
  const auto device = device_index(address.device);
  if (!device || !held_.contains({*device, address.address})) {
    return Ok{};
  }
  io::NetlinkMessage message(RTM_DELADDR, 0, address_header(address.address, *device));
  message.put(IFA_LOCAL, address.address.bytes(), address.address.size());
  const auto removed = netlink_.request(message);
  if (!removed && removed.error().code != EADDRNOTAVAIL) {
    return removed.error().in("remove " + described(address));
  }
  held_.erase({*device, address.address});
  remove_route(address, *device);
  return Ok{};
}

Result<std::set<Address>> Addresses::foreign() {
  const auto all = list_addresses(netlink_);
  if (!all) {
    return all.error();
  }
  std::set<Address> found;
  for (const ListedAddress& listed : *all) {
    if (listed.protocol != kAddressProtocol) {
      found.insert(listed.address);
    }
  }
  return found;
}

Result<std::vector<OurAddress>> Addresses::ours() {
  auto all = list_addresses(netlink_);
  if (!all) {
    return all.error();
  }
  std::vector<OurAddress> found;
  for (const ListedAddress& listed : *all) {
    char device[IF_NAMESIZE] = "";
    if (listed.protocol != kAddressProtocol || ::if_indextoname(listed.device, device) == nullptr) {
      continue;
    }
    OurAddress one{listed.address, device, listed.label, std::nullopt};
    if (listed.valid_seconds != kForever) {
      one.lease_left = std::chrono::seconds{listed.valid_seconds};
    }
    held_.insert(
        {{listed.device, listed.address}, {listed.address, device, listed.label, std::nullopt}});
    found.push_back(std::move(one));
  }
  return found;
}

Addresses::Failed Addresses::put(Several addresses, Devices& devices, std::optional<Duration> lease,
                                 int flags) {
  Failed failed;
  std::vector<io::NetlinkMessage> messages;
  std::vector<size_t> places;
  for (size_t which = 0; which < addresses.size(); ++which) {
    if (const auto& device = devices.index_of(addresses[which].device)) {
      messages.push_back(new_address(addresses[which], *device, lease, flags));
      places.push_back(which);
    } else {
      failed.emplace(which, device.error());
    }
  }
  for (auto& [which, error] : netlink_.request_all(messages)) {
    failed.emplace(places[which], error);
  }
  return failed;
}

// What is there already: ours gets its lease, that of somebody else is left alone.
void Addresses::replace_ours(Several addresses, Devices& devices, std::optional<Duration> lease,
                             Failed& failed) {
  std::vector<size_t> there;
  for (const auto& [which, error] : failed) {
    if (error.code == EEXIST) {
      there.push_back(which);
    }
  }
  if (there.empty()) {
    return;
  }
  const auto all = list_addresses(netlink_);
  for (const size_t which : there) {
    const auto& wanted = addresses[which];
    const unsigned device = devices.index_of(wanted.device).value();
    const bool is_ours = all && std::ranges::any_of(*all, [&](const auto& listed) {
                           return listed.address == wanted.address && listed.device == device &&
                                  listed.prefix == full_prefix(wanted.address) &&
                                  listed.protocol == kAddressProtocol;
                         });
    failed.at(which) = !all ? all.error()
                            : Error{EEXIST,
                                    "the device holds it already, and not from us; remove it "
                                    "there"};
    if (is_ours) {
      failed.erase(which);
      if (const auto error = put({&wanted, 1}, devices, lease, NLM_F_REPLACE); !error.empty()) {
        failed.emplace(which, error.at(0));
      }
    }
  }
}

void Addresses::hold(Several addresses, Devices& devices, std::optional<Duration> lease,
                     const Failed& failed) {
  std::set<Network> seen;
  for (size_t which = 0; which < addresses.size(); ++which) {
    if (failed.contains(which)) {
      continue;
    }
    const auto& address = addresses[which];
    const unsigned device = devices.index_of(address.device).value();
    held_[{device, address.address}] = address;
    if (seen.insert(network_of(address, device)).second) {
      put_route(address, device, lease);
    }
  }
}

// With the floating address as preferred source the kernel takes an IPv4 route away together with
// the address; an IPv6 route gets an expiry of its own.
void Addresses::put_route(const config::FloatingAddress& address, unsigned device,
                          std::optional<Duration> lease) {
  const Network network = network_of(address, device);
  const unsigned prefix = network.prefix;
  if (prefix == full_prefix(address.address) || !needs_route(network)) {
    return;
  }
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(address.address.af());
  header.rtm_dst_len = static_cast<uint8_t>(prefix);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = kAddressProtocol;
  header.rtm_scope = address.address.is_v4() ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  io::NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, header);
  message.put(RTA_DST, network.base.bytes(), network.base.size());
  message.put_u32(RTA_OIF, device);
  message.put_u32(RTA_PRIORITY, kRouteMetric);
  if (address.address.is_v4()) {
    message.put(RTA_PREFSRC, address.address.bytes(), address.address.size());
  } else if (lease) {
    message.put_u32(RTA_EXPIRES, seconds_of(lease));
  }
  [[maybe_unused]] const auto best_effort = netlink_.request(message);  // Retried at each renewal.
}

void Addresses::remove_route(const config::FloatingAddress& address, unsigned device) {
  const Network network = network_of(address, device);
  const auto known = route_is_ours_.find(network);
  if (known == route_is_ours_.end() || !known->second) {
    return;
  }
  for (const auto& [key, other] : held_) {
    if (key.first == device && other.prefix == address.prefix &&
        key.second.masked(network.prefix) == network.base) {
      return put_route(other, device, std::nullopt);
    }
  }
  delete_route(network);
  route_is_ours_.erase(known);
}

void Addresses::delete_route(const Network& network) {
  rtmsg header{};
  header.rtm_family = static_cast<uint8_t>(network.base.af());
  header.rtm_dst_len = static_cast<uint8_t>(network.prefix);
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = kAddressProtocol;
  header.rtm_scope = RT_SCOPE_NOWHERE;
  io::NetlinkMessage message(RTM_DELROUTE, 0, header);
  message.put(RTA_DST, network.base.bytes(), network.base.size());
  message.put_u32(RTA_OIF, network.device);
  message.put_u32(RTA_PRIORITY, kRouteMetric);
  [[maybe_unused]] const auto gone_with_the_address = netlink_.request(message);
}

void Addresses::look_at_routes() {
  const auto before = std::exchange(route_is_ours_, {});
  for (const auto& [key, address] : held_) {
    if (!route_is_ours_.contains(network_of(address, key.first))) {
      put_route(address, key.first, std::nullopt);
    }
  }
  for (const auto& [network, was_ours] : before) {
    const auto now = route_is_ours_.find(network);
    if (was_ours && now != route_is_ours_.end() && !now->second) {
      delete_route(network);
    }
  }
}

Addresses::Network Addresses::network_of(const config::FloatingAddress& address, unsigned device) {
  const unsigned prefix = address.prefix.value_or(full_prefix(address.address));
  return {device, address.address.masked(prefix), prefix};
}

bool Addresses::needs_route(const Network& network) {
  const auto known = route_is_ours_.find(network);
  if (known != route_is_ours_.end()) {
    return known->second;
  }
  const auto all = list_addresses(netlink_);
  if (!all) {
    return false;
  }
  bool has_other = false;
  for (const ListedAddress& listed : *all) {
    has_other =
        has_other ||
        (listed.device == network.device && listed.protocol != kAddressProtocol &&
         listed.prefix <= network.prefix && listed.address.family() == network.base.family() &&
         listed.address.masked(network.prefix) == network.base);
  }
  route_is_ours_[network] = !has_other;
  return !has_other;
}

}  // namespace lvs::pulse
