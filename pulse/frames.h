// Ethernet frames by which a director says and asks who holds a floating address: gratuitous ARP in
// both forms (RFC 5944 4.6: some neighbours listen to requests only, some to replies only), ARP
// probes (RFC 5227: sender address zero, so that no cache learns from them), unsolicited neighbour
// advertisements and the solicitation that IPv6 probes with (RFC 4861).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/address.h"

namespace lvs::pulse {

using Mac = std::array<uint8_t, 6>;
using Frame = std::vector<uint8_t>;

constexpr uint16_t kEtherTypeArp = 0x0806;
constexpr uint16_t kEtherTypeIpv6 = 0x86DD;

struct Neighbour {
  Address address;
  Mac mac;
  bool operator==(const Neighbour&) const = default;
};

// What makes the neighbours learn that `mac` holds `address`: two ARP frames, or one advertisement.
std::vector<Frame> announcement_frames(const Address& address, const Mac& mac);
// The question "who holds `address`?", asked from `mac`: of everybody, or of `only` alone.
Frame probe_frame(const Address& address, const Mac& mac, const std::optional<Mac>& only = {});
// Who answers in an ARP reply or a neighbour advertisement; nothing for any other frame.
std::optional<Neighbour> read_answer(std::span<const uint8_t> frame);

}  // namespace lvs::pulse
