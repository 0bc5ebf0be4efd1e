// Moves: the changes of state, each with its actions in the order in which they must be performed,
// and the work that falls due while a state lasts. Taking over: the core is armed before an address
// attracts packets, addresses come before their announcement, commands of the administrator last.
// Standing down: the addresses go first.
#include <algorithm>
#include <iterator>
#include <utility>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

// For arming the core and for adding the addresses: with thousands of services a busy machine takes
// seconds. Nobody is without service meanwhile; but who stops has ten seconds, and then is killed.
constexpr Duration kHandoverLimit = std::chrono::seconds{1};
constexpr Duration kHandoverLimitMax = std::chrono::seconds{8};
constexpr Duration kHandoverLimitOfAddress = std::chrono::milliseconds{3};
constexpr Duration kHandoverPause = std::chrono::seconds{5};
constexpr Duration kRivalLogPause = std::chrono::seconds{10};
constexpr int kGoodbyes = 2;  // UDP may lose one; the second saves the peer a deadtime.

const char* takeover_marker(const std::string& reason, bool is_primary) {
  if (reason == "peer-silent") {
    return "partner dead: activating lvs";
  }
  if (reason == "alone" || reason == "forced" || reason == "handover") {
    return "";
  }
  return is_primary ? "backup inactive: activating lvs" : "primary inactive: activating lvs";
}

Role role_of(State state) {
  switch (state) {
    case State::adopting:
      return Role::adopting;
    case State::active:
      return Role::active;
    case State::handing_over:
      return Role::handing_over;
    case State::listening:
    case State::standby:
    case State::preparing:
    case State::stopped:
      return Role::passive;
  }
  return Role::passive;
}

}  // namespace

void Director::enter(State state, const char* reason, TimePoint now) {
  state_ = state;
  state_since_ = now;
  state_reason_ = reason;
  switch_until_.reset();
  is_armed_ahead_ = is_armed_ahead_ && state == State::standby;
  if (state != State::handing_over) {
    handover_.reset();
  }
  if (state != State::preparing) {
    prepare_until_.reset();
  }
}

void Director::take_over(const char* reason, TimePoint now) {
  const std::string from = name(state_);
  const auto silent = peer_.silent_since();
  if (state_ != State::preparing) {
    actions_.push_back(ArmCore{});
  }
  kept_.term = std::max(kept_.term, peer_.last().term) + 1;
  has_offered_ = has_offered_ || (is_peer_alive(now) && !is_able());
  rest_until_.reset();
  claimed_until_.reset();
  if (is_peer_alive(now) && serves_more_than(standing_as_active(now), peer_standing())) {
    rest_until_ = now + kServicesRest;
    rest_unless_above_ = *peer_standing().unserved;
  }
  is_receiving_ = is_peer_alive(now) && peer_.last().role == Role::handing_over;
  held_.clear();
  to_add_.clear();
  to_renew_.clear();
  is_changing_ = false;
  if (!settings_.alone) {
    lease_.start(now, Lease::length(settings_.deadtime));
  }
  add_what_is_not_held();
  enter(State::active, reason, now);
  announcements_.start(now);
  announce_addresses(now);
  is_receiving_ = is_receiving(now);
  split_guard_.begin_again();
  caches_doubtful_ = false;
  failback_held_ = false;
  ++counters_.takeovers;
  send_heartbeat(now);
  keep();
  run(settings_.active_cmd);
  log(Level::notice, "takeover", takeover_marker(reason, is_primary()),
      {{"from", from},
       {"to", "active"},
       {"reason", reason},
       {"term", std::to_string(kept_.term)},
       {"silent_ms", std::to_string(to_ms(now - silent).count())}});
}

// Adopting has turned out to be right. The world has seen no change, so no command runs.
void Director::confirm(const char* reason, TimePoint now) {
  enter(State::active, reason, now);
  add_what_is_not_held();
  renew_addresses(now);
  announcements_.start(now);
  announce_addresses(now);
  send_heartbeat(now);
  keep();
  log(Level::notice, "adopted", "",
      {{"from", "adopting"},
       {"to", "active"},
       {"reason", reason},
       {"term", std::to_string(kept_.term)}});
}

Duration Director::handover_limit() const {
  const auto of_addresses = static_cast<int>(settings_.addresses.size()) * kHandoverLimitOfAddress;
  return std::clamp<Duration>(of_addresses, kHandoverLimit, kHandoverLimitMax);
}

void Director::prepare(TimePoint now) {
  enter(State::preparing, "peer-hands-over", now);
  prepare_until_ = now + handover_limit();
  actions_.push_back(ArmCore{});
  log(Level::notice, "prepare", "", {{"from", "standby"}, {"to", "preparing"}});
}

