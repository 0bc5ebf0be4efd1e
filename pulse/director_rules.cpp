// Rules: what follows from the state, from what is known of the peer and of ourselves, and from the
// time. They are looked at after every event, so no event can be missed for having come too early.
#include <algorithm>
#include <bit>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

constexpr Duration kDisbeliefLogPause = std::chrono::seconds{10};
// After a preparation that came to nothing: not again on whatever comes next.
constexpr Duration kPreparePause = std::chrono::seconds{1};
// The kernel refuses an address at once.
constexpr Duration kAnswerPatience = std::chrono::milliseconds{10};

bool is_among(ServiceId id, const std::vector<ServiceId>& ids) {
  return std::ranges::find(ids, id) != ids.end();
}

}  // namespace

void Director::apply_rules(TimePoint now) {
  refresh_ability(now);
  refresh_services(now);
  refresh_asking(now);
  refresh_belief(now);
  for (const size_t path : peer_.refresh_paths(now, settings_.deadtime)) {
    const bool alive = peer_.paths()[path].alive;
    log(alive ? Level::info : Level::warning, alive ? "path-alive" : "path-dead", "",
        {{"path", settings_.paths[path]}});
  }
  switch (state_) {
    case State::listening:
    case State::standby:
      rule_passive(now);
      refresh_arming_ahead(now);
      break;
    case State::preparing:
      rule_preparing(now);
      break;
    case State::adopting:
      rule_adopting(now);
      break;
    case State::active:
      rule_active(now);
      break;
    case State::handing_over:
      rule_handing_over(now);
      if (state_ == State::active) {
        rule_active(now);  // Nothing may have held but that it was handing over.
      }
      break;
    case State::stopped:
      break;
  }
}

Standing Director::own_standing() const {
  return {.reasons = reasons_,
          .unserved = unserved_,
          .config_digest = settings_.config_digest,
          .services = settings_.services,
          .recovered = static_cast<uint16_t>(holds() ? 0 : services_.recovered.size()),
          .served_somebody = holds() && served_somebody_};
}

Standing Director::standing_of(const Heartbeat& peer) const {
  return {.reasons = peer.reasons,
          .unserved = peer.unserved,
          .config_digest = peer.config_digest,
          .services = settings_.services,
          .excused = excused(peer),
          .recovered = static_cast<uint16_t>(std::popcount(peer.recovered)),
          .served_somebody = peer.role == Role::active && peer_served_somebody_};
}

// As it would be if it served.
Standing Director::standing_as_active(TimePoint now) const {
  Standing standing = own_standing();
  if (const Unserved known = unserved_with(services_.failing_if_active, now)) {
    standing.unserved = known;
  }
  return standing;
}

// What the peer counts as failing is not held against it where this director, which serves, is not
// sure that it does not fail here, unless it failed there alone for long; nor what it cannot check,
// or what failed there by chance, unless it does fail here: what nobody sees to be served there is
// no reason to move.
uint16_t Director::excused(const Heartbeat& peer) const {
  if (!holds()) {
    return 0;
  }
  const bool is_each_told = services_.certain.size() == services_.failing_if_active.value_or(0);
  uint16_t excused = 0;
  for (size_t i = 0; i < peer.failing.size(); ++i) {
    const ServiceId id = peer.failing[i];
    const bool may_fail_for_both = is_among(id, services_.doubtful) && !peers_own_failures_.has(id);
    const bool may_pass_there = peer.is_uncheckable(i) || peer.has_recovered(i);
    const bool passes_here = is_each_told && !is_among(id, services_.certain);
    excused += may_fail_for_both || (may_pass_there && passes_here) ? 1 : 0;
  }
  return excused;
}

// Of those that are named to the peer, by their place.
uint64_t Director::named_among(const std::vector<ServiceId>& services) const {
  uint64_t bits = 0;
  for (size_t i = 0; i < std::min(services_.failing.size(), kFailingNamedMax); ++i) {
    bits |= is_among(services_.failing[i], services) ? uint64_t{1} << i : 0;
  }
  return bits;
}

