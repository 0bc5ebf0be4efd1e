// Builds Ethernet frames with IPv4 and TCP or UDP in them, and reads them back with every checksum
// verified. The MACs are zero: a test run's device is lo, and only a frame to its address counts as
// addressed to this machine.
#pragma once

#include <arpa/inet.h>

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace lvs::test {

using Frame = std::vector<uint8_t>;

enum : uint8_t { kFin = 0x01, kSyn = 0x02, kRst = 0x04, kAck = 0x10 };

struct Packet {
  std::string from = "192.0.2.2";
  std::string to = "192.0.2.100";
  uint16_t sport = 40000;
  uint16_t dport = 80;
  uint8_t protocol = 6;
  uint8_t flags = kSyn;
  uint8_t ttl = 64;
  uint8_t option_words = 0;  // IP options, all "no operation".
  uint16_t fragment = 0;     // The whole field, host order.
  bool has_checksum = true;  // UDP only.
  std::string payload;
  uint32_t sequence = 0;
  uint32_t acknowledged = 0;
  std::string tcp_options;  // Whole words.
  bool operator==(const Packet&) const = default;
};

inline uint32_t sum_of(const uint8_t* data, size_t size, uint32_t sum = 0) {
  for (size_t i = 0; i < size; ++i) {
    sum += static_cast<uint32_t>(data[i]) << (i % 2 == 0 ? 8 : 0);
  }
  return sum;
}
inline uint16_t folded(uint32_t sum) {
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<uint16_t>(sum);
}
inline void put16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}
inline void put32(uint8_t* at, uint32_t value) {
  put16(at, static_cast<uint16_t>(value >> 16));
  put16(at + 2, static_cast<uint16_t>(value));
}
inline uint16_t get16(const uint8_t* at) {
  return static_cast<uint16_t>(at[0] << 8 | at[1]);
}

inline uint32_t get32(const uint8_t* at) {
  return static_cast<uint32_t>(get16(at)) << 16 | get16(at + 2);
}

constexpr size_t kEthernet = 14;

inline uint32_t pseudo_header(const uint8_t* ip, size_t l4_size) {
  return sum_of(ip + 12, 8) + ip[9] + static_cast<uint32_t>(l4_size);
}

inline Frame build(const Packet& packet) {
  const size_t header = 20 + packet.option_words * 4U;
  const size_t l4_header = packet.protocol == 6 ? 20 + packet.tcp_options.size() : 8;
  const size_t l4_size = l4_header + packet.payload.size();
  Frame frame(kEthernet + header + l4_size);
  put16(&frame[12], 0x0800);
  uint8_t* ip = &frame[kEthernet];
  ip[0] = static_cast<uint8_t>(0x40 | header / 4);
  put16(ip + 2, static_cast<uint16_t>(header + l4_size));
  put16(ip + 6, packet.fragment);
  ip[8] = packet.ttl;
  ip[9] = packet.protocol;
  inet_pton(AF_INET, packet.from.c_str(), ip + 12);
  inet_pton(AF_INET, packet.to.c_str(), ip + 16);
  std::memset(ip + 20, 1, packet.option_words * 4U);
  put16(ip + 10, static_cast<uint16_t>(~folded(sum_of(ip, header))));
  uint8_t* l4 = ip + header;
  put16(l4, packet.sport);
  put16(l4 + 2, packet.dport);
  std::memcpy(l4 + l4_header, packet.payload.data(), packet.payload.size());
  if (packet.protocol == 6) {
    put32(l4 + 4, packet.sequence);
    put32(l4 + 8, packet.acknowledged);
    l4[12] = static_cast<uint8_t>(l4_header / 4 << 4);
    std::memcpy(l4 + 20, packet.tcp_options.data(), packet.tcp_options.size());
    l4[13] = packet.flags;
  } else {
    put16(l4 + 4, static_cast<uint16_t>(l4_size));
  }
  if (packet.protocol == 6 || packet.has_checksum) {
    const auto sum =
        static_cast<uint16_t>(~folded(sum_of(l4, l4_size, pseudo_header(ip, l4_size))));
    put16(l4 + (packet.protocol == 6 ? 16 : 6), sum);
  }
  return frame;
}

// Nothing when a checksum is wrong.
inline std::optional<Packet> read(const Frame& frame) {
  const uint8_t* ip = &frame[kEthernet];
  const size_t header = (ip[0] & 0xf) * 4U;
  const size_t l4_size = get16(ip + 2) - header;
  const uint8_t* l4 = ip + header;
  Packet packet;
  char text[INET_ADDRSTRLEN];
  packet.from = inet_ntop(AF_INET, ip + 12, text, sizeof(text));
  packet.to = inet_ntop(AF_INET, ip + 16, text, sizeof(text));
  packet.ttl = ip[8];
  packet.protocol = ip[9];
  packet.fragment = get16(ip + 6);
  packet.option_words = static_cast<uint8_t>((header - 20) / 4);
  packet.sport = get16(l4);
  packet.dport = get16(l4 + 2);
  packet.flags = packet.protocol == 6 ? l4[13] : 0;
  packet.has_checksum = packet.protocol == 6 || get16(l4 + 6) != 0;
  const size_t l4_header = packet.protocol == 6 ? (l4[12] >> 4) * 4U : 8;
  if (packet.protocol == 6) {
    packet.sequence = get32(l4 + 4);
    packet.acknowledged = get32(l4 + 8);
    packet.tcp_options.assign(reinterpret_cast<const char*>(l4) + 20, l4_header - 20);
  }
  packet.payload.assign(reinterpret_cast<const char*>(l4) + l4_header, l4_size - l4_header);
  const bool is_right =
      folded(sum_of(ip, header)) == 0xffff &&
      (!packet.has_checksum || folded(sum_of(l4, l4_size, pseudo_header(ip, l4_size))) == 0xffff);
  return is_right ? std::optional(packet) : std::nullopt;
}

}  // namespace lvs::test
