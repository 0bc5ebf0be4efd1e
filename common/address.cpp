#include "common/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace lvs {

Address Address::v4(uint32_t host_order) {
  const uint32_t network = htonl(host_order);
  return v4_bytes(&network);
}

Address Address::v4_bytes(const void* four_bytes) {
  Address a;
  std::memcpy(a.bytes_.data(), four_bytes, 4);
  return a;
}

Address Address::v6_bytes(const void* sixteen_bytes) {
  Address a;
  a.family_ = Family::v6;
  std::memcpy(a.bytes_.data(), sixteen_bytes, 16);
  return a;
}

std::optional<Address> Address::parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  const std::string terminated(text);
  uint8_t raw[16];
  if (terminated.size() != std::strlen(terminated.c_str())) {
    return std::nullopt;
  }
  if (inet_pton(AF_INET, terminated.c_str(), raw) == 1) {
    return v4_bytes(raw);
  }
  if (inet_pton(AF_INET6, terminated.c_str(), raw) == 1) {
    return v6_bytes(raw);
  }
  return std::nullopt;
}

bool Address::is_unspecified() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t b) { return b == 0; });
}

bool Address::is_loopback() const {
  static const Address kLoopback6 = *parse("::1");
  return is_v4() ? bytes_[0] == 127 : *this == kLoopback6;
}

bool Address::is_of_many() const {
  static const Address kBroadcast = *parse("255.255.255.255");
  return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 || *this == kBroadcast : bytes_[0] == 0xff;
}

bool Address::is_link_local() const {
  return !is_v4() && bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

uint32_t Address::v4_host() const {
  return ntohl(v4_network());
}

uint32_t Address::v4_network() const {
  uint32_t network;
  std::memcpy(&network, bytes_.data(), 4);
  return network;
}

int Address::af() const {
  return is_v4() ? AF_INET : AF_INET6;
}

Address Address::masked(unsigned prefix) const {
  Address a = *this;
  for (size_t i = 0; i < size(); ++i) {
    const unsigned kept = std::min<unsigned>(8, prefix > i * 8 ? prefix - i * 8 : 0);
    a.bytes_[i] &= static_cast<uint8_t>(0xff00U >> kept);
  }
  return a;
}

std::optional<unsigned> prefix_of_netmask(const Address& mask) {
  const uint32_t bits = mask.v4_host();
  const unsigned ones = std::countl_one(bits);
  if (!mask.is_v4() || static_cast<unsigned>(std::popcount(bits)) != ones) {
    return std::nullopt;
  }
  return ones;
}

std::string to_string(const Address& address) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(address.af(), address.bytes(), text, sizeof text);
}

std::string to_string(const Endpoint& endpoint) {
  const std::string address = to_string(endpoint.address);
  const std::string port = std::to_string(endpoint.port);
  return endpoint.address.is_v4() ? address + ":" + port : "[" + address + "]:" + port;
}

}  // namespace lvs