void Director::begin_handover(Why why, TimePoint now) {
  const bool for_services = why == Why::unable && serves_more_than(peer_standing(), own_standing());
  constexpr uint32_t kSeen = kNoServiceLink | kServiceLinkDown | kNoWay | kAddressFailed;
  const bool for_servers = for_services && (reasons_ & kSeen) == 0;
  const char* reason = why == Why::stop    ? "stop"
                       : why == Why::asked ? "asked"
                       : for_servers       ? "servers-fail-here-alone"
                                           : "not-able";
  if (for_services) {
    failback_rest_until_ = now + kServicesRest;
  }
  enter(State::handing_over, reason, now);
  claimed_until_.reset();
  handover_ = Handover{why, now + handover_limit()};
  fall_silent();
  failback_held_ = why == Why::asked;
  send_heartbeat(now);
  log(Level::notice, "handover", "",
      {{"from", "active"}, {"to", "handing-over"}, {"reason", reason}});
}

void Director::resume_active(const char* reason, TimePoint now) {
  enter(State::active, reason, now);
  handover_pause_until_ = now + kHandoverPause;
  announcements_.start(now);  // The peer may have begun to take over.
  send_heartbeat(now);
  log(Level::warning, "handover-failed", "",
      {{"from", "handing-over"}, {"to", "active"}, {"reason", reason}});
}

void Director::stand_down(const char* reason, TimePoint now) {
  const std::string from = name(state_);
  let_go_of_addresses();
  actions_.push_back(DisarmCore{});
  enter(State::standby, reason, now);
  if (!ability_.has_service_link(settings_, now)) {
    peer_.listen_from(now);
  }
  refresh_ability(now);
  ++counters_.standdowns;
  turn_.let_go(now);
  if (settings_.legacy_heartbeats && std::string_view(reason) == "peer-active") {
    actions_.push_back(SendWord{Word::running});  // The last one: Piranha's primary announces.
  }
  send_heartbeat(now);
  run(settings_.inactive_cmd);
  log(Level::notice, "standdown",
      std::string_view(reason) == "peer-active" ? "partner active: deactivating LVS" : "",
      {{"from", from}, {"to", "standby"}, {"reason", reason}});
}

// We were away for longer than our addresses were ours: the peer may hold them, and what it said
// before tells nothing any more.
void Director::lose_lease(TimePoint now) {
  ++counters_.leases_lost;
  stand_down("lease-lost", now);
  peer_.listen_from(now);
  distrust_until_ = now + settings_.keepalive;
}

void Director::finish_stop(const char* reason, TimePoint now) {
  const bool held = holds();
  let_go_of_addresses();
  actions_.push_back(DisarmCore{});
  enter(State::stopped, reason, now);
  for (int i = 0; i < kGoodbyes; ++i) {
    send_heartbeat(now);
  }
  if (held) {
    run(settings_.inactive_cmd);
  }
  log(Level::notice, "stopped");
  actions_.push_back(Exit{});
}

void Director::run(const std::string& command) {
  if (!command.empty()) {
    actions_.push_back(RunCommand{command});
  }
}

void Director::tell_role() {
  const auto notice = this->notice();
  if (started_ && notice && notice != told_) {
    told_ = notice;
    actions_.push_back(TellRole{*notice});
  }
}

// Nothing: as told last. That lvsd has not answered yet is no fault, nor is it known yet what
// becomes of addresses that were found.
std::optional<Notice> Director::notice() const {
  switch (state_) {
    case State::active:
    case State::handing_over:
      return Notice::master;
    case State::stopped:
      return Notice::stop;
    case State::adopting:
      return std::nullopt;
    case State::listening:
    case State::standby:
    case State::preparing:
      return (reasons_ & ~kLvsdStarting) == 0 ? Notice::backup : Notice::fault;
  }
  return std::nullopt;
}

void Director::let_go_of_addresses() {
  for (const FloatingAddress& address : held_) {
    actions_.push_back(RemoveAddress{address});
  }
  held_.clear();
  to_add_.clear();
  to_renew_.clear();
  is_changing_ = false;
  is_receiving_ = false;
  missing_.clear();
  refused_.clear();
  restore_at_.reset();
  lease_.drop();
  fall_silent();
}

void Director::add_what_is_not_held() {
  to_add_.clear();
  std::ranges::copy_if(settings_.addresses, std::back_inserter(to_add_),
                       [&](const auto& address) { return !held_.contains(address.address); });
  change_next_part();
}

