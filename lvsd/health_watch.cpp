#include "lvsd/health_watch.h"

#include <utility>

namespace lvs::lvsd {
namespace {

std::string milliseconds(Duration d) {
  return std::to_string(to_ms(d).count());
}

// In Piranha's words, which know no server that cannot be checked.
std::string transition_marker(Health to, const std::string& server) {
  switch (to) {
    case Health::up:
      return "[ active ] making " + server + " available";
    case Health::down:
      return "[inactive] shutting down " + server + " due to connection failure";
    case Health::recovering:
    case Health::cut:
    case Health::unknown:
      break;
  }
  return "";
}

bool is_down(Health health) {
  return health == Health::down || health == Health::recovering;
}

// Where nanny does not know, what is known from before a change of timings, or of nannies, holds.
// One that was cut and to which the way is back stays as the table has it until it is checked.
Health health_after(Health before, const Verdict& verdict) {
  const Health told = verdict.health == Health::unknown ? before : verdict.health;
  if (told == Health::up && !verdict.has_way) {
    return Health::cut;
  }
  return told == Health::cut && verdict.has_way ? Health::unknown : told;
}

void note(std::set<MonitorId>& monitors, MonitorId id, bool belongs) {
  if (belongs) {
    monitors.insert(id);
  } else {
    monitors.erase(id);
  }
}

// FNV-1a, so that both directors have the same, whatever runs there.
ServiceId id_of(const ipvs::ServiceKey& service) {
  ServiceId id = 2166136261;
  for (const char c : ipvs::to_string(service)) {
    id = (id ^ static_cast<uint8_t>(c)) * 16777619;
  }
  return id;
}

std::string client_monitor_of(const config::Config& config) {
  for (const auto& service : config.virtuals) {
    if (service.in_use() && !service.client_monitor.empty()) {
      return service.client_monitor;
    }
  }
  return "";
}

}  // namespace

std::string to_word(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
    case Health::recovering:
      return "recovering";
    case Health::cut:
      return "cut";
  }
  return "unknown";
}

std::string to_words(Doubt doubt) {
  switch (doubt) {
    case Doubt::unknown:
      return "no check has decided yet";
    case Doubt::uncheckable:
      return "cannot be checked";
    case Doubt::fails:
      return "fails";
    case Doubt::fails_lately:
      return "began to fail";
    case Doubt::passes_lately:
      return "began to pass";
  }
  return "";
}

void HealthWatch::take(const ActiveServices& services, const std::set<ipvs::ServiceKey>& changed,
                       TimePoint now, Actions& actions) {
  auto update = monitors_.update(services, changed);
  for (const auto& order : update.orders) {
    if (const auto* removed = std::get_if<RemoveMonitor>(&order)) {
      verdicts_.erase(removed->id);
      never_decided_.erase(removed->id);
      without_way_.erase(removed->id);
      failing_.erase(removed->id);
      undecided_.erase(removed->id);
      uncheckable_.erase(removed->id);
    }
  }
  for (const auto& service : changed) {
    look_at(service, now);
    relapses_.keep(service, [&](const ServerId& id) { return monitors_.monitor_of(id); });
  }
  if (!pid_) {
    return;
  }
  if (!update.orders.empty()) {
    actions.push_back(SendMonitorOrders{std::move(update.orders)});
  }
  announce(update.added, services, actions);
}

void HealthWatch::keep(bool is_wanted, const config::Config& config, TimePoint now,
                       Actions& actions) {
  is_wanted_ = is_wanted;
  if (!is_wanted) {
    restart_at_.reset();
    if (pid_) {
      pid_.reset();
      liveness_.gone();
      actions.push_back(StopNanny{});
    }
    // What is heard no more is not known: who serves next hears it anew.
    verdicts_.clear();
    never_decided_.clear();
    without_way_.clear();
    failing_.clear();
    undecided_.clear();
    uncheckable_.clear();
    relapses_.forget_all();
    for (const auto& [id, watched] : monitors_.watched()) {
      look_at_services_on(id, now);
    }
    first_up_.reset();
    gone_at_.reset();
    return;
  }
  ask_whether_it_lives(now, actions);
  const bool is_waiting = restart_at_ && *restart_at_ > now;
  if (pid_ || starting_ || is_waiting) {
    return;
  }
  restart_at_.reset();
  starting_ = true;
  actions.push_back(StartNanny{client_monitor_of(config)});
}

void HealthWatch::ask_whether_it_lives(TimePoint now, Actions& actions) {
  switch (liveness_.due(now)) {
    case Liveness::Due::nothing:
      break;
    case Liveness::Due::ping:
      actions.push_back(SendMonitorOrders{{Ping{liveness_.ping()}}});
      break;
    case Liveness::Due::frozen:
      actions.push_back(StopNanny{});
      lost("frozen (it, or its script runner): did not answer " + std::to_string(kPingsUnanswered) +
               " pings, killed",
           now, actions);
      break;
  }
}

