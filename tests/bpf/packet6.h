// Builds Ethernet frames with IPv6 and TCP, UDP or an ICMPv6 error in them, and reads them back
// with every checksum verified; the MACs are zero as in packet.h.
#pragma once

#include "tests/bpf/packet.h"

namespace lvs::test {

struct Packet6 {
  std::string from = "2001:db8::2";
  std::string to = "2001:db8::100";
  uint16_t sport = 40000;
  uint16_t dport = 80;
  uint8_t protocol = 6;
  uint8_t flags = kSyn;
  uint8_t hop_limit = 64;
  std::vector<uint8_t> extensions;  // Types of extension headers of 8 bytes, in their order.
  std::string payload;
  bool operator==(const Packet6&) const = default;
};

constexpr size_t kIpv6Header = 40;
constexpr size_t kExtension = 8;
constexpr uint8_t kHopByHop = 0;
constexpr uint8_t kRouting = 43;
constexpr uint8_t kFragment = 44;
constexpr uint8_t kDestinationOptions = 60;
constexpr uint8_t kIcmpv6 = 58;

inline uint32_t pseudo_header6(const uint8_t* ip, uint8_t protocol, size_t l4_size) {
  return sum_of(ip + 8, 32) + protocol + static_cast<uint32_t>(l4_size);
}

inline std::string address6(const uint8_t* at) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, at, text, sizeof(text));
}

// The IP header and its extensions in front of `l4_size` bytes of `protocol`.
inline Frame ipv6_frame(const Packet6& packet, uint8_t protocol, size_t l4_size) {
  const size_t extensions = packet.extensions.size() * kExtension;
  Frame frame(kEthernet + kIpv6Header + extensions + l4_size);
  put16(&frame[12], 0x86dd);
  uint8_t* ip = &frame[kEthernet];
  ip[0] = 0x60;
  put16(ip + 4, static_cast<uint16_t>(extensions + l4_size));
  ip[7] = packet.hop_limit;
  inet_pton(AF_INET6, packet.from.c_str(), ip + 8);
  inet_pton(AF_INET6, packet.to.c_str(), ip + 24);
  uint8_t* next = ip + 6;
  uint8_t* at = ip + kIpv6Header;
  for (const uint8_t type : packet.extensions) {
    *next = type;
    next = at;
    const bool has_options = type == kHopByHop || type == kDestinationOptions;
    at[2] = has_options ? 1 : 0;  // PadN over the rest.
    at[3] = has_options ? 4 : 0;
    at += kExtension;
  }
  *next = protocol;
  return frame;
}

inline Frame build(const Packet6& packet) {
  const bool is_tcp = packet.protocol == 6;
  const size_t l4_header = is_tcp ? 20 : 8;
  const size_t l4_size = l4_header + packet.payload.size();
  Frame frame = ipv6_frame(packet, packet.protocol, l4_size);
  uint8_t* l4 = &frame[frame.size() - l4_size];
  put16(l4, packet.sport);
  put16(l4 + 2, packet.dport);
  std::memcpy(l4 + l4_header, packet.payload.data(), packet.payload.size());
  if (is_tcp) {
    l4[12] = 5 << 4;
    l4[13] = packet.flags;
  } else {
    put16(l4 + 4, static_cast<uint16_t>(l4_size));
  }
  const uint32_t pseudo = pseudo_header6(&frame[kEthernet], packet.protocol, l4_size);
  put16(l4 + (is_tcp ? 16 : 6), static_cast<uint16_t>(~folded(sum_of(l4, l4_size, pseudo))));
  return frame;
}

// Where the extensions end, and what is behind them.
inline std::pair<size_t, uint8_t> skip_extensions(const uint8_t* ip, std::vector<uint8_t>& seen) {
  size_t at = kIpv6Header;
  uint8_t type = ip[6];
  while (type == kHopByHop || type == kRouting || type == kFragment ||
         type == kDestinationOptions) {
    seen.push_back(type);
    type = ip[at];
    at += kExtension;
  }
  return {at, type};
}

