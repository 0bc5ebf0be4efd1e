// IPv4 and IPv6 addresses and address:port pairs as values: ordered, comparable, printable. No
// resolver here.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lvs {

enum class Family : uint8_t { v4 = 4, v6 = 6 };

class Address {
 public:
  Address() = default;  // 0.0.0.0
  static Address v4(uint32_t host_order);
  static Address v4_bytes(const void* four_bytes);  // Network order, as on the wire.
  static Address v6_bytes(const void* sixteen_bytes);
  // "192.0.2.1" or "2001:db8::1" (also in brackets); nothing else.
  static std::optional<Address> parse(std::string_view text);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::v4; }
  bool is_unspecified() const;  // 0.0.0.0 or ::
  bool is_loopback() const;     // 127.0.0.0/8 or ::1
  bool is_of_many() const;      // 224.0.0.0/4, 255.255.255.255 or ff00::/8: no one machine's.
  bool is_link_local() const;   // fe80::/10: means something only together with a device.
  uint32_t v4_host() const;     // Host order. Only for v4.
  uint32_t v4_network() const;  // Network order, as the kernel's structs hold it. Only for v4.
  const uint8_t* bytes() const { return bytes_.data(); }
  size_t size() const { return is_v4() ? 4 : 16; }
  int af() const;  // AF_INET or AF_INET6
  // This address with all bits behind the first `prefix` cleared.
  Address masked(unsigned prefix) const;

  auto operator<=>(const Address&) const = default;

 private:
  Family family_ = Family::v4;
  std::array<uint8_t, 16> bytes_{};  // v4: the first four, network order.
};

struct Endpoint {
  Address address;
  uint16_t port = 0;  // Host order.
  auto operator<=>(const Endpoint&) const = default;
};

// Prefix length of a dotted netmask, nothing when its ones are not contiguous.
std::optional<unsigned> prefix_of_netmask(const Address& mask);

std::string to_string(const Address& address);    // 192.0.2.1, 2001:db8::1
std::string to_string(const Endpoint& endpoint);  // 192.0.2.1:80, [2001:db8::1]:80

}  // namespace lvs
