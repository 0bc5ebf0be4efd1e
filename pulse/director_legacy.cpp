// What is different with Piranha's heartbeats (legacy.h): how one is heard, and when a director
// that is less than able gives the service up by saying so.
#include "pulse/director.h"

namespace lvs::pulse {

void Director::tell_of_format() {
  if (settings_.legacy_heartbeats && !settings_.alone) {
    log(Level::error, "heartbeats-not-authenticated", "",
        {{"format", "legacy"},
         {"do", "set heartbeat_format = 2 on both directors once both are of this suite"}});
  }
}

// What was heard in the other format says nothing in this one.
void Director::change_format(TimePoint now) {
  peer_ = Peer(settings_.node, settings_.cluster_id, incarnation_, settings_.paths.size());
  peer_.listen_from(now);
  turn_ = {};
  beat_at_ = now;
  tell_of_format();
}

void Director::on(const HeardWord& event, TimePoint now) {
  if (settings_.alone || !started_ || state_ == State::stopped ||
      event.path >= settings_.paths.size()) {
    return;
  }
  if (!settings_.legacy_heartbeats) {
    refuse(Refusal::other_version, now);
    return;
  }
  const Heartbeat before = peer_.last();
  const bool was_silent = !is_peer_alive(now);
  const auto heard_before = peer_.heard_at();
  peer_.believe(event.path, heartbeat_of(event.word), now);
  turn_.heard(event.path, event.word, was_silent, now);
  ++counters_.beats_accepted;
  has_let_go_ = false;
  if (heard_before && now > *heard_before + 2 * settings_.keepalive) {
    news_settle_at_ = now + std::min(kNewsSettle, settings_.keepalive / 2);
  }
  on_news(before, was_silent, now);
}

// What the word does not tell is as it would be with a peer that lacks nothing.
Heartbeat Director::heartbeat_of(Word word) const {
  Heartbeat heard;
  heard.node = is_primary() ? Node::backup : Node::primary;
  heard.role = role_of(word, peer_.heard_at() ? std::optional(peer_.last().role) : std::nullopt);
  heard.cluster_id = settings_.cluster_id;
  heard.config_serial = settings_.config_serial;
  heard.config_digest = settings_.config_digest;
  heard.macs = kept_.peer_macs;
  return heard;
}

// The peer, which says that it is passive, may lack nothing; it does not say. If it does not take
// what we give up, we take it back, and do not try again until we have been able in between.
bool Director::wants_to_offer(TimePoint now) const {
  return settings_.legacy_heartbeats && !is_able() && !has_offered_ && !is_on_hold() &&
         is_peer_alive(now) && peer_.last().role == Role::passive;
}

std::optional<TimePoint> Director::legacy_turn() const {
  return turn_.at(settings_.node, is_able(), settings_.keepalive);
}

}  // namespace lvs::pulse