// Nothing when the checksum is wrong.
inline std::optional<Packet6> read6(const Frame& frame) {
  const uint8_t* ip = &frame[kEthernet];
  Packet6 packet;
  const auto [header, protocol] = skip_extensions(ip, packet.extensions);
  const uint8_t* l4 = ip + header;
  const size_t l4_size = frame.size() - kEthernet - header;
  packet.from = address6(ip + 8);
  packet.to = address6(ip + 24);
  packet.hop_limit = ip[7];
  packet.protocol = protocol;
  packet.sport = get16(l4);
  packet.dport = get16(l4 + 2);
  packet.flags = protocol == 6 ? l4[13] : 0;
  const size_t l4_header = protocol == 6 ? 20 : 8;
  packet.payload.assign(reinterpret_cast<const char*>(l4) + l4_header, l4_size - l4_header);
  const bool is_right =
      folded(sum_of(l4, l4_size, pseudo_header6(ip, protocol, l4_size))) == 0xffff &&
      get16(ip + 4) == header - kIpv6Header + l4_size;
  return is_right ? std::optional(packet) : std::nullopt;
}

struct Icmp6Error {
  std::string from;
  std::string to;
  uint8_t hop_limit = 64;
  uint8_t type = 2;
  uint8_t code = 0;
  uint32_t mtu = 1400;
  Packet6 quoted;            // Its addresses, ports and extensions; the rest is not compared.
  size_t quoted_bytes = 48;  // So much of it, from its IP header on.

  bool operator==(const Icmp6Error& other) const {
    const auto ends = [](const Icmp6Error& one) {
      return std::tie(one.from, one.to, one.hop_limit, one.type, one.code, one.mtu, one.quoted.from,
                      one.quoted.to, one.quoted.sport, one.quoted.dport, one.quoted.extensions,
                      one.quoted_bytes);
    };
    return ends(*this) == ends(other);
  }
};

inline Frame build(const Icmp6Error& error) {
  const Frame whole = build(error.quoted);
  const size_t size = 8 + error.quoted_bytes;
  Frame frame =
      ipv6_frame({.from = error.from, .to = error.to, .hop_limit = error.hop_limit}, kIcmpv6, size);
  uint8_t* icmp = &frame[frame.size() - size];
  icmp[0] = error.type;
  icmp[1] = error.code;
  put16(icmp + 6, static_cast<uint16_t>(error.mtu));
  std::memcpy(icmp + 8, &whole[kEthernet], error.quoted_bytes);
  const uint32_t pseudo = pseudo_header6(&frame[kEthernet], kIcmpv6, size);
  put16(icmp + 2, static_cast<uint16_t>(~folded(sum_of(icmp, size, pseudo))));
  return frame;
}

// Nothing when the checksum or a length is wrong.
inline std::optional<Icmp6Error> read_error6(const Frame& frame) {
  const uint8_t* ip = &frame[kEthernet];
  constexpr size_t kLeast = kEthernet + kIpv6Header + 8 + kIpv6Header + 8;
  if (frame.size() < kLeast || ip[6] != kIcmpv6) {
    return std::nullopt;
  }
  const uint8_t* icmp = ip + kIpv6Header;
  const uint8_t* quoted = icmp + 8;
  const size_t size = frame.size() - kEthernet - kIpv6Header;
  if (folded(sum_of(icmp, size, pseudo_header6(ip, kIcmpv6, size))) != 0xffff ||
      get16(ip + 4) != size) {
    return std::nullopt;
  }
  Icmp6Error error{.from = address6(ip + 8),
                   .to = address6(ip + 24),
                   .hop_limit = ip[7],
                   .type = icmp[0],
                   .code = icmp[1],
                   .mtu = get16(icmp + 6),
                   .quoted_bytes = size - 8};
  const auto [header, protocol] = skip_extensions(quoted, error.quoted.extensions);
  error.quoted.from = address6(quoted + 8);
  error.quoted.to = address6(quoted + 24);
  error.quoted.sport = get16(quoted + header);
  error.quoted.dport = get16(quoted + header + 2);
  return error;
}

}  // namespace lvs::test