// Beside those that fail, what else this director cannot serve.
Unserved Director::unserved_with(Unserved failing, TimePoint now) const {
  const bool is_settled = !services_settle_at_ || now >= *services_settle_at_;
  if (!failing || !is_settled) {
    return std::nullopt;
  }
  const unsigned all = *failing + ability_.services_without_link(settings_, now) +
                       ((reasons_ & kNoWay) != 0 ? services_.cut : 0U) +
                       ((reasons_ & kAddressFailed) != 0 ? 1U : 0U);
  return static_cast<uint16_t>(std::min<unsigned>(all, settings_.services));
}

void Director::refresh_services(TimePoint now) {
  const Unserved before = unserved_;
  unserved_ =
      unserved_with(holds() ? services_.failing_if_active : services_.failing_if_standby, now);
  if (unserved_) {
    served_somebody_ = !own_standing().serves_nobody();
    served_nobody_until_.reset();
    if (settings_.services != 0 && !served_somebody_) {
      served_nobody_until_ = now + kNobodyKept;
    }
  } else if (!holds() && served_nobody_until_ && now < *served_nobody_until_) {
    unserved_ = settings_.services;
  }
  if (unserved_ == before) {
    return;
  }
  beat_at_ = now;
  if (unserved_.value_or(0) != before.value_or(0)) {
    const auto text = [](Unserved count) { return count ? std::to_string(*count) : "unknown"; };
    // What a standby's checks miss now and then is nothing to remember.
    log(holds() ? Level::notice : Level::info, "unserved-services", "",
        {{"from", text(before)}, {"to", text(unserved_)}});
  }
}

void Director::refresh_ability(TimePoint now) {
  const uint32_t before = reasons_;
  const bool was_deaf = is_deaf_;
  forget_what_succeeded(now);
  ability_.set_patience(holds() ? settling_time(settings_) : Duration{0});
  reasons_ = ability_.reasons(settings_, now);
  fitness_ = ability_.fitness(settings_, now);
  is_deaf_ = ability_.are_all_down(settings_.heartbeat_devices, now);
  has_let_go_ = has_let_go_ && (reasons_ & kServiceLinkDown) != 0;
  has_offered_ = has_offered_ && !is_able();
  if (is_able() && !able_since_) {
    able_since_ = now;
  } else if (!is_able()) {
    able_since_.reset();
  }
  // Silence until now says nothing about the peer.
  const bool has_service_link_again = (before & ~reasons_ & kNoServiceLink) != 0;
  if (!holds() && ((was_deaf && !is_deaf_) || has_service_link_again)) {
    peer_.listen_from(now);
  }
  if (reasons_ == before) {
    return;
  }
  constexpr uint32_t kLinks = kLinkDown | kNoServiceLink;
  const char* marker = "";
  if ((reasons_ & kLinks) != 0 && (before & kLinks) == 0) {
    marker = "Local NIC link failure: Pulse disabled";
  } else if ((reasons_ & kLinks) == 0 && (before & kLinks) != 0) {
    marker = "Local NIC link(s) restored: Pulse enabled";
  }
  log(Level::notice, "ability", marker,
      {{"from", reason_names(before)}, {"to", reason_names(reasons_)}});
  beat_at_ = now;
}

// An address that somebody else holds here does answer; to move it would make a second holder.
void Director::forget_what_succeeded(TimePoint now) {
  std::optional<TimePoint> since;
  for (auto each = refused_.begin(); each != refused_.end();) {
    const RefusedAddress& refused = each->second;
    if (refused.tried_at && now >= *refused.tried_at + kAnswerPatience) {
      each = refused_.erase(each);
      continue;
    }
    if (!refused.is_foreign() && (!since || refused.since < *since)) {
      since = refused.since;
    }
    ++each;
  }
  if (refused_.empty()) {
    retry_pause_ = kRetryPauseMin;
  }
  ability_.set_refused_since(since);
}

