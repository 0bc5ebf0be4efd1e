// What a director tells its operator.
#include "pulse/director.h"

namespace lvs::pulse {

Status Director::status(TimePoint now) const {
  Status status;
  status.node = settings_.node;
  status.alone = settings_.alone;
  status.state = state_;
  status.in_state = now - state_since_;
  status.reason = state_reason_;
  status.term = kept_.term;
  status.reasons = reasons_;
  status.holding = holds();
  for (const FloatingAddress& address : held_) {
    status.addresses.push_back(address.address);
  }
  if (lease_.end()) {
    status.lease_left = *lease_.end() - now;
  }
  const auto since = [now](const std::optional<TimePoint>& at) -> std::optional<Duration> {
    return at ? std::optional<Duration>{now - *at} : std::nullopt;
  };
  const Heartbeat& last = peer_.last();
  const bool same_config = !peer_.heard_at() || last.config_digest == settings_.config_digest;
  status.peer = {is_peer_alive(now), since(peer_.heard_at()),
                 last.role,          last.reasons,
                 last.term,          last.config_serial,
                 same_config,        peer_macs(),
                 disbelieved_,       disbelieved_ ? Disbelief::advice(*disbelieved_) : ""};
  for (size_t i = 0; i < settings_.paths.size(); ++i) {
    const Peer::Path& path = peer_.paths()[i];
    status.paths.push_back({settings_.paths[i], path.alive, since(path.heard_at)});
  }
  status.counters = counters_;
  status.late = late_;
  status.late_max = late_max_;
  return status;
}

}  // namespace lvs::pulse
