// ICMP errors: built from the packet they quote, read back with every checksum verified.
#pragma once

#include "tests/bpf/packet.h"

namespace lvs::test {

struct IcmpError {
  std::string from;
  std::string to;
  uint8_t ttl = 64;
  uint8_t type = 3;
  uint8_t code = 4;
  uint16_t mtu = 1400;
  Packet quoted;               // Its addresses and ports; the rest is not compared.
  size_t quoted_l4_bytes = 8;  // So much of it behind the IP header.
  uint8_t option_words = 0;    // Of the outer IP header.

  bool operator==(const IcmpError& other) const {
    const auto ends = [](const IcmpError& one) {
      return std::tie(one.from, one.to, one.ttl, one.type, one.code, one.mtu, one.quoted.from,
                      one.quoted.to, one.quoted.sport, one.quoted.dport, one.quoted.protocol,
                      one.quoted_l4_bytes, one.option_words);
    };
    return ends(*this) == ends(other);
  }
};

constexpr size_t kIcmpHeader = 8;

inline Frame build(const IcmpError& error) {
  const Frame whole = build(error.quoted);
  const size_t header = 20 + error.option_words * 4U;
  const size_t quoted_header = 20 + error.quoted.option_words * 4U;
  Frame frame(kEthernet + header + kIcmpHeader);
  frame.insert(
      frame.end(), whole.begin() + kEthernet,
      whole.begin() + static_cast<ptrdiff_t>(kEthernet + quoted_header + error.quoted_l4_bytes));
  put16(&frame[12], 0x0800);
  uint8_t* ip = &frame[kEthernet];
  ip[0] = static_cast<uint8_t>(0x40 | header / 4);
  put16(ip + 2, static_cast<uint16_t>(frame.size() - kEthernet));
  ip[8] = error.ttl;
  ip[9] = 1;
  inet_pton(AF_INET, error.from.c_str(), ip + 12);
  inet_pton(AF_INET, error.to.c_str(), ip + 16);
  std::memset(ip + 20, 1, error.option_words * 4U);
  put16(ip + 10, static_cast<uint16_t>(~folded(sum_of(ip, header))));
  uint8_t* icmp = ip + header;
  icmp[0] = error.type;
  icmp[1] = error.code;
  put16(icmp + 6, error.mtu);
  const size_t size = frame.size() - kEthernet - header;
  put16(icmp + 2, static_cast<uint16_t>(~folded(sum_of(icmp, size))));
  return frame;
}

// Nothing when a checksum or a length is wrong.
inline std::optional<IcmpError> read_error(const Frame& frame) {
  const uint8_t* ip = &frame[kEthernet];
  const size_t header = (ip[0] & 0xf) * 4U;
  if (frame.size() < kEthernet + header + kIcmpHeader + 28 ||
      get16(ip + 2) != frame.size() - kEthernet || ip[9] != 1) {
    return std::nullopt;
  }
  const uint8_t* icmp = ip + header;
  const uint8_t* quoted = icmp + kIcmpHeader;
  const size_t quoted_header = (quoted[0] & 0xf) * 4U;
  const size_t icmp_size = frame.size() - kEthernet - header;
  if (folded(sum_of(ip, header)) != 0xffff || folded(sum_of(icmp, icmp_size)) != 0xffff ||
      folded(sum_of(quoted, quoted_header)) != 0xffff) {
    return std::nullopt;
  }
  IcmpError error;
  char text[INET_ADDRSTRLEN];
  error.from = inet_ntop(AF_INET, ip + 12, text, sizeof(text));
  error.to = inet_ntop(AF_INET, ip + 16, text, sizeof(text));
  error.ttl = ip[8];
  error.option_words = static_cast<uint8_t>((header - 20) / 4);
  error.type = icmp[0];
  error.code = icmp[1];
  error.mtu = get16(icmp + 6);
  error.quoted.from = inet_ntop(AF_INET, quoted + 12, text, sizeof(text));
  error.quoted.to = inet_ntop(AF_INET, quoted + 16, text, sizeof(text));
  error.quoted.protocol = quoted[9];
  error.quoted.sport = get16(quoted + quoted_header);
  error.quoted.dport = get16(quoted + quoted_header + 2);
  error.quoted_l4_bytes = icmp_size - kIcmpHeader - quoted_header;
  return error;
}

}  // namespace lvs::test
