// The secrets of a pair. While they are being changed there are two: heartbeats are signed with the
// first and believed by either, so that the directors need not change at the same moment. First
// both believe the new key too (heartbeat_key_next), then both sign with it and believe the old one
// still, then the old one goes.
#pragma once

#include <span>

#include "pulse/wire.h"

namespace lvs::pulse {

struct Keys {
  Key now;   // Empty: heartbeat_key = none.
  Key next;  // Empty: there is no other.
  bool operator==(const Keys&) const = default;
};

struct Judged {
  Decoded decoded;
  bool is_by_next = false;  // Believed by the second key.
};

Judged decode(std::span<const uint8_t> datagram, const Keys& keys);

}  // namespace lvs::pulse