// Thousands take a busy machine half a second, and by IPv6 several: until then heartbeats would go
// unanswered, and the client of the first be as far from us as that of the last.
void Director::change_next_part() {
  if (is_changing_) {
    return;
  }
  if (!to_renew_.empty()) {
    renew_next_part();
  } else if (!to_add_.empty()) {
    add_next_part();
  }
}

void Director::add_next_part() {
  const auto end =
      to_add_.begin() + static_cast<ptrdiff_t>(std::min(to_add_.size(), settings_.added_at_once));
  std::vector<FloatingAddress> part(to_add_.begin(), end);
  to_add_.erase(to_add_.begin(), end);
  is_changing_ = true;
  for (const FloatingAddress& address : part) {
    held_.push_back(address);
    if (state_ == State::active) {
      announce_queue_.push_first(address.address);
    }
  }
  add(std::move(part));
}

// As long as a predecessor that hands over has to serve for us. Refusals of the kernel are told
// before it is done.
bool Director::is_receiving(TimePoint now) const {
  return is_receiving_ && (is_changing_ || !to_add_.empty() || announce_queue_.has_first()) &&
         is_peer_alive(now) && peer_.last().role == Role::handing_over;
}

// For a whole lease, as one that is renewed now: it may outlast those before it, but no heartbeat
// that was sent by now.
void Director::add(std::vector<FloatingAddress> addresses) {
  if (addresses.empty()) {
    return;
  }
  AddAddresses action{std::move(addresses), {}, {}};
  if (!settings_.alone) {
    action.lifetime = Lease::length(settings_.deadtime);
    action.perform_before = lease_.end();
  }
  actions_.push_back(std::move(action));
}

// Questions first: their answers are waited for from now on.
void Director::do_due_work(TimePoint now) {
  if (!settings_.alone) {
    probe(now);
  }
  if (holds() && lease_.is_renewal_due(now)) {
    renew_addresses(now);
  }
  if (holds() && restore_at_ && now >= *restore_at_) {
    restore_addresses(now);
  }
  if (holds()) {
    change_next_part();
  }
  const auto announce_at = next_announcement(now);
  if (announce_at && now >= *announce_at) {
    announce_addresses(now);
  }
  announce_whose_turn_it_is(now);
  if (settings_.alone) {
    return;
  }
  if (is_receiving_ && !is_receiving(now)) {
    is_receiving_ = false;
    beat_at_ = now;
  }
  if (beat_at_ && now >= *beat_at_) {
    send_heartbeat(now);
  }
}

// What a round before has not reached yet is renewed first.
void Director::renew_addresses(TimePoint now) {
  if (settings_.alone) {
    return;
  }
  const auto old_end = lease_.end();
  lease_.start(now, Lease::length(settings_.deadtime));
  if (!to_renew_.empty()) {
    return;
  }
  renew_before_ = old_end;
  to_renew_.assign(held_.begin(), held_.end());
  change_next_part();
}

// One that went in the meantime is not renewed, which would add it.
void Director::renew_next_part() {
  RenewAddresses action{{}, Lease::length(settings_.deadtime), renew_before_};
  while (!to_renew_.empty() && action.addresses.size() < settings_.added_at_once) {
    const FloatingAddress& next = to_renew_.front();
    if (held_.contains(next) && !missing_.contains(next.address)) {
      action.addresses.push_back(next);
    }
    to_renew_.pop_front();
  }
  renew_before_ = lease_.end();
  if (!action.addresses.empty()) {
    is_changing_ = true;
    actions_.push_back(std::move(action));
  }
}

void Director::restore_addresses(TimePoint now) {
  const std::set<Address> missing = std::move(missing_);
  missing_.clear();
  restore_at_.reset();
  restored_at_ = now;
  for (const Address& address : missing) {
    if (const auto refused = refused_.find(address); refused != refused_.end()) {
      refused->second.tried_at = now;
    }
  }
  std::vector<FloatingAddress> again;
  std::ranges::copy_if(held_, std::back_inserter(again), [&](const FloatingAddress& address) {
    return missing.contains(address.address);
  });
  add(again);
  if (state_ == State::active) {
    for (const FloatingAddress& address : again) {
      actions_.push_back(Announce{address});
    }
  }
}

void Director::announce_addresses(TimePoint now) {
  const bool is_first = announcements_.is_first();
  for (const FloatingAddress& address : held_) {
    if (is_first) {
      announce_queue_.push_first(address.address);
    } else {
      announce_queue_.push_again(address.address);
    }
  }
  announce_whose_turn_it_is(now);
  if (announcements_.sent(now)) {
    log(Level::info, "announced", "gratuitous lvs arps finished");
  }
}

