// Events: what each one changes in what the director knows. What follows from it is decided in
// director_rules.cpp, in one place, from state and knowledge, whatever the event was.
#include "pulse/director.h"

#include <algorithm>

namespace lvs::pulse {
namespace {

// A wake-up that comes later than this means that heartbeats may wait unread in the socket.
constexpr Duration kLatenessMin = std::chrono::milliseconds{20};
constexpr Duration kRetryPauseMax = std::chrono::seconds{5};
constexpr Duration kRestorePause = std::chrono::milliseconds{20};
constexpr Duration kAlarmPause = std::chrono::seconds{10};
constexpr Duration kAskLimit = std::chrono::seconds{2};
// What fails by chance on one director passes again at the next check or two.
constexpr Duration kMomentLimit = std::chrono::seconds{5};

}  // namespace

const char* name(State state) {
  switch (state) {
    case State::listening:
      return "listening";
    case State::standby:
      return "standby";
    case State::preparing:
      return "preparing";
    case State::adopting:
      return "adopting";
    case State::active:
      return "active";
    case State::handing_over:
      return "handing-over";
    case State::stopped:
      return "stopped";
  }
  return "?";
}

Director::Director(Settings settings, uint64_t incarnation)
    : settings_(std::move(settings)),
      incarnation_(incarnation),
      peer_(settings_.node, settings_.cluster_id, incarnation, settings_.paths.size()) {
}

Step Director::step(const Event& event, TimePoint now) {
  actions_.clear();
  note_lateness(now);
  // Before anything else: an event that waited while we were frozen must not renew what is over.
  if (holds() && lease_.is_over(now)) {
    lose_lease(now);
  }
  std::visit([this, now](const auto& e) { on(e, now); }, event);
  if (started_ && state_ != State::stopped) {
    apply_rules(now);
    do_due_work(now);
  }
  tell_role();
  wake_at_ = next_deadline(now);
  return {std::move(actions_), wake_at_};
}

void Director::note_lateness(TimePoint now) {
  late_ = wake_at_ && now > *wake_at_ ? now - *wake_at_ : Duration{0};
  late_max_ = std::max(late_max_, late_);
  const Duration unusual = std::max(kLatenessMin, settings_.keepalive / 2);
  if (late_ > std::min(unusual, settings_.deadtime / 2)) {
    distrust_until_ = now + settings_.keepalive;
    if (!late_logged_at_ || now >= *late_logged_at_ + kAlarmPause) {
      late_logged_at_ = now;
      log(Level::warning, "late", "", {{"late_ms", std::to_string(to_ms(late_).count())}});
    }
  }
}

void Director::on(const Started& event, TimePoint now) {
  started_ = true;
  state_since_ = now;
  kept_ = event.kept;
  peer_.listen_from(now);
  if (!event.found.empty()) {
    ability_.adopt(now);
  }
  refresh_ability(now);
  log(Level::notice, "start",
      is_primary() ? "STARTING PULSE AS MASTER" : "STARTING PULSE AS BACKUP",
      {{"term", std::to_string(kept_.term)}});
  tell_of_format();
  for (const FoundAddress& found : event.found) {
    const FloatingAddress* address = settings_.addresses.find(found.address);
    if (address == nullptr) {
      continue;
    }
    held_.push_back(*address);
    if (!settings_.alone) {
      // One without an end becomes one with a whole lease; the earliest end counts for all.
      const TimePoint permanent = now + Lease::length(settings_.deadtime) + kLifetimeRounding;
      const TimePoint until = found.valid_until.value_or(permanent);
      if (!lease_.end() || until - kLifetimeRounding < *lease_.end()) {
        lease_.adopt(until, now);
      }
    }
  }
  if (settings_.alone) {
    take_over("alone", now);
    return;
  }
  if (lease_.is_over(now)) {
    lose_lease(now);
    return;
  }
  if (!held_.empty()) {
    enter(State::adopting, "addresses-found", now);
    actions_.push_back(ArmCore{});
  } else {
    run(settings_.inactive_cmd);
  }
  send_heartbeat(now);
}

void Director::on(const Heard& event, TimePoint now) {
  if (settings_.alone || !started_ || state_ == State::stopped ||
      event.path >= settings_.paths.size()) {
    return;
  }
  const auto* heard = std::get_if<Heartbeat>(&event.decoded);
  if (heard == nullptr || settings_.legacy_heartbeats) {
    refuse(heard == nullptr ? std::get<Refusal>(event.decoded) : Refusal::other_version, now);
    return;
  }
  const Heartbeat before = peer_.last();
  const bool was_silent = !is_peer_alive(now);
  const auto heard_before = peer_.heard_at();
  const Peer::Judgement judgement = peer_.judge(event.path, *heard, sequence_, now);
  if (judgement.refusal) {
    refuse(*judgement.refusal, now);
    if (judgement.wants_answer) {
      actions_.push_back(SendHeartbeat{answer_to(*heard), event.path});
    }
    return;
  }
  ++counters_.beats_accepted;
  if (judgement.is_new_process) {
    failback_held_ = false;
    peer_served_somebody_ = false;
    caches_doubtful_ = true;  // What it did before we believed it, nobody knows.
    log(Level::info, "peer-met", "", {{"path", settings_.paths[event.path]}});
    send_heartbeat(now);  // So that it learns us without waiting for our next beat.
  }
  if (judgement.is_news) {
    has_let_go_ = false;
    if (heard_before && now > *heard_before + 2 * settings_.keepalive) {
      news_settle_at_ = now + std::min(kNewsSettle, settings_.keepalive / 2);
    }
    if (peer_standing() > standing_of(before)) {
      peer_rose_at_ = now;
    }
    on_news(before, was_silent, now);
  }
}

void Director::refuse(Refusal refusal, TimePoint now) {
  ++counters_.refused[static_cast<size_t>(refusal)];
  if (Disbelief::is_about(refusal)) {
    disbelief_.heard(refusal, now);
  }
}

Heartbeat Director::answer_to(const Heartbeat& refused) {
  Heartbeat answer = heartbeat();
  answer.your_incarnation = refused.my_incarnation;
  answer.your_sequence = refused.sequence;
  return answer;
}

// peer_.last() is new; `before` is what it replaced.
void Director::on_news(const Heartbeat& before, bool was_silent, TimePoint now) {
  const Heartbeat& last = peer_.last();
  peers_own_failures_.named(last.failing_still(), now);
  if (last.unserved) {
    peer_served_somebody_ = !standing_of(last).serves_nobody();
  }
  if (last.macs != kept_.peer_macs) {
    kept_.peer_macs = last.macs;
    keep();
  }
  if (last.config_digest != settings_.config_digest &&
      (before.config_digest != last.config_digest ||
       before.my_incarnation != last.my_incarnation)) {
    log(Level::warning, "configuration-differs", "",
        {{"own_serial", std::to_string(settings_.config_serial)},
         {"peer_serial", std::to_string(last.config_serial)}});
  }
  if (state_ != State::active) {
    return;
  }
  // A predecessor that has not heard yet that we took over is no rival.
  const bool is_predecessor = last.role == Role::handing_over && last.term < kept_.term;
  if (holds_addresses(last.role) && !is_predecessor) {
    if (stays_beside_a_rival()) {
      see_rival("heartbeat", now);
      if (!settings_.legacy_heartbeats || was_silent || before.role != last.role) {
        send_heartbeat(now);  // Not for each word: it is answered, if both call themselves primary.
      }
    } else {
      stand_down("peer-active", now);
    }
  }
  // Whoever serves or served where we could not hear it may have announced itself after us.
  caches_doubtful_ = caches_doubtful_ || was_silent || last.role != Role::passive;
  if (state_ == State::active && last.term >= kept_.term) {
    caches_doubtful_ = true;
    kept_.term = last.term + 1;  // Ours is the claim that holds now.
    keep();
  }
  if (state_ == State::active && last.role == Role::passive && caches_doubtful_) {
    caches_doubtful_ = false;
    announcements_.start(now);
  }
}

void Director::on(const LinkChanged& event, TimePoint now) {
  if (!ability_.set_link(event.device, event.up, event.exists, now)) {
    return;
  }
  retry_pause_ = kRetryPauseMin;
  // What we announced, or asked, while it was down reached nobody there.
  if (state_ == State::active) {
    announcements_.start(now);
  } else if (state_ == State::adopting) {
    split_guard_.begin_again();
  }
}

void Director::on(const OwnMacs& event, TimePoint now) {
  if (event.macs != settings_.macs) {
    settings_.macs = event.macs;
    beat_at_ = now;
  }
}

void Director::on(const LvsdChanged& event, TimePoint now) {
  ability_.set_lvsd(event.ready, event.failed_restarts, now);
}

void Director::on(const WayChanged& event, TimePoint now) {
  ability_.set_way(event.has_way, now);
}

void Director::on(const ServicesChanged& event, TimePoint now) {
  if (services_.recovered != event.recovered) {
    beat_at_ = now;
  }
  services_ = event;
  peers_own_failures_.doubted(event.doubtful, now);
  ability_.set_checks(!event.checks_stopped);
}

void Director::on(const CoreArmed&, TimePoint now) {
  const bool still_asked = is_peer_alive(now) && peer_.last().role == Role::handing_over;
  if (state_ == State::preparing && can_serve() && still_asked && !is_on_hold()) {
    take_over("handover", now);
  }
}

void Director::on(const WitnessChanged& event, TimePoint) {
  ability_.set_witness(event.answers);
}

void Director::on(const AddressClaimed& event, TimePoint now) {
  const auto& own = settings_.macs;
  if (settings_.alone || std::find(own.begin(), own.end(), event.mac) != own.end()) {
    return;
  }
  const auto& of_peer = settings_.peer_addresses;
  if (std::find(of_peer.begin(), of_peer.end(), event.address) != of_peer.end()) {
    split_guard_.learn(event.mac, now);
    return;
  }
  if (state_ == State::handing_over) {
    // The successor announces one after the other, and then its heartbeat comes, or is lost.
    const std::vector<Mac> successor = peer_macs();
    const bool same_order = peer_.last().config_digest == settings_.config_digest;
    const bool is_last = settings_.addresses.is_last(event.address) &&
                         (same_order || settings_.addresses.size() == 1);
    if (is_last && std::find(successor.begin(), successor.end(), event.mac) != successor.end()) {
      claimed_until_ = now + settings_.deadtime;
    }
    return;
  }
  // While the peer has told nothing and cannot be asked itself, whoever answers may be it: by one
  // hardware address here, by another on another device.
  if (!settings_.knows_peer && kept_.peer_macs.empty()) {
    split_guard_.learn(event.mac, now);
  }
  const std::vector<Mac> peers = peer_macs();
  const bool is_peers = std::find(peers.begin(), peers.end(), event.mac) != peers.end();
  if (is_peers || (state_ == State::adopting && peers.empty())) {
    split_guard_.answered(now);
  }
  if (holds()) {
    rival_at_ = now;
    see_rival(to_string(event.mac), now);
    return;
  }
  if (!is_peers && !peers.empty() &&
      (!rival_logged_at_ || now >= *rival_logged_at_ + kAlarmPause)) {
    rival_logged_at_ = now;
    log(Level::error, "stranger-holds-address", "",
        {{"address", to_string(event.address)}, {"mac", to_string(event.mac)}});
  }
}

void Director::on(const AddressGone& event, TimePoint now) {
  if (!holds() || !held_.contains(event.address)) {
    return;
  }
  missing_.insert(event.address);
  ++counters_.addresses_restored;
  restore_at_ = restored_at_ ? std::max(now, *restored_at_ + kRestorePause) : now;
  log(Level::warning, "address-removed-by-others", "", {{"address", to_string(event.address)}});
}

void Director::on(const AddressFailed& event, TimePoint now) {
  if (!holds()) {
    return;
  }
  if (event.error.code == ETIME) {
    lose_lease(now);
    return;
  }
  const auto known = refused_.find(event.address);
  const TimePoint since = known == refused_.end() ? now : known->second.since;
  refused_[event.address] = {event.error, since, {}};
  missing_.insert(event.address);
  if (!restore_at_ || *restore_at_ <= now) {
    restore_at_ = now + retry_pause_;
    retry_pause_ = std::min(2 * retry_pause_, kRetryPauseMax);
  }
  if (!failure_logged_at_ || now >= *failure_logged_at_ + kAlarmPause) {
    failure_logged_at_ = now;
    log(Level::error, "address-failed", "",
        {{"address", to_string(event.address)}, {"error", event.error.what}});
  }
}

// It answers here whether we serve or not: beside a peer that serves it is a second holder.
void Director::on(const ForeignAddress& event, TimePoint) {
  if (!event.is_there) {
    foreign_.erase(event.address);
  } else if (foreign_.insert(event.address).second) {
    log(Level::error, "foreign-address", "",
        {{"address", to_string(event.address)}, {"do", "remove it from this machine"}});
  }
}

void Director::on(const Switchover&, TimePoint now) {
  const std::string other = name(is_primary() ? Node::backup : Node::primary);
  const bool is_peer_on_hold = is_peer_alive(now) && (peer_.last().reasons & kHeld) != 0;
  if (settings_.legacy_heartbeats) {
    actions_.push_back(
        Answer{false,
               "Piranha's heartbeats (heartbeat_format = legacy) ask for nothing: stop pulse "
               "on the director that serves, and the other one takes over"});
  } else if (is_on_hold() || is_peer_on_hold) {
    actions_.push_back(Answer{
        false, is_on_hold() ? "this director is held: lvsctl release first"
                            : "the " + other + " director is held: lvsctl release there first"});
  } else if (state_ == State::handing_over || state_ == State::preparing) {
    actions_.push_back(Answer{true, "a handover is under way"});
  } else if (state_ == State::active && can_hand_over(now)) {
    begin_handover(Why::asked, now);
    actions_.push_back(Answer{true, "handing over to the " + other + " director"});
  } else if (state_ == State::active && is_peer_ready(now) &&
             serves_more_than(own_standing(), peer_standing())) {
    switch_until_ = now + kMomentLimit;
    actions_.push_back(Answer{true, "waiting for the " + other + " director to serve as much"});
  } else if (state_ == State::standby && can_serve() && is_peer_alive(now) &&
             peer_.last().role == Role::active) {
    const bool is_worse = serves_more_than(peer_standing(), standing_as_active(now));
    if (is_worse || standing_as_active(now) >= peer_standing()) {
      switch_until_ = now + (is_worse ? kMomentLimit : kAskLimit);
      actions_.push_back(Answer{true, "asked the " + other + " director to hand over"});
    } else {
      actions_.push_back(
          Answer{false, "this director can serve fewer services than the " + other + " one"});
    }
  } else if (state_ == State::active) {
    const std::string why = !is_peer_alive(now)    ? "it is not heard"
                            : !peer_.last().able() ? "it says " + reason_names(peer_.last().reasons)
                                                   : "it can serve fewer services than this one";
    actions_.push_back(Answer{false, "the " + other + " director cannot take over: " + why});
  } else {
    actions_.push_back(Answer{false, "this director is " + std::string(name(state_)) + " (" +
                                         reason_names(reasons_) +
                                         ") and there is nothing to switch now"});
  }
}

void Director::on(const HoldRole& event, TimePoint now) {
  if (settings_.alone) {
    actions_.push_back(Answer{false, "there is no other director: nothing would move"});
    return;
  }
  if (!kept_.hold) {
    kept_.hold = event.hold;
    keep();
    beat_at_ = now;
    log(Level::notice, "hold", "", {{"by", event.hold.by}, {"state", name(state_)}});
  }
  actions_.push_back(Answer{true, "held: this director stays " + std::string(name(state_)) +
                                      (state_ == State::active ? ", and hands nothing over,"
                                                               : ", and does not take over,") +
                                      " until lvsctl release"});
}

void Director::on(const ReleaseRole&, TimePoint now) {
  if (!kept_.hold) {
    actions_.push_back(Answer{true, "this director was not held"});
    return;
  }
  log(Level::notice, "release", "", {{"held_by", kept_.hold->by}, {"state", name(state_)}});
  kept_.hold.reset();
  keep();
  beat_at_ = now;
  actions_.push_back(Answer{true, "released"});
}

void Director::on(const ForceActive&, TimePoint now) {
  if (state_ == State::listening && !is_on_hold() && ability_.has_service_link(settings_, now)) {
    log(Level::notice, "forced", "Forced active on startup");
    take_over("forced", now);
  }
}

void Director::on(const Stop&, TimePoint now) {
  if (state_ == State::stopped) {
    return;
  }
  log(Level::notice, "stop");
  if (state_ == State::handing_over) {
    handover_->why = Why::stop;
  } else if (state_ == State::active && is_peer_ready(now)) {
    begin_handover(Why::stop, now);
  } else {
    finish_stop("stop", now);
  }
}

void Director::on(const Reconfigured& event, TimePoint now) {
  Settings next = event.settings;
  next.node = settings_.node;
  next.cluster_id = settings_.cluster_id;
  next.alone = settings_.alone;
  next.paths = settings_.paths;
  if (next.witness && !settings_.witness) {
    ability_.trust_witness();
  }
  if (next.config_digest != settings_.config_digest) {
    services_settle_at_ = now + kServicesSettle;
  }
  const bool has_other_format = next.legacy_heartbeats != settings_.legacy_heartbeats;
  settings_ = std::move(next);
  if (has_other_format) {
    change_format(now);
  }
  if (!holds()) {
    return;
  }
  FloatingAddresses stay;
  for (const FloatingAddress& address : held_) {
    if (settings_.addresses.contains(address)) {
      stay.push_back(address);
    } else {
      missing_.erase(address.address);
      refused_.erase(address.address);
      actions_.push_back(RemoveAddress{address});
    }
  }
  held_ = std::move(stay);
  if (state_ != State::adopting) {
    add_what_is_not_held();
  }
  renew_addresses(now);
  if (state_ == State::active) {
    announcements_.start(now);
  }
}

}  // namespace lvs::pulse
