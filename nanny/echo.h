// ICMP echoes as bytes (RFC 792, RFC 4443). A raw socket hands IPv4 packets over with their header,
// and IPv6 ones without, and computes the checksum of the latter itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"

namespace lvs::nanny {

struct Echo {
  uint16_t id = 0;
  uint16_t sequence = 0;
  uint64_t nonce = 0;  // Nobody who does not see the request can answer it.
  bool operator==(const Echo&) const = default;
};

std::string echo_request(bool is_v4, const Echo& echo);
// Nothing: no echo reply, or not of our making.
std::optional<Echo> read_echo_reply(bool is_v4, std::string_view packet);

}  // namespace lvs::nanny