void HealthWatch::on(const NannyUp& event, const ActiveServices& services, TimePoint now,
                     Actions& actions) {
  starting_ = false;
  see_again(now);
  gone_at_.reset();
  pid_ = event.pid;
  user_ = event.user;
  since_ = now;
  liveness_.born(now);
  if (!first_up_) {
    first_up_ = now;
  }
  actions.push_back(Log{
      {Level::info, "nanny-up", "", {{"pid", std::to_string(event.pid)}, {"user", event.user}}}});
  if (auto orders = monitors_.orders(); !orders.empty()) {
    actions.push_back(SendMonitorOrders{std::move(orders)});
  }
  announce(monitors_.servers(), services, actions);
}

void HealthWatch::on(const PongHeard& event, TimePoint now) {
  see_again(now);
  liveness_.answered(event.number);
}

void HealthWatch::on(const NannyGone& event, TimePoint now, Actions& actions) {
  if (!starting_ && !pid_) {
    return;  // We stopped it ourselves.
  }
  lost(event.reason, now, actions);
}

void HealthWatch::lost(const std::string& reason, TimePoint now, Actions& actions) {
  see_again(now);
  if (pid_ && now - since_ >= kNannyProven) {
    backoff_.reset();
  }
  starting_ = false;
  pid_.reset();
  liveness_.gone();
  gone_at_ = gone_at_.value_or(now);
  restarts_ += 1;
  end_ = reason;
  const Duration wait = backoff_.failed();
  restart_at_ = now + wait;
  actions.push_back(
      Log{{Level::error,
           "nanny-gone",
           "",
           {{"reason", reason}, {"restart_ms", milliseconds(wait)}, {"verdicts", "kept"}}}});
}

void HealthWatch::announce(const std::vector<ServerId>& servers, const ActiveServices& services,
                           Actions& actions) const {
  const config::VirtualService* service = nullptr;
  std::map<ipvs::DestKey, const config::RealServer*> of_service;
  for (const auto& id : servers) {
    if (const auto* next = services.at(id.service); next != service) {
      service = next;
      of_service = active_servers(*service);
    }
    actions.push_back(
        Log{{Level::info,
             "monitor",
             "create_monitor for " + service->name + "/" + of_service.at(id.server)->name +
                 " running as pid " + std::to_string(*pid_),
             {{"server", to_string(id)}, {"monitor", std::to_string(*monitors_.monitor_of(id))}}}});
  }
}

std::vector<ServerId> HealthWatch::on(const VerdictHeard& event, TimePoint now, Actions& actions) {
  const Verdict& verdict = event.verdict;
  const auto watched = monitors_.watched().find(verdict.id);
  if (watched == monitors_.watched().end()) {
    return {};
  }
  note(uncheckable_, verdict.id, !verdict.could_check);
  if (verdict.health == Health::unknown && verdict.has_way && !verdicts_.contains(verdict.id)) {
    never_decided_[verdict.id] = verdict;
    look_at_services_on(verdict.id, now);
    return watched->second.servers;
  }
  never_decided_.erase(verdict.id);
  note(without_way_, verdict.id, !verdict.has_way);
  const auto [heard, is_new] = verdicts_.try_emplace(verdict.id);
  const Health before = is_new ? Health::unknown : heard->second.verdict.health;
  heard->second.verdict = verdict;
  const Health health = health_after(before, verdict);
  heard->second.verdict.health = health;
  note(failing_, verdict.id, health == Health::down || !verdict.has_way);
  note(undecided_, verdict.id, health == Health::unknown && verdict.has_way);
  look_at_services_on(verdict.id, now);
  note_relapses(watched->second, before, health);
  const bool stays_down = is_down(before) && is_down(health);
  if (is_new || (health != before && !stays_down)) {
    heard->second.since = now;
  }
  const auto& [monitor, servers] = watched->second;
  if (health == before) {
    return is_new ? servers : std::vector<ServerId>{};
  }
  if (stays_down) {
    return servers;
  }
  for (const auto& id : servers) {
    const std::string server = to_string(Endpoint{id.server.address, monitor.target.port});
    actions.push_back(Log{{Level::notice,
                           "health",
                           transition_marker(health, server),
                           {{"service", ipvs::to_string(id.service)},
                            {"server", server},
                            {"from", to_word(before)},
                            {"to", to_word(health)},
                            {"reason", verdict.reason},
                            {"latency_ms", milliseconds(verdict.latency)}}}});
  }
  return servers;
}

void HealthWatch::note_relapses(const MonitorSet::Watched& watched, Health before, Health after) {
  for (const ServerId& id : watched.servers) {
    relapses_.note(id, before, after);
  }
  const auto is_lost = [&](MonitorId id) {
    const auto* heard = heard_from(id);
    return heard == nullptr || heard->verdict.health == Health::down ||
           heard->verdict.health == Health::unknown;
  };
  for (const ServerId& id : watched.servers) {
    if (after == Health::down && !relapses_.is_empty() &&
        monitors_.is_covered(id.service, is_lost)) {
      relapses_.forget(id.service);
    }
  }
}