void Director::refresh_asking(TimePoint now) {
  if (switch_until_ && now >= *switch_until_) {
    switch_until_.reset();
    log(Level::warning, "switchover-failed", "",
        {{"state", name(state_)},
         {"reason", holds() ? "the peer serves fewer services" : "the peer did not hand over"}});
  }
  const bool asking =
      (state_ == State::standby && switch_until_.has_value()) || wants_failback(now);
  if (asking != is_asking_) {
    is_asking_ = asking;
    beat_at_ = now;
  }
}

// For what this director cannot check, or fails by chance, it asks all the same: the peer knows
// whether it matters.
bool Director::wants_failback(TimePoint now) const {
  Standing own = own_standing();
  own.excused = static_cast<uint16_t>(services_.uncheckable.size() + services_.recovered.size());
  return settings_.failback.enabled && is_primary() && !failback_held_ && !is_on_hold() &&
         state_ == State::standby && able_since_ &&
         (!failback_rest_until_ || now >= *failback_rest_until_) &&
         now >= *able_since_ + settings_.failback.able_for && is_peer_alive(now) &&
         peer_.last().role == Role::active && own >= peer_standing();
}

bool Director::is_silent(TimePoint now) const {
  return now >= peer_.silent_since() + settings_.deadtime;
}

// A pair that boots together: the backup gives the primary's lvsd, and its witness, time to answer.
bool Director::is_peer_starting(TimePoint now) const {
  const uint32_t reasons = peer_.last().reasons;
  return !is_primary() && (reasons & kLvsdStarting) != 0 &&
         fitness_of(reasons & ~(kLvsdStarting | kNoWitness)) >= fitness_ &&
         now < peer_.listening_since() + settings_.deadtime;
}

// Why an able director that holds nothing should hold the addresses now; nothing: it should not.
const char* Director::reason_to_take_over(TimePoint now) const {
  if (is_distrusting(now)) {
    return nullptr;
  }
  if (peer_.said_goodbye()) {
    return "peer-goodbye";
  }
  if (is_silent(now)) {
    return is_silence_evidence() ? "peer-silent" : nullptr;
  }
  const bool may_be_long_past = news_settle_at_ && now < *news_settle_at_;
  if (!is_peer_alive(now) || peer_.last().role != Role::passive || may_be_long_past ||
      is_claimed(now)) {
    return nullptr;
  }
  if (settings_.legacy_heartbeats) {
    return now >= legacy_turn().value_or(now + settings_.keepalive) ? "peer-passive" : nullptr;
  }
  if (peer_standing() < own_standing()) {
    return is_peer_starting(now) ? nullptr : "peer-not-able";
  }
  return is_primary() && peer_standing() == own_standing() ? "peer-passive" : nullptr;
}

// Without a witness it may be we who are cut off; unless the peer had none either. A peer that we
// cannot even address or hear, or that we let go for, is silent whatever it does: then only its
// segment can tell.
bool Director::is_silence_evidence() const {
  const bool is_deaf = is_deaf_ && !settings_.monitored_devices.empty();
  if ((!settings_.knows_peer || is_deaf || has_let_go_) && !settings_.split_guard) {
    return false;
  }
  return (reasons_ & kNoWitness) == 0 ||
         (peer_.heard_at() && (peer_.last().reasons & kNoWitness) != 0);
}

