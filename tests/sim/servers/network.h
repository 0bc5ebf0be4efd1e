// The servers as they really are, and the devices of the director that lead to them: what checks
// find out, and what the laws hold against what lvsd believes.
#pragma once

#include <array>
#include <string>

#include "common/address.h"
#include "common/time.h"

namespace lvs::sim::servers {

enum class Condition { works, refuses, silent, slow };  // slow: works, just within the limit.

constexpr size_t kHosts = 6;  // 10.0.0.1 to 10.0.0.6.
constexpr size_t kDevices = 2;

inline Address host_address(size_t host) {
  return Address::v4(0x0A000000U + static_cast<uint32_t>(host));
}

struct Network {
  std::array<Condition, kHosts + 1> hosts{};
  std::array<bool, kDevices> devices{true, true};

  static size_t host_of(const Address& address) { return address.v4_host() & 0xffU; }
  // The first three are behind one device.
  static size_t device_of(const Address& address) { return host_of(address) <= 3 ? 0 : 1; }
  static std::string device_name(size_t device) { return "eth" + std::to_string(device + 1); }
  static bool can_work(Condition condition) {
    return condition == Condition::works || condition == Condition::slow;
  }

  bool has_way(const Address& address) const { return devices[device_of(address)]; }
  Condition condition(const Address& address) const { return hosts[host_of(address)]; }
  bool works(const Address& address) const { return can_work(condition(address)); }
};

}  // namespace lvs::sim::servers