const HeardVerdict* HealthWatch::heard_from(std::optional<MonitorId> id) const {
  const auto heard = id ? verdicts_.find(*id) : verdicts_.end();
  return heard == verdicts_.end() ? nullptr : &heard->second;
}

const HeardVerdict* HealthWatch::verdict_of(const ServerId& id) const {
  return heard_from(monitors_.monitor_of(id));
}

const Verdict* HealthWatch::told_of(const ServerId& id) const {
  const auto monitor = monitors_.monitor_of(id);
  if (const auto* heard = heard_from(monitor)) {
    return &heard->verdict;
  }
  const auto told = monitor ? never_decided_.find(*monitor) : never_decided_.end();
  return told == never_decided_.end() ? nullptr : &told->second;
}

Health HealthWatch::health_of(const ServerId& id) const {
  const auto* heard = verdict_of(id);
  return heard == nullptr ? Health::unknown : heard->verdict.health;
}

HeardHealth HealthWatch::heard_of(const ServerId& id) const {
  return {health_of(id), relapses_.contains(id)};
}

HealthOf HealthWatch::health_under(const ActiveServices& services,
                                   const std::set<ipvs::ServiceKey>& changed) const {
  MonitorSet monitors = monitors_;
  monitors.update(services, changed);
  return [this, monitors = std::move(monitors)](const ServerId& id) -> HeardHealth {
    const auto* heard = heard_from(monitors.monitor_of(id));
    return {heard == nullptr ? Health::unknown : heard->verdict.health, relapses_.contains(id)};
  };
}

std::optional<bool> HealthWatch::has_way() const {
  if (is_wanted_ && verdicts_.empty() && !monitors_.watched().empty()) {
    return std::nullopt;
  }
  return monitors_.services_covered(without_way_) == 0;
}

bool HealthWatch::is_away_for(Duration time, TimePoint now) const {
  return gone_at_ && now >= *gone_at_ + time;
}

bool HealthWatch::are_checks_stopped(TimePoint now) const {
  return is_wanted_ && !monitors_.watched().empty() && is_away_for(kNannyAway, now);
}

bool HealthWatch::is_each_check_impossible(TimePoint now) const {
  return is_wanted_ && uncheckable_.size() == monitors_.watched().size() &&
         failing_services_.is_each_uncheckable(now);
}

bool HealthWatch::is_blind(TimePoint now) const {
  return liveness_.unanswered() > 1 || is_away_for(kVerdictsHold, now);
}

void HealthWatch::see_again(TimePoint now) {
  if (is_blind(now)) {
    failing_services_.begin_anew(now);
  }
}

void HealthWatch::look_at_services_on(MonitorId id, TimePoint now) {
  for (const auto& service : monitors_.services_on(id)) {
    look_at(service, now);
  }
}

// One without a way to any server is counted as that.
void HealthWatch::look_at(const ipvs::ServiceKey& service, TimePoint now) {
  const auto is_in = [](const std::set<MonitorId>& monitors) {
    return [&monitors](MonitorId id) { return monitors.contains(id); };
  };
  if (!monitors_.is_watched(service) || monitors_.is_covered(service, is_in(without_way_))) {
    failing_services_.forget(service);
    return;
  }
  const auto fails_or_unchecked = [&](MonitorId id) {
    return failing_.contains(id) || uncheckable_.contains(id);
  };
  const auto may_fail = [&](MonitorId id) {
    return fails_or_unchecked(id) || undecided_.contains(id) || !verdicts_.contains(id);
  };
  const Seen seen = monitors_.is_covered(service, is_in(failing_))      ? Seen::fails
                    : !monitors_.is_covered(service, may_fail)          ? Seen::passes
                    : monitors_.is_covered(service, fails_or_unchecked) ? Seen::uncheckable
                                                                        : Seen::nothing;
  failing_services_.see(service, seen, monitors_.several_checks(service), now);
}

HealthWatch::Unserved HealthWatch::unserved(TimePoint now) const {
  const size_t cut = monitors_.services_covered(without_way_);
  if (!is_wanted_ || !has_heard_enough(now) || !failing_services_.is_any_known(now) ||
      is_blind(now)) {
    return {cut, std::nullopt};
  }
  return {cut, failing_services_.count(now, id_of)};
}

std::vector<std::pair<ipvs::ServiceKey, Doubt>> HealthWatch::doubts(TimePoint now) const {
  return is_wanted_ ? failing_services_.doubts(now)
                    : std::vector<std::pair<ipvs::ServiceKey, Doubt>>{};
}

bool HealthWatch::has_heard_enough(TimePoint now) const {
  const bool all_known = verdicts_.size() == monitors_.watched().size();
  return first_up_ && (all_known || now - *first_up_ >= kFirstVerdicts);
}

}  // namespace lvs::lvsd