void Director::rule_passive(TimePoint now) {
  if (state_ == State::listening && is_peer_alive(now)) {
    enter(State::standby, "peer-heard", now);
  }
  if (!can_serve()) {
    return;
  }
  if (is_peer_alive(now) && peer_.last().role == Role::handing_over && !is_on_hold()) {
    if (!prepare_pause_until_ || now >= *prepare_pause_until_) {
      prepare(now);
    }
    return;
  }
  const char* reason = reason_to_take_over(now);
  const char* why_not = reason == nullptr ? nullptr
                        : is_on_hold()    ? "held"
                        : is_silent(now)  ? doubt(now)
                                          : nullptr;
  if (reason == nullptr || why_not == nullptr) {
    doubt_logged_ = is_silent(now) ? doubt_logged_ : "";
    if (reason != nullptr) {
      take_over(reason, now);
    }
    return;
  }
  if (doubt_logged_ != why_not) {
    doubt_logged_ = why_not;
    if (is_on_hold()) {
      log(Level::error, "held-back", "", {{"reason", reason}, {"action", "stay-passive"}});
      return;
    }
    ++counters_.vetoes;
    log(Level::error, "split-guard", "", {{"reason", why_not}, {"action", "stay-passive"}});
  }
}

// Clients wait for the core too. Nothing comes to it before the addresses do.
void Director::refresh_arming_ahead(TimePoint now) {
  if (state_ != State::listening && state_ != State::standby) {
    return;
  }
  const bool expects = expects_silence(now);
  if (!expects && is_armed_ahead_) {
    is_armed_ahead_ = false;
    ahead_pause_until_ = now + kAheadPause;
    actions_.push_back(ArmAhead{false});
  } else if (expects && !is_armed_ahead_ && (!ahead_pause_until_ || now >= *ahead_pause_until_)) {
    is_armed_ahead_ = true;
    actions_.push_back(ArmAhead{true});
  }
}

bool Director::expects_silence(TimePoint now) const {
  return can_serve() && !is_on_hold() && !is_distrusting(now) && now >= arms_ahead_at() &&
         is_silence_evidence() && doubt(now) == nullptr;
}

TimePoint Director::arms_ahead_at() const {
  return peer_.silent_since() + settings_.deadtime -
         std::min<Duration>(settings_.deadtime / 3, kAheadMax);
}

// The peer is silent, yet may serve. That its kernel holds the address keeps us passive for as long
// as it does. That its machine lives says nothing of its role; it only makes the backup wait until
// an able primary, which does not wait, would have been found holding the address.
const char* Director::doubt(TimePoint now) const {
  if (!settings_.split_guard || peer_.said_goodbye()) {
    return nullptr;
  }
  const auto veto = split_guard_.veto_until(settings_.deadtime);
  if (veto && now < *veto) {
    return "peer-holds-address";
  }
  return does_peer_live_unheard(now) ? "peer-lives-unheard" : nullptr;
}

bool Director::does_peer_live_unheard(TimePoint now) const {
  const TimePoint end =
      peer_.silent_since() + settings_.deadtime + SplitGuard::freshness(settings_.deadtime);
  const auto machine_lives_until = split_guard_.machine_lives_until(settings_.deadtime);
  const bool lives =
      !settings_.knows_peer || disbelief_.cause(now, settings_.deadtime) ||
      (state_ == State::listening && machine_lives_until && now < *machine_lives_until);
  return !is_primary() && now < end && lives;
}

bool Director::stays_beside_a_rival() const {
  return is_primary() ? !backup_stays(own_standing(), peer_standing())
                      : backup_stays(peer_standing(), own_standing());
}

// Heartbeats cannot tell us whether the peer holds our addresses too: its answers can.
bool Director::suspects_rival(TimePoint now) const {
  return state_ == State::active && !is_primary() && settings_.split_guard && !is_peer_alive(now) &&
         rival_at_ && now < *rival_at_ + settings_.deadtime;
}

// What was found may never have been announced, and clients go on asking a peer that is dead. Whom
// a living peer's heartbeats do not reach is told by its kernel that the addresses are there too;
// without carrier on each link nobody could tell.
bool Director::asks_who_claims(TimePoint now) const {
  return state_ == State::adopting && settings_.split_guard && !is_peer_alive(now) &&
         !is_distrusting(now) && (reasons_ & kNoWitness) == 0 &&
         ability_.links_down(settings_).empty();
}

