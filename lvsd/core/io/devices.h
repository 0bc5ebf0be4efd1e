// Links, addresses and routes of this network namespace, as far as the core asks about them; and
// its own veth pair.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/result.h"

namespace lvs::core {

constexpr const char* kIpvs0 = "ipvs0";
constexpr const char* kIpvs1 = "ipvs1";

// Where copies go out of ipvs0 (see chain.h), which resolves no neighbours. IPv4: any address that
// is nobody's, this one is of the block for documentation. IPv6: one that has a route.
constexpr const char* kCopiesTo4 = "192.0.2.254";
constexpr const char* kCopiesTo6 = "fe80::2";

// Whether this kernel has IPv6, and it is not disabled as a whole.
bool has_ipv6();

struct Device {
  std::string name;
  int index = 0;
  bool is_ethernet = false;  // What our programs can parse and send.
  std::array<uint8_t, 6> mac{};
  bool operator==(const Device&) const = default;
};

std::vector<Device> devices();

// The addresses of this machine.
std::set<Address> own_addresses();

// What this machine sends from to there; nothing where there is no way.
std::optional<Address> source_towards(const Address& address);

// Indices of ipvs0 and ipvs1, made when they were missing.
struct Pair {
  int index = 0;
  int peer = 0;
  bool made = false;
};
Result<Pair> ensure_pair();
Result<Ok> remove_pair();

// Whether no TC filter looks at what comes in by this device before those of this priority do.
bool is_first_filter(int ifindex, uint32_t priority);

// Whether any TC filter is left in the clsact of a device.
bool has_filters(int ifindex);

}  // namespace lvs::core
