// Links, addresses and routes of this network namespace, as far as the core asks about them; and
// its own veth pair.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/result.h"

namespace lvs::core {

constexpr const char* kIpvs0 = "ipvs0";
constexpr const char* kIpvs1 = "ipvs1";

struct Device {
  std::string name;
  int index = 0;
  bool is_ethernet = false;  // What our programs can parse and send.
  bool operator==(const Device&) const = default;
};

std::vector<Device> devices();

// The output device of the route to an IPv4 address; 0 when there is none.
int route_device(const Address& address);

// Devices on which packets to and from these addresses come and go: those that hold one or route to
// one. With `any_holder`, each that holds any IPv4 address.
std::set<std::string> devices_of(const std::vector<Address>& addresses, bool any_holder);

// Index of ipvs0, made when it was missing.
struct Pair {
  int index = 0;
  bool made = false;
};
Result<Pair> ensure_pair();
Result<Ok> remove_pair();

// Whether any TC filter is left in the clsact of a device.
bool has_filters(int ifindex);

}  // namespace lvs::core