void Director::refresh_belief(TimePoint now) {
  const auto cause = is_peer_alive(now) ? std::nullopt : disbelief_.cause(now, settings_.deadtime);
  if (cause == disbelieved_) {
    return;
  }
  disbelieved_ = cause;
  if (cause && (!disbelief_logged_at_ || now >= *disbelief_logged_at_ + kDisbeliefLogPause)) {
    disbelief_logged_at_ = now;
    log(Level::error, "peer-not-believed", "",
        {{"cause", name(*cause)}, {"do", Disbelief::advice(*cause)}});
  }
}

void Director::rule_preparing(TimePoint now) {
  const bool abandoned = is_peer_alive(now) &&
                         (peer_.last().role == Role::active || peer_.last().role == Role::adopting);
  if (!can_serve() || is_on_hold() || abandoned || now >= *prepare_until_) {
    prepare_pause_until_ = now + kPreparePause;
    actions_.push_back(DisarmCore{});
    enter(State::standby,
          !can_serve()   ? "not-able"
          : is_on_hold() ? "held"
          : abandoned    ? "peer-active"
                         : "core-not-armed",
          now);
    return;
  }
  if (const char* reason = reason_to_take_over(now)) {
    take_over(reason, now);
  }
}

void Director::rule_adopting(TimePoint now) {
  if (!ability_.has_service_link(settings_, now)) {
    stand_down("no-carrier", now);
    return;
  }
  if (is_distrusting(now)) {
    split_guard_.begin_again();  // Answers may wait unread.
    return;
  }
  if (is_silent(now) || peer_.said_goodbye()) {
    confirm(peer_.said_goodbye() ? "peer-goodbye" : "peer-silent", now);
    return;
  }
  if (!is_peer_alive(now)) {
    if (asks_who_claims(now) && split_guard_.is_unclaimed(now, settings_.deadtime)) {
      confirm("unclaimed", now);
    }
    return;
  }
  const Heartbeat& last = peer_.last();
  if (last.role == Role::passive) {
    confirm("peer-passive", now);
  } else if (last.term > kept_.term) {
    stand_down("peer-active-with-higher-term", now);
  } else if (is_primary() || (last.role == Role::adopting && last.term < kept_.term)) {
    confirm("peer-yields", now);
  } else {
    stand_down("peer-active", now);
  }
}

// A rival that is heard is dealt with where it is heard, in on_news().
void Director::rule_active(TimePoint now) {
  if (settings_.alone) {
    return;
  }
  if (!ability_.has_service_link(settings_, now)) {
    stand_down("no-carrier", now);
    return;
  }
  if (suspects_rival(now) && split_guard_.is_certain()) {
    stand_down("peer-holds-address", now);
    peer_.listen_from(now);  // Even a goodbye has been overtaken by what the segment shows.
    return;
  }
  if (is_cut_off(now) && !has_let_go_ && !is_on_hold()) {
    has_let_go_ = true;
    stand_down("cut-off", now);
    peer_.listen_from(now);
    return;
  }
  if (wants_to_offer(now)) {
    has_offered_ = true;
    stand_down("not-able", now);
    return;
  }
  if (is_on_hold() || !can_hand_over(now) ||
      (handover_pause_until_ && now < *handover_pause_until_)) {
    return;
  }
  const bool may_follow = peer_rose_at_ && now < *peer_rose_at_ + settling_time(settings_);
  if (peer_standing() > own_standing() && !may_follow && !is_resting(now)) {
    begin_handover(Why::unable, now);
  } else if ((peer_.last().asking && can_serve()) || switch_until_) {
    begin_handover(Why::asked, now);
  }
}

// The service came here for servers that failed on the other director. It does not go back for the
// like of it, until more of them fail here than did there.
bool Director::is_resting(TimePoint now) const {
  return rest_until_ && now < *rest_until_ && serves_more_than(peer_standing(), own_standing()) &&
         *unserved_ <= rest_unless_above_;
}

