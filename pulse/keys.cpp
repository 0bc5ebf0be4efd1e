#include "pulse/keys.h"

namespace lvs::pulse {

Judged decode(std::span<const uint8_t> datagram, const Keys& keys) {
  Decoded by_now = decode(datagram, keys.now);
  const auto* refusal = std::get_if<Refusal>(&by_now);
  if (keys.next.empty() || refusal == nullptr || *refusal != Refusal::bad_hmac) {
    return {std::move(by_now), false};
  }
  Decoded by_next = decode(datagram, keys.next);
  const bool is_believed = std::holds_alternative<Heartbeat>(by_next);
  return {std::move(by_next), is_believed};
}

}  // namespace lvs::pulse
