// What a director tells its operator.
#include <algorithm>

#include "pulse/director.h"

namespace lvs::pulse {

const char* name(Holding holding) {
  switch (holding) {
    case Holding::not_held:
      return "not-held";
    case Holding::held:
      return "held";
    case Holding::foreign:
      return "foreign";
    case Holding::failed:
      return "failed";
    case Holding::missing:
      return "missing";
  }
  return "?";
}

AddressStatus Director::address_status(const FloatingAddress& address) const {
  AddressStatus status{address.address, address.device, Holding::not_held, ""};
  const auto refused = refused_.find(address.address);
  if (!ability_.exists(address.device)) {
    status.holding = Holding::missing;
    status.error = "this machine has no device " + address.device;
  } else if (refused != refused_.end()) {
    status.holding = refused->second.is_foreign() ? Holding::foreign : Holding::failed;
    status.error = refused->second.error.what;
  } else if (held_.contains(address)) {
    status.holding = Holding::held;
  } else if (foreign_.contains(address.address)) {
    status.holding = Holding::foreign;
    status.error = "this machine holds it, and not from us; remove it there";
  } else if (!to_add_.empty() && settings_.addresses.contains(address)) {
    status.error = "is being added";
  }
  return status;
}

Status Director::status(TimePoint now) const {
  Status status;
  status.node = settings_.node;
  status.alone = settings_.alone;
  status.legacy_heartbeats = settings_.legacy_heartbeats;
  status.state = state_;
  status.in_state = now - state_since_;
  status.reason = state_reason_;
  status.term = kept_.term;
  status.config_digest = settings_.config_digest;
  status.reasons = reasons_;
  status.unserved = own_standing().unserved;
  status.links_down = ability_.links_down(settings_);
  status.links_missing = status.links_down;
  std::erase_if(status.links_missing,
                [&](const std::string& device) { return ability_.exists(device); });
  status.switching = switch_until_.has_value();
  status.doubt = holds() || !is_silent(now) ? "" : doubt_logged_;
  for (const FloatingAddress& address : settings_.addresses) {
    status.addresses.push_back(address_status(address));
    status.holding = status.holding || status.addresses.back().holding == Holding::held;
  }
  if (lease_.end()) {
    status.lease_left = *lease_.end() - now;
  }
  const auto since = [now](const std::optional<TimePoint>& at) -> std::optional<Duration> {
    return at ? std::optional<Duration>{now - *at} : std::nullopt;
  };
  const Heartbeat& last = peer_.last();
  const bool same_config = !peer_.heard_at() || last.config_digest == settings_.config_digest;
  status.peer = {is_peer_alive(now),
                 peer_.said_goodbye(),
                 since(peer_.heard_at()),
                 last.role,
                 last.reasons,
                 last.term,
                 last.config_serial,
                 same_config,
                 last.unserved,
                 peer_macs(),
                 disbelieved_,
                 disbelieved_ ? Disbelief::advice(*disbelieved_) : ""};
  for (size_t i = 0; i < settings_.paths.size(); ++i) {
    const Peer::Path& path = peer_.paths()[i];
    status.paths.push_back(
        {settings_.paths[i], path.alive, since(path.heard_at), path.heard, path.lost});
  }
  status.counters = counters_;
  if (is_on_hold()) {
    status.hold = kept_.hold;
  }
  status.late = late_;
  status.late_max = late_max_;
  return status;
}

}  // namespace lvs::pulse