void Director::fall_silent() {
  announcements_.stop();
  announce_queue_.clear();
}

void Director::announce_whose_turn_it_is(TimePoint now) {
  for (const Address& address : announce_queue_.due(now)) {
    if (const FloatingAddress* held = held_.find(address)) {
      actions_.push_back(Announce{*held});
    }
  }
}

std::optional<TimePoint> Director::next_announcement(TimePoint now) const {
  if (announcements_.next() || settings_.alone || is_peer_alive(now)) {
    return announcements_.next();
  }
  return announcements_.refresh_at();
}

void Director::see_rival(const std::string& who, TimePoint now) {
  ++counters_.rivals_seen;
  if (state_ != State::adopting) {
    announcements_.start_again(now);
  }
  if (!rival_logged_at_ || now >= *rival_logged_at_ + kRivalLogPause) {
    rival_logged_at_ = now;
    log(Level::warning, "rival", state_ == State::adopting ? "" : "partner active: resending arps",
        {{"seen_by", who}});
  }
}

void Director::probe(TimePoint now) {
  const bool asks = state_ == State::adopting ? asks_who_claims(now)
                    : holds()                 ? suspects_rival(now)
                                              : !peer_.said_goodbye();
  const TimePoint next = state_ == State::adopting
                             ? split_guard_.next_adoption_probe(settings_.deadtime).value_or(now)
                             : split_guard_.next_probe(peer_.silent_since(), settings_.deadtime);
  if (!asks || !settings_.split_guard || now < next) {
    return;
  }
  const std::vector<Mac> macs = peer_macs();
  const bool is_first = split_guard_.is_first_of(peer_.silent_since());
  split_guard_.probed(now);
  if (is_first || macs.empty()) {
    ask_everybody();
    return;
  }
  for (const FloatingAddress& address : probed_addresses()) {
    for (const Mac& mac : macs) {
      actions_.push_back(ProbeAddress{address, mac});
    }
  }
}

// The peer's own addresses first: by their answers it is known who answers for the others.
void Director::ask_everybody() {
  std::set<std::string> devices;
  for (const FloatingAddress& address : probed_addresses()) {
    devices.insert(address.device);
  }
  for (const std::string& device : devices) {
    for (const Address& address : settings_.peer_addresses) {
      actions_.push_back(ProbeAddress{{address, device, "", {}}, {}});
    }
  }
  for (const FloatingAddress& address : probed_addresses()) {
    actions_.push_back(ProbeAddress{address, {}});
  }
}

std::span<const FloatingAddress> Director::probed_addresses() const {
  return settings_.addresses.first(kProbedAddressesMax);
}

Heartbeat Director::heartbeat() {
  Heartbeat h;
  h.node = settings_.node;
  h.role = is_receiving_ ? Role::passive : role_of(state_);
  h.goodbye = state_ == State::stopped;
  h.asking = is_asking_;
  h.cluster_id = settings_.cluster_id;
  h.my_incarnation = incarnation_;
  h.your_incarnation = peer_.incarnation();
  h.sequence = ++sequence_;
  h.your_sequence = peer_.sequence();
  h.term = kept_.term;
  h.reasons = reasons_;
  const bool stopping = handover_ && handover_->why == Why::stop;
  if (state_ == State::stopped || stopping) {
    h.reasons |= kStopping;
  }
  if (is_on_hold()) {
    h.reasons |= kHeld;
  }
  h.config_serial = settings_.config_serial;
  h.config_digest = settings_.config_digest;
  h.unserved = own_standing().unserved;
  if (h.unserved && !holds()) {
    h.failing = services_.failing;
    h.uncheckable = named_among(services_.uncheckable);
    h.recovered = named_among(services_.recovered);
  }
  h.macs = settings_.macs;
  return h;
}

void Director::send_heartbeat(TimePoint now) {
  if (settings_.alone) {
    return;
  }
  ++counters_.beats_sent;
  beat_at_ = now + settings_.keepalive;
  if (settings_.legacy_heartbeats) {
    actions_.push_back(SendWord{word_of(role_of(state_))});
    return;
  }
  actions_.push_back(SendHeartbeat{heartbeat(), {}});
}

void Director::keep() {
  actions_.push_back(Keep{kept_});
}

void Director::log(Level level, const char* event, const char* marker,
                   std::vector<std::pair<std::string, std::string>> fields) {
  actions_.push_back(LogEvent{level, event, marker, std::move(fields)});
}

}  // namespace lvs::pulse
