// Floating addresses in the kernel. Each is a /32 or /128 of its own (with a prefix, the expiry of
// a first address would take its secondaries along), without a prefix route and without duplicate
// address detection, and lives on a lease: a finite lifetime that the kernel counts down, so that a
// dead or frozen director loses it. The connected route that vip_nmask implies is added apart, only
// where the device has no other address of that network.
//
// What we added is marked in the kernel (IFA_PROTO, kernel >= 5.18): that is how a restarted
// arbiter finds its addresses again and why an address of anybody else is never renewed, relabelled
// or deleted.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "common/io/rtnetlink.h"
#include "common/time.h"

namespace lvs::pulse {

constexpr uint8_t kAddressProtocol =
    0xCA;                                // IFA_PROTO of our addresses, rtm_protocol of our routes.
constexpr uint32_t kRouteMetric = 4096;  // A connected route of the administrator wins over ours.

struct OurAddress {
  Address address;
  std::string device;
  std::string label;                   // Empty for IPv6, which has none.
  std::optional<Duration> lease_left;  // Nothing: permanent.
};

class Addresses {
 public:
  static Result<Addresses> open();

  // By its place among those that were asked for.
  using Failed = std::map<size_t, Error>;
  using Several = std::span<const config::FloatingAddress>;
  static constexpr size_t kAtOnce = io::Rtnetlink::kAtOnce;

  // At most kAtOnce. Lease: rounded up to whole seconds, nothing: permanent. add() of one that we
  // hold already renews it; EEXIST: the device holds it, but somebody else added it.
  Failed add(Several addresses, std::optional<Duration> lease);
  Failed renew(Several addresses, std::optional<Duration> lease);
  Result<Ok> remove(const config::FloatingAddress& address);  // Ok as well when it is gone already.
  // Somebody else's address came or went: which networks need our route may be others than before.
  void look_at_routes();
  // Every address of this network namespace that does not bear our mark,
  Result<std::set<Address>> foreign();
  // and every one that does.
  Result<std::vector<OurAddress>> ours();

 private:
  struct Network {
    unsigned device;
    Address base;
    unsigned prefix;
    auto operator<=>(const Network&) const = default;
  };
  class Devices;
  using Held = std::map<std::pair<unsigned, Address>, config::FloatingAddress>;

  explicit Addresses(io::Rtnetlink netlink) : netlink_(std::move(netlink)) {}
  Failed put(Several addresses, Devices& devices, std::optional<Duration> lease, int flags);
  void replace_ours(Several addresses, Devices& devices, std::optional<Duration> lease,
                    Failed& failed);
  void hold(Several addresses, Devices& devices, std::optional<Duration> lease,
            const Failed& failed);
  void put_route(const config::FloatingAddress& address, unsigned device,
                 std::optional<Duration> lease);
  void remove_route(const config::FloatingAddress& address, unsigned device);
  void delete_route(const Network& network);
  static Network network_of(const config::FloatingAddress& address, unsigned device);
  bool needs_route(const Network& network);

  io::Rtnetlink netlink_;
  Held held_;
  std::map<Network, bool> route_is_ours_;  // Looked up when the first address of a network comes.
};

}  // namespace lvs::pulse
