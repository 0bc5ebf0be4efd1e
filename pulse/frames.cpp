#include "pulse/frames.h"

#include <algorithm>

namespace lvs::pulse {
namespace {

constexpr Mac kBroadcast = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
constexpr Mac kAllNodesMac = {0x33, 0x33, 0x00, 0x00, 0x00, 0x01};
constexpr Mac kUnknownMac = {};
constexpr size_t kFrameMin = 60;
constexpr size_t kEthernetHeader = 14;
constexpr size_t kIpv6Header = 40;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;
constexpr size_t kArpBody = 28;
constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
constexpr uint8_t kOverride = 0x20;
constexpr uint8_t kTargetLinkAddress = 2;
constexpr size_t kNeighbourBody = 24;  // Type to target address.

class Writer {
 public:
  Writer& u8(uint8_t value) {
    bytes_.push_back(value);
    return *this;
  }
  Writer& u16(uint16_t value) {
    return u8(static_cast<uint8_t>(value >> 8)).u8(static_cast<uint8_t>(value));
  }
  Writer& u32(uint32_t value) {
    return u16(static_cast<uint16_t>(value >> 16)).u16(static_cast<uint16_t>(value));
  }
  Writer& mac(const Mac& value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
    return *this;
  }
  Writer& address(const Address& value) {
    bytes_.insert(bytes_.end(), value.bytes(), value.bytes() + value.size());
    return *this;
  }
  Frame padded() && {
    bytes_.resize(std::max(bytes_.size(), kFrameMin));
    return std::move(bytes_);
  }

 private:
  Frame bytes_;
};

Frame arp_frame(uint16_t operation, const Mac& from, const Address& from_ip, const Mac& to,
                const Address& to_ip) {
  Writer writer;
  writer.mac(kBroadcast).mac(from).u16(kEtherTypeArp);
  writer.u16(1).u16(0x0800).u8(6).u8(4).u16(operation);
  writer.mac(from).address(from_ip).mac(to).address(to_ip);
  return std::move(writer).padded();
}

uint32_t sum_words(std::span<const uint8_t> bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(bytes[i] << 8 | bytes[i + 1]);
  }
  return sum;
}

// Over the pseudo header (both addresses, length, next header) and the message; all lengths here
// are even.
void fill_icmpv6_checksum(Frame& frame) {
  const std::span<const uint8_t> all(frame);
  const size_t start = kEthernetHeader + kIpv6Header;
  uint32_t sum = sum_words(all.subspan(kEthernetHeader + 8, 32)) +
                 static_cast<uint32_t>(frame.size() - start) + kIcmpv6 +
                 sum_words(all.subspan(start));
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  frame[start + 2] = static_cast<uint8_t>(~sum >> 8);
  frame[start + 3] = static_cast<uint8_t>(~sum);
}

Address all_nodes() {
  const std::array<uint8_t, 16> bytes = {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return Address::v6_bytes(bytes.data());
}

Address solicited_node(const Address& target) {
  std::array<uint8_t, 16> bytes = {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xFF, 0, 0, 0};
  std::copy(target.bytes() + 13, target.bytes() + 16, bytes.begin() + 13);
  return Address::v6_bytes(bytes.data());
}

Frame advertisement(const Address& address, const Mac& mac) {
  Writer writer;
  writer.mac(kAllNodesMac).mac(mac).u16(kEtherTypeIpv6);
  writer.u32(0x60000000)
      .u16(kNeighbourBody + 8)
      .u8(kIcmpv6)
      .u8(255)
      .address(address)
      .address(all_nodes());
  writer.u8(kAdvertisement).u8(0).u16(0).u32(uint32_t{kOverride} << 24).address(address);
  writer.u8(kTargetLinkAddress).u8(1).mac(mac);
  Frame frame = std::move(writer).padded();
  fill_icmpv6_checksum(frame);
  return frame;
}

// Source "::": the holder answers to all nodes and learns nothing about us. Then no link address
// may be given.
Frame solicitation(const Address& address, const Mac& mac) {
  const Address group = solicited_node(address);
  const Mac to = {
      0x33, 0x33, group.bytes()[12], group.bytes()[13], group.bytes()[14], group.bytes()[15]};
  Writer writer;
  writer.mac(to).mac(mac).u16(kEtherTypeIpv6);
  const std::array<uint8_t, 16> unspecified{};
  writer.u32(0x60000000).u16(kNeighbourBody).u8(kIcmpv6).u8(255);
  writer.address(Address::v6_bytes(unspecified.data())).address(group);
  writer.u8(kSolicitation).u8(0).u16(0).u32(0).address(address);
  Frame frame = std::move(writer).padded();
  fill_icmpv6_checksum(frame);
  return frame;
}

std::optional<Neighbour> read_arp_reply(std::span<const uint8_t> frame) {
  constexpr std::array<uint8_t, 8> kReplyStart = {0, 1, 0x08, 0x00, 6, 4, 0, kArpReply};
  const auto body = frame.subspan(kEthernetHeader);
  if (body.size() < kArpBody || !std::equal(kReplyStart.begin(), kReplyStart.end(), body.begin())) {
    return std::nullopt;
  }
  Neighbour neighbour;
  std::copy_n(body.begin() + 8, 6, neighbour.mac.begin());
  neighbour.address = Address::v4_bytes(body.data() + 14);
  return neighbour;
}

std::optional<Neighbour> read_advertisement(std::span<const uint8_t> frame) {
  const auto packet = frame.subspan(kEthernetHeader);
  if (packet.size() < kIpv6Header + kNeighbourBody || packet[6] != kIcmpv6 || packet[7] != 255 ||
      packet[kIpv6Header] != kAdvertisement) {
    return std::nullopt;
  }
  Neighbour neighbour;
  neighbour.address = Address::v6_bytes(packet.data() + kIpv6Header + 8);
  const auto option = packet.subspan(kIpv6Header + kNeighbourBody);
  if (option.size() >= 8 && option[0] == kTargetLinkAddress && option[1] == 1) {
    std::copy_n(option.begin() + 2, 6, neighbour.mac.begin());
  } else {
    std::copy_n(frame.begin() + 6, 6, neighbour.mac.begin());
  }
  return neighbour;
}

}  // namespace

std::vector<Frame> announcement_frames(const Address& address, const Mac& mac) {
  if (!address.is_v4()) {
    return {advertisement(address, mac)};
  }
  return {arp_frame(kArpRequest, mac, address, kUnknownMac, address),
          arp_frame(kArpReply, mac, address, mac, address)};
}

// To one receiver by the Ethernet header alone: a neighbour solicitation from "::" must keep its
// multicast destination (RFC 4861 7.1.1).
Frame probe_frame(const Address& address, const Mac& mac, const std::optional<Mac>& only) {
  Frame frame = address.is_v4() ? arp_frame(kArpRequest, mac, Address{}, kUnknownMac, address)
                                : solicitation(address, mac);
  if (only) {
    std::copy(only->begin(), only->end(), frame.begin());
  }
  return frame;
}

std::optional<Neighbour> read_answer(std::span<const uint8_t> frame) {
  if (frame.size() < kEthernetHeader) {
    return std::nullopt;
  }
  switch (frame[12] << 8 | frame[13]) {
    case kEtherTypeArp:
      return read_arp_reply(frame);
    case kEtherTypeIpv6:
      return read_advertisement(frame);
    default:
      return std::nullopt;
  }
}

}  // namespace lvs::pulse
