#include "lvsd/reconciler.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "lvsd/changed_keys.h"
#include "lvsd/held_back.h"
#include "lvsd/plan.h"
#include "lvsd/timeouts.h"

namespace lvs::lvsd {
namespace {

// The number of a file counts its versions and means nothing else.
bool has_same_globals(const config::Globals& a, const config::Globals& b) {
  config::Globals before = a;
  before.serial_no = b.serial_no;
  return before == b;
}

const config::VirtualService* find(const ActiveServices& services, const ipvs::ServiceKey& key) {
  const auto service = services.find(key);
  return service == services.end() ? nullptr : service->second;
}

std::set<ipvs::ServiceKey> keys_of(const ActiveServices& services) {
  std::set<ipvs::ServiceKey> keys;
  for (const auto& [key, service] : services) {
    keys.insert(keys.end(), key);
  }
  return keys;
}

std::optional<TimePoint> earliest(std::initializer_list<std::optional<TimePoint>> times) {
  std::optional<TimePoint> first;
  for (const auto& time : times) {
    if (time && (!first || *time < *first)) {
      first = time;
    }
  }
  return first;
}

}  // namespace

Step Reconciler::step(Event event, TimePoint now) {
  now_ = now;
  actions_.clear();
  std::visit([this](auto& e) { on(std::move(e)); }, event);
  if (!started_) {
    return {std::move(actions_), std::nullopt};
  }
  deny_.keep(now_, actions_);
  if (watch_.is_due(now_)) {
    request_read();
  }
  mark_retries_due();
  if (due_at_ && *due_at_ <= now_) {
    settle();
  }
  adopted_ = adopted_ && wants_nanny();
  unserved_.tell_due(now_, actions_);
  if (is_table_done()) {
    keep_health();
    host_.keep_marks(now_, actions_);
    host_.watch_sysctls(now_, actions_);
  }
  return {std::exchange(actions_, {}), wake_at()};
}

void Reconciler::on(const Started& event) {
  started_ = true;
  owned_ = event.owned;
  armed_ = event.armed;
  take_configuration(event.config);
  request_read();
}

void Reconciler::on(const Configured& event) {
  if (event.by_names) {
    log(Level::notice, "names-changed", {});
  } else {
    log(Level::notice, "reload", {{"serial", std::to_string(event.config->serial_no)}},
        "rereading configuration file");
    reload_error_.clear();
  }
  names_error_.clear();
  if (event.config->interfaces != config_->interfaces) {
    actions_.push_back(SetInterfaces{event.config->interfaces});
  }
  take_configuration(event.config);
  try_failed_again();
}

// A file that was mended is not made to wait, and what was said of the old one no longer holds.
void Reconciler::try_failed_again() {
  for (const auto& [target, failure] : retries_.failures()) {
    if (target.service) {
      due_services_.insert(*target.service);
    }
  }
  retries_.forget_all();
  watch_.forget_failures(now_);
  arm_due();
}

void Reconciler::on(const ReloadFailed& event) {
  std::string& told = event.by_names ? names_error_ : reload_error_;
  if (std::exchange(told, event.what) == event.what) {
    log(Level::notice, event.by_names ? "names-refused-again" : "reload-failed-again",
        {{"error", "as before"}, {"action", "the running configuration stays"}},
        event.by_names ? "" : "rereading configuration file");
    return;
  }
  log(Level::error, event.by_names ? "names-refused" : "reload-failed",
      {{"error", event.what}, {"action", "the running configuration stays"}},
      event.by_names ? "" : "rereading configuration file");
}

// Services that are as they were are not looked at, unless what stands outside them has changed.
void Reconciler::take_configuration(const SharedConfig& config) {
  const SharedConfig before = std::exchange(config_, config);
  put_back_what_left(before, config_, put_back_);
  const ActiveServices services_before = std::exchange(services_, active_services(config_));
  ServiceKeys changed = changed_services(services_before, services_);
  if (!has_same_globals(before, config_)) {
    changed.merge(keys_of(services_));
    host_.suspect_sysctls();
  }
  note_skipped();
  host_.take(config_, now_);
  deny_.take(config_, now_);
  announce(services_before, changed);
  take_services(services_before, changed);
  mark_due(changed);
}

void Reconciler::take_services(const ActiveServices& before, const ServiceKeys& changed) {
  const Draining drained = owned_.draining;
  health_.take(services_, changed, now_, actions_);
  for (const auto& key : changed) {
    const auto* was = find(before, key);
    const auto* is = find(services_, key);
    if (drain_leaving(key, was, is, now_, owned_.draining, actions_)) {
      watch_.ask_by(now_ + kDrainCheck);
    }
    if (changes_host_settings(config_, was, is)) {
      host_.suspect_sysctls();
    }
  }
  has_to_record_ |= drained != owned_.draining;
  find_served(changed);
}

void Reconciler::announce(const ActiveServices& before, const ServiceKeys& changed) {
  for (const auto& key : changed) {
    const auto* service = find(before, key);
    if (service != nullptr && !services_.contains(key)) {
      log(Level::notice, "service-stop", {{"service", ipvs::to_string(key)}},
          "shutting down virtual service " + service->name);
    }
  }
  for (const auto& key : changed) {
    const auto* service = find(services_, key);
    if (service != nullptr && !before.contains(key)) {
      log(Level::notice, "service-start", {{"service", ipvs::to_string(key)}},
          "starting virtual service " + service->name +
              " active: " + std::to_string(service->port));
    }
  }
}

void Reconciler::note_skipped() {
  auto skipped = skipped_services(config_);
  if (skipped != skipped_) {
    for (const auto& why : skipped) {
      log(Level::warning, "service-skipped", {{"why", why}});
    }
  }
  skipped_ = std::move(skipped);
}

// A new floating address, or one of the director's own, may concern any service.
void Reconciler::find_served(const ServiceKeys& changed) {
  if (config_->core != config::CoreKind::kernel) {
    return;
  }
  auto directors = director_addresses(config_, own_addresses_);
  const bool concerns_all = directors != directors_;
  directors_ = std::move(directors);
  auto served = concerns_all ? std::map<ipvs::ServiceKey, Address>{} : served_;
  for (const auto& key : concerns_all ? keys_of(services_) : changed) {
    served.erase(key);
    const auto* service = find(services_, key);
    const auto address = service == nullptr ? std::nullopt : director_among(*service, directors_);
    if (address) {
      served.emplace(key, *address);
    }
  }
  const auto moved = changed_keys(served_, served);
  if (!moved.empty()) {
    served_ = std::move(served);
    host_.suspect_sysctls();
    mark_due(moved);
  }
}

void Reconciler::request_read() {
  if (!applying_) {
    watch_.ask(actions_);
  }
}

void Reconciler::on(TableRead event) {
  if (!event.snapshot) {
    note_unreadable(event.snapshot.error());
    return;
  }
  if (watch_.note_readable(actions_) && actual_) {
    mark_due(all_services());
  }
  host_.leave_other_core(actions_);
  if (!actual_) {
    has_to_record_ |= drain_left_behind(services_, owned_, event.snapshot->table, now_,
                                        owned_.draining, actions_);
  }
  const auto drained = end_draining(event.snapshot->connections, now_, owned_.draining, actions_);
  if (!drained.empty()) {
    has_to_record_ = true;
    mark_due(drained);
  }
  watch_.ask_at(now_ + (owned_.draining.empty() ? kDriftCheck : kDrainCheck));
  if (actual_) {
    take_news(*std::move(event.snapshot));
  } else {
    take_first(*std::move(event.snapshot));
  }
  if (host_.lacks_sysctls()) {
    host_.suspect_sysctls();
    arm_due();
  }
}

void Reconciler::take_first(Snapshot snapshot) {
  actual_ = std::move(snapshot.table);
  timeouts_ = snapshot.timeouts;
  daemons_ = std::move(snapshot.daemons);
  own_addresses_ = std::move(snapshot.own_addresses);
  find_served({});
  adopted_ = is_as_configured();
  mark_due(all_services());
}

void Reconciler::take_news(Snapshot snapshot) {
  watch_.note_drift(snapshot.table, *actual_, owned_.services, actions_);
  const auto differing = changed_keys(*actual_, snapshot.table);
  if (!differing.empty()) {
    actual_ = std::move(snapshot.table);
    mark_due(differing);
  }
  if (snapshot.timeouts != timeouts_ || snapshot.daemons != daemons_) {
    timeouts_ = snapshot.timeouts;
    daemons_ = std::move(snapshot.daemons);
    arm_due();
  }
  if (snapshot.own_addresses != own_addresses_) {
    own_addresses_ = std::move(snapshot.own_addresses);
    find_served({});
  }
}

// Whether the table found at start lacks nothing.
bool Reconciler::is_as_configured() const {
  const HealthOf nothing_heard = [](const ServerId&) { return Health::unknown; };
  return !actual_->empty() &&
         std::all_of(services_.begin(), services_.end(), [&](const auto& service) {
           const auto held = actual_->find(service.first);
           return is_held_back(service.first) ||
                  (held != actual_->end() &&
                   want(service.first, nothing_heard).entry == held->second);
         });
}

void Reconciler::note_unreadable(const Error& error) {
  watch_.note_unreadable(error, now_, actions_);
  retries_.forget_all();  // It failed as a whole.
  host_.forget_sysctls();
  if (config_->core == config::CoreKind::kernel) {
    set_armed(false);
  }
}

// A standby that does not monitor knows nothing of a service that it has never served. It takes the
// servers for up until it does: else the first takeover would refuse clients until checks are done.
HealthOf Reconciler::heard_health() const {
  const bool is_told = waits_for_verdicts();
  return [this, is_told](const ServerId& id) -> HeardHealth {
    const HeardHealth heard = health_.heard_of(id);
    if (is_told || heard.health != Health::unknown) {
      return heard;
    }
    const auto held = actual_->find(id.service);
    const bool is_empty = held == actual_->end() || held->second.dests.empty();
    return is_empty ? HeardHealth{Health::up} : heard;
  };
}

WantedService Reconciler::want(const ipvs::ServiceKey& key, const HealthOf& health_of) const {
  return want_service(config_, *services_.at(key), health_of, *actual_, owned_.draining);
}

bool Reconciler::is_wanted(const ipvs::ServiceKey& key) const {
  return services_.contains(key) && !is_held_back(key);
}

bool Reconciler::is_held_back(const ipvs::ServiceKey& key) const {
  return served_.contains(key) && !is_switched_off(config_) &&
         lvsd::is_held_back(config_->core, role_, actual_->contains(key));
}

// A standby that takes in connections under backup_only (host_settings.h) handles no packet, so its
// table can be complete: connections that come in need their servers in it.
bool Reconciler::is_switched_off(const config::Config& config) const {
  const auto daemon = wanted_daemon(config, role_);
  return daemon && daemon->role == ipvs::DaemonRole::backup && config.manage_sysctls &&
         host_.sysctls_error().empty() &&
         !retries_.failures().contains(target_of(ipvs::NewDaemon{*daemon}));
}

Desired Reconciler::desired_for(const config::Config& config, const HealthOf& health_of,
                                const Draining& draining) const {
  Desired wanted = desired_by(config, health_of, *actual_, draining);
  if (!is_switched_off(config)) {
    hold_back(config, own_addresses_, role_, *actual_, wanted);
  }
  return wanted;
}

Desired Reconciler::wanted() const {
  return actual_ ? desired_for(config_, heard_health(), owned_.draining) : Desired{};
}

Reconciler::ServiceKeys Reconciler::all_services() const {
  ServiceKeys keys = owned_.services;
  keys.merge(keys_of(services_));
  return keys;
}

std::vector<ipvs::Request> Reconciler::pending() const {
  ServiceKeys services = all_services();
  return actual_ ? plan_services(services, std::numeric_limits<size_t>::max(),
                                 [](const auto&, const auto&) {})
                 : std::vector<ipvs::Request>{};
}

std::vector<ipvs::Request> Reconciler::plan_for(const config::Config& config) const {
  if (!actual_) {
    return {};
  }
  const ActiveServices services = active_services(config);
  const HealthOf health = health_.health_under(services, changed_services(services_, services));
  auto ops = plan_beside(config);
  const auto table = plan(*actual_, desired_for(config, health, {}).table, owned_.services);
  ops.insert(ops.end(), table.begin(), table.end());
  return ops;
}

// What the core as a whole lacks; it comes before the table.
std::vector<ipvs::Request> Reconciler::plan_beside(const config::Config& config) const {
  std::vector<ipvs::Request> ops;
  const ipvs::Timeouts timeouts = changed_timeouts(config, put_back_, timeouts_);
  if (timeouts != ipvs::Timeouts{}) {
    ops.push_back(ipvs::SetConfig{timeouts});
  }
  const auto daemons = plan_daemons(daemons_, owned_.daemons, config, role_);
  ops.insert(ops.end(), daemons.begin(), daemons.end());
  return ops;
}

std::vector<ipvs::Request> Reconciler::plan_services(ServiceKeys& services, size_t at_most,
                                                     const Show& show) const {
  auto ops = plan_beside(config_);
  size_t new_ones = 0;
  for (const auto& key : services) {
    const bool is_held = actual_->contains(key);
    if (!is_wanted(key)) {
      if (is_held && owned_.services.contains(key)) {
        ops.push_back(ipvs::DelService{key});
      }
    } else if (!is_held) {
      new_ones += 1 + services_.at(key)->servers.size();
    }
  }
  ops.reserve(ops.size() + std::min(new_ones, at_most));
  const HealthOf health = heard_health();
  auto next = services.begin();
  for (; next != services.end() && ops.size() < at_most; ++next) {
    if (is_wanted(*next)) {
      const WantedService wanted = want(*next, health);
      plan_service(*next, wanted.entry, *actual_, ops);
      show(*next, wanted);
    }
  }
  services.erase(services.begin(), next);
  return ops;
}

void Reconciler::settle() {
  if (waits_for_core()) {
    return;  // What the core answers next comes back here.
  }
  host_.keep_sysctls(role_, own_addresses_, actions_);
  note_switched_off();
  due_at_.reset();
  settled_at_ = now_;
  ServiceKeys services = due_services_;
  own(services);
  auto ops = plan_services(due_services_, kOpsAtOnce, [this](const auto& key, const auto& wanted) {
    note_unserved(key, wanted);
  });
  for (const auto& key : due_services_) {
    services.erase(key);
  }
  for (const auto& key : services) {
    if (!is_wanted(key)) {
      unserved_.forget(key);
    }
  }
  retries_.keep_only(ops, services);
  note_switched_off();
  ops = retries_.due(std::move(ops), now_);
  if (!ops.empty()) {
    applying_ = true;
    actions_.push_back(ApplyOps{std::move(ops)});
  } else if (!due_services_.empty()) {
    arm_due();
  } else {
    applied_once_ = true;
    arm_kernel();
  }
}

void Reconciler::note_unserved(const ipvs::ServiceKey& key, const WantedService& wanted) {
  const config::VirtualService& service = *services_.at(key);
  unserved_.note(key, service,
                 why_unserved(service, wanted.entry, wanted.standings,
                              [&](const ipvs::DestKey& server) {
                                return health_.told_of({key, server});
                              }),
                 now_, actions_);
}

// Written before the operations: after a crash what we made is still known as ours. What is gone is
// no longer ours either. Of what lvs.cf names all is ours, also what must wait, whoever made it.
void Reconciler::own(const ServiceKeys& services) {
  bool has_changed = std::exchange(has_to_record_, false);
  for (const auto& key : services) {
    const bool is_held = actual_->contains(key);
    if (is_wanted(key) || (is_held && services_.contains(key))) {
      has_changed |= owned_.services.insert(key).second;
    } else if (!is_held) {
      has_changed |= owned_.services.erase(key) > 0;
    }
  }
  const auto daemon = wanted_daemon(config_, role_);
  has_changed |= std::erase_if(owned_.daemons, [&](const auto& owned) {
                   return owned != daemon && !runs(owned, daemons_);
                 }) > 0;
  if (daemon &&
      std::find(owned_.daemons.begin(), owned_.daemons.end(), *daemon) == owned_.daemons.end()) {
    owned_.daemons.push_back(*daemon);
    has_changed = true;
  }
  if (has_changed) {
    actions_.push_back(SaveOwned{owned_});
  }
}

void Reconciler::on(const OpsDone& event) {
  applying_ = false;
  writes_ += event.ops.size();
  size_t done = 0;
  size_t unanswered = 0;
  for (size_t i = 0; i < event.ops.size(); ++i) {
    unanswered += is_unanswered(event.errors[i]) ? 1 : 0;
    if (!event.errors[i]) {
      ++done;
      take_done(event.ops[i]);
    }
    if (const auto target = target_of(event.ops[i]); target.service) {
      due_services_.insert(*target.service);
    }
  }
  for (const size_t i : retries_.note(event.ops, event.errors, now_)) {
    log(Level::error, "change-failed",
        {{"change", ipvs::to_string(event.ops[i])}, {"error", event.errors[i]->what}});
  }
  const size_t failed = event.ops.size() - done - unanswered;
  log(Level::info, "applied",
      {{"changes", std::to_string(done)}, {"failed", std::to_string(failed)}});
  if (unanswered > 0) {
    log(Level::warning, "answers-lost", {{"changes", std::to_string(unanswered)}});
  }
  if (failed + unanswered > 0) {
    watch_.expect_surprise();
    request_read();
  }
  due_at_ = now_;
}

// A server that takes connections before its re-entry time is over, since no other one does.
void Reconciler::tell_of_early(const ipvs::Request& request) {
  const auto* added = std::get_if<ipvs::NewDest>(&request);
  const auto* changed = std::get_if<ipvs::SetDest>(&request);
  if ((added == nullptr && changed == nullptr) ||
      (added != nullptr ? added->dest : changed->dest).weight == 0) {
    return;
  }
  const ServerId id = added != nullptr ? ServerId{added->service, added->key}
                                       : ServerId{changed->service, changed->key};
  const HeardVerdict* heard = health_.verdict_of(id);
  if (heard != nullptr && heard->verdict.health == Health::recovering) {
    actions_.push_back(
        Log{{Level::notice,
             "early",
             "[ active ] making " + ipvs::to_string(id.server) + " available",
             {{"service", ipvs::to_string(id.service)},
              {"reason", "no other server has proved itself: " + heard->verdict.reason}}}});
  }
}

void Reconciler::take_done(const ipvs::Request& request) {
  tell_of_early(request);
  apply_op(request, *actual_);
  apply_daemon_op(request, daemons_);
  if (const auto* timeouts = std::get_if<ipvs::SetConfig>(&request)) {
    take_timeouts(timeouts->timeouts, timeouts_);
    put_back_ = {};
  }
}

void Reconciler::on(const MarksDone& event) {
  host_.on(event, now_, actions_);
}

void Reconciler::on(const SysctlsDone& event) {
  if (host_.on(event, actions_)) {
    arm_due();  // Whether services are held back may rest on one that could not be set.
  }
}

void Reconciler::on(const SysctlsFound& event) {
  if (host_.on(event, now_, actions_)) {
    arm_due();
  }
}

void Reconciler::on(const OtherCoreLeft& event) {
  host_.on(event, actions_);
}

void Reconciler::on(const DenyDone& event) {
  deny_.on(event, now_, actions_);
}

// What clients wait for comes first.
void Reconciler::on(const RoleSaid& event) {
  const bool to_arm = event.active || event.ahead;
  if (armed_ != to_arm && config_->core == config::CoreKind::embedded) {
    actions_.push_back(ArmCore{to_arm});
  }
  if (role_ != event.active) {
    role_ = event.active;
    log(Level::notice, "role", {{"role", event.active ? "active" : "standby"}});
    host_.suspect_sysctls();
    mark_served_due();
    due_at_ = now_;
    if (!core_error().empty()) {
      watch_.ask_at(now_);
    }
  }
}

// ip_vs has no switch: it is armed when all that the role asks for has been asked of it.
void Reconciler::arm_kernel() {
  if (config_->core == config::CoreKind::kernel && role_) {
    set_armed(*role_);
  }
}

void Reconciler::set_armed(bool armed) {
  if (armed_ != armed) {
    armed_ = armed;
    log(Level::notice, armed_ ? "armed" : "disarmed", {});
  }
}

void Reconciler::on(const ArmDone& event) {
  if (!event.armed) {
    log(Level::error, "arm-failed", {{"error", event.armed.error().what}});
    return;
  }
  set_armed(*event.armed);
}

bool Reconciler::wants_nanny() const {
  // A standby that has no way to the servers watches until it has one: it must not seem fit again.
  return config_->standby_monitoring || role_.value_or(armed_) || health_.has_way() == false;
}

// Who was not told its role yet may be the active one of a former life: nothing in ip_vs says.
bool Reconciler::waits_for_verdicts() const {
  return wants_nanny() || (!role_ && config_->core == config::CoreKind::kernel);
}

// What an unknown server counts as hangs on whether anybody tells.
void Reconciler::keep_health() {
  health_.keep(wants_nanny(), config_, now_, actions_);
  const bool is_told = waits_for_verdicts();
  if (std::exchange(was_told_, is_told) != is_told) {
    mark_due(all_services());
  }
}

void Reconciler::on(const NannyUp& event) {
  health_.on(event, services_, now_, actions_);
}

void Reconciler::on(const NannyGone& event) {
  health_.on(event, now_, actions_);
}

void Reconciler::on(const VerdictHeard& event) {
  for (const auto& server : health_.on(event, now_, actions_)) {
    due_services_.insert(server.service);
    if (event.verdict.health == Health::cut && !due_at_) {
      due_at_ = now_ + kGatherCut;
    }
    arm_due();
  }
}

void Reconciler::on(const PongHeard& event) {
  health_.on(event, now_);
}

void Reconciler::on(const Timer&) {
}

bool Reconciler::is_ready(TimePoint now) const {
  if (!applied_once_ || !core_error().empty()) {
    return false;
  }
  const bool has_heard = !wants_nanny() || health_.has_heard_enough(now);
  return adopted_ || (has_heard && host_.has_tried_marks());
}

void Reconciler::mark_due(const ServiceKeys& services) {
  due_services_.insert(services.begin(), services.end());
  arm_due();
}

// All that may be held back.
void Reconciler::mark_served_due() {
  for (const auto& [key, address] : served_) {
    due_services_.insert(key);
  }
}

// Beside the role it is sysctls and a sync daemon that hold services back or do not.
void Reconciler::note_switched_off() {
  const bool before = switched_off_;
  switched_off_ = is_switched_off(config_);
  if (switched_off_ != before) {
    mark_served_due();
    arm_due();
  }
}

void Reconciler::mark_retries_due() {
  for (const auto& target : retries_.targets_due(now_)) {
    if (target.service) {
      due_services_.insert(*target.service);
    }
    arm_due();
  }
}

// At once after a pause; what follows close behind is gathered.
void Reconciler::arm_due() {
  if (!due_at_) {
    due_at_ = std::max(now_, settled_at_ + kGather);
  }
}

// Monitors and marks wait for the first table: what they start would take its time on one CPU.
bool Reconciler::is_table_done() const {
  return applied_once_ || !core_error().empty();
}

void Reconciler::log(Level level, std::string event,
                     std::vector<std::pair<std::string, std::string>> fields, std::string marker) {
  actions_.push_back(Log{{level, std::move(event), std::move(marker), std::move(fields)}});
}

// Nothing is planned while the core is busy, or cannot be read.
bool Reconciler::waits_for_core() const {
  return !actual_ || applying_ || watch_.is_reading() || !core_error().empty();
}

std::optional<TimePoint> Reconciler::wake_at() const {
  auto first = earliest({health_.wake_at(), host_.wake_at(), unserved_.wake_at(), deny_.wake_at()});
  if (!applying_ && !watch_.is_reading()) {
    first = earliest({first, watch_.next()});
  }
  if (!waits_for_core()) {
    first = earliest({first, due_at_, retries_.next_at()});
  }
  if (first && *first <= now_) {
    return now_ + kGather;
  }
  return first;
}

}  // namespace lvs::lvsd
