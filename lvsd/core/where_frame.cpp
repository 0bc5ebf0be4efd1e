#include "lvsd/core/where_frame.h"

#include <linux/if_ether.h>

#include <algorithm>

namespace lvs::core {

namespace {

constexpr uint8_t kHops = 64;
constexpr uint8_t kTcpHeaderWords = 5 << 4;
constexpr uint8_t kTcpSyn = 0x02;
constexpr uint8_t kSctpInit = 1;
constexpr uint8_t kSctpInitBytes = 20;

class Writer {
 public:
  explicit Writer(std::vector<uint8_t>& to) : to_(to) {}

  Writer& byte(uint8_t value) {
    to_.push_back(value);
    return *this;
  }
  Writer& word(size_t value) {
    return byte(static_cast<uint8_t>(value >> 8)).byte(static_cast<uint8_t>(value));
  }
  Writer& zeros(size_t count) {
    to_.resize(to_.size() + count);
    return *this;
  }
  Writer& bytes(const uint8_t* from, size_t count) {
    to_.insert(to_.end(), from, from + count);
    return *this;
  }

 private:
  std::vector<uint8_t>& to_;
};

std::vector<uint8_t> segment(const ipvs::WherePacket& packet) {
  std::vector<uint8_t> bytes;
  Writer to(bytes);
  to.word(packet.client.port).word(packet.virtual_service.port);
  switch (packet.protocol) {
    case ipvs::Protocol::tcp:
      to.zeros(8).byte(kTcpHeaderWords).byte(kTcpSyn).zeros(6);
      break;
    case ipvs::Protocol::udp:
      to.word(8).word(0);
      break;
    case ipvs::Protocol::sctp:
      to.zeros(8).byte(kSctpInit).byte(0).word(kSctpInitBytes).zeros(kSctpInitBytes - 4);
      break;
  }
  return bytes;
}

}  // namespace

std::vector<uint8_t> first_frame(const ipvs::WherePacket& packet,
                                 const std::array<uint8_t, 6>& to_mac) {
  const auto carried = segment(packet);
  const auto protocol = static_cast<uint8_t>(packet.protocol);
  const Address& from = packet.client.address;
  const Address& to = packet.virtual_service.address;
  std::vector<uint8_t> frame;
  Writer out(frame);
  out.bytes(to_mac.data(), to_mac.size()).zeros(to_mac.size());
  if (from.is_v4()) {
    out.word(ETH_P_IP).byte(0x45).byte(0).word(20 + carried.size()).zeros(4);
    out.byte(kHops).byte(protocol).zeros(2);
  } else {
    out.word(ETH_P_IPV6).byte(0x60).zeros(3).word(carried.size()).byte(protocol).byte(kHops);
  }
  out.bytes(from.bytes(), from.size()).bytes(to.bytes(), to.size());
  out.bytes(carried.data(), carried.size());
  return frame;
}

}  // namespace lvs::core