// Part of the clients cannot be served for want of a link, and the peer, which may be whole, can
// neither be heard nor told for want of links too: it hears nothing, and sees us answer where we
// still can. Letting go lets it serve; if nobody does within a deadtime, we do again.
bool Director::is_cut_off(TimePoint now) const {
  return (reasons_ & kServiceLinkDown) != 0 && is_silent(now) && is_deaf_;
}

// For a handover.
bool Director::is_peer_ready(TimePoint now) const {
  return !settings_.legacy_heartbeats && is_peer_alive(now) && peer_.last().role == Role::passive &&
         peer_standing().can_serve();
}

bool Director::can_hand_over(TimePoint now) const {
  return is_peer_ready(now) && peer_standing() >= own_standing();
}

void Director::rule_handing_over(TimePoint now) {
  const bool stopping = handover_->why == Why::stop;
  if (!ability_.has_service_link(settings_, now)) {
    stand_down("no-carrier", now);
  } else if (is_claimed(now) || (is_peer_alive(now) && holds_addresses(peer_.last().role))) {
    stand_down("handed-over", now);
  } else if (now < handover_->until && is_peer_ready(now)) {
    return;
  } else if (!stopping) {
    resume_active("peer-did-not-take-over", now);
    return;
  }
  if (stopping) {
    finish_stop("stop", now);
  }
}

std::optional<TimePoint> Director::next_deadline(TimePoint now) const {
  std::optional<TimePoint> next;
  const auto consider = [&](const std::optional<TimePoint>& at) {
    if (at && *at > now && (!next || *at < *next)) {
      next = at;
    }
  };
  if (!started_ || state_ == State::stopped) {
    return std::nullopt;
  }
  consider(beat_at_);
  consider(lease_.renew_at());
  consider(lease_.end());
  consider(restore_at_);
  consider(next_announcement(now));
  consider(announce_queue_.wake_at());
  consider(ability_.next_change(settings_, now));
  consider(services_settle_at_);
  if (settings_.alone) {
    return next;
  }
  consider(distrust_until_);
  consider(news_settle_at_);
  consider(legacy_turn());
  if (peer_rose_at_) {
    consider(*peer_rose_at_ + settling_time(settings_));
  }
  if ((reasons_ & kServiceLinkDown) != 0) {
    consider(peer_.silent_since() + settings_.deadtime);
  }
  consider(switch_until_);
  consider(prepare_until_);
  consider(prepare_pause_until_);
  consider(handover_pause_until_);
  consider(rest_until_);
  consider(claimed_until_);
  consider(failback_rest_until_);
  if (handover_) {
    consider(handover_->until);
  }
  if (settings_.failback.enabled && able_since_) {
    consider(*able_since_ + settings_.failback.able_for);
  }
  consider(next_question(now));
  if (state_ != State::active) {
    const TimePoint deadline = peer_.silent_since() + settings_.deadtime;
    consider(deadline);
    consider(arms_ahead_at());
    consider(ahead_pause_until_);
    consider(deadline + SplitGuard::freshness(settings_.deadtime));
    consider(disbelief_.until(settings_.deadtime));
    consider(split_guard_.machine_lives_until(settings_.deadtime));
    consider(peer_.listening_since() + settings_.deadtime);
    consider(split_guard_.veto_until(settings_.deadtime));
  }
  return next;
}

// To the segment.
std::optional<TimePoint> Director::next_question(TimePoint now) const {
  if (asks_who_claims(now)) {
    return split_guard_.next_adoption_probe(settings_.deadtime);
  }
  const bool asks = holds() ? suspects_rival(now) : settings_.split_guard;
  return asks ? std::optional(split_guard_.next_probe(peer_.silent_since(), settings_.deadtime))
              : std::nullopt;
}

}  // namespace lvs::pulse
