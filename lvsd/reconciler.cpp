#include "lvsd/reconciler.h"

#include <algorithm>
#include <utility>

#include "lvsd/held_back.h"

namespace lvs::lvsd {
namespace {

LogEvent event_of(Level level, std::string name,
                  std::vector<std::pair<std::string, std::string>> fields,
                  std::string marker = "") {
  return {level, std::move(name), std::move(marker), std::move(fields)};
}

std::string to_word(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
  }
  return "unknown";
}

std::string milliseconds(Duration d) {
  return std::to_string(to_ms(d).count());
}

// What is asked for and otherwise; 0: nothing to change.
ipvs::Timeouts changed_timeouts(const config::Config& config, const ipvs::Timeouts& actual) {
  const auto change = [](uint32_t wanted, uint32_t held) {
    return wanted == held ? uint32_t{0} : wanted;
  };
  return {change(config.tcp_timeout, actual.tcp), change(config.tcpfin_timeout, actual.tcp_fin),
          change(config.udp_timeout, actual.udp)};
}

void take_timeouts(const ipvs::Timeouts& given, ipvs::Timeouts& held) {
  held.tcp = given.tcp != 0 ? given.tcp : held.tcp;
  held.tcp_fin = given.tcp_fin != 0 ? given.tcp_fin : held.tcp_fin;
  held.udp = given.udp != 0 ? given.udp : held.udp;
}

std::string client_monitor_of(const config::Config& config) {
  for (const auto& service : config.virtuals) {
    if (service.active && !service.client_monitor.empty()) {
      return service.client_monitor;
    }
  }
  return "";
}

std::set<ipvs::ServiceKey> keys_of(const ipvs::Table& table) {
  std::set<ipvs::ServiceKey> keys;
  for (const auto& [key, entry] : table) {
    keys.insert(key);
  }
  return keys;
}

ipvs::Table restricted_to(const ipvs::Table& table, const std::set<ipvs::ServiceKey>& keys) {
  ipvs::Table ours;
  for (const auto& [key, entry] : table) {
    if (keys.contains(key)) {
      ours.emplace(key, entry);
    }
  }
  return ours;
}

bool has_marks(const config::Config& config) {
  return std::any_of(config.virtuals.begin(), config.virtuals.end(),
                     [](const auto& service) { return service.active && service.fwmark != 0; });
}

// A service of a table against one of a set.
struct KeyOrder {
  bool operator()(const ipvs::ServiceKey& a, const ipvs::Table::value_type& b) const {
    return a < b.first;
  }
  bool operator()(const ipvs::Table::value_type& a, const ipvs::ServiceKey& b) const {
    return a.first < b;
  }
};

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

Step Reconciler::step(const Event& event, TimePoint now) {
  now_ = now;
  actions_.clear();
  std::visit([this](const auto& e) { on(e); }, event);
  if (!started_) {
    return {std::move(actions_), std::nullopt};
  }
  if (read_at_ <= now_) {
    request_read();
  }
  const auto retry_at = retries_.next_at();
  if (retry_at && *retry_at <= now_) {
    mark_due();
  }
  if (due_at_ && *due_at_ <= now_) {
    settle();
  }
  if (has_looked()) {
    keep_nanny();
    if (marks_at_ && *marks_at_ <= now_) {
      apply_marks();
    }
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
  log(event_of(Level::notice, "reload", {{"serial", std::to_string(event.config->serial_no)}},
               "rereading configuration file"));
  reload_error_.clear();
  if (event.config->interfaces != config_->interfaces) {
    actions_.push_back(SetInterfaces{event.config->interfaces});
  }
  take_configuration(event.config);
}

void Reconciler::on(const ReloadFailed& event) {
  reload_error_ = event.what;
  log(event_of(Level::error, "reload-failed",
               {{"error", event.what}, {"action", "the running configuration stays"}},
               "rereading configuration file"));
}

void Reconciler::take_configuration(const SharedConfig& config) {
  const SharedConfig before = std::exchange(config_, config);
  const MonitorSet monitors_before = std::exchange(monitors_, monitors_for(config_, monitors_));
  std::erase_if(verdicts_,
                [&](const auto& heard) { return !monitors_.monitors.contains(heard.first); });
  announce_services(before);
  begin_draining(before);
  services_ = active_services(config_);
  marks_backoff_.reset();
  marks_at_ = now_;
  if (nanny_pid_) {
    auto changes = orders(monitors_before, monitors_);
    if (!changes.empty()) {
      actions_.push_back(SendMonitorOrders{std::move(changes)});
    }
    announce_monitors(monitors_before);
  }
  mark_due();
}

// ip_vs has its switches only while it is loaded, and one of them depends on the role.
void Reconciler::set_sysctls() {
  const bool is_early = config_->core == config::CoreKind::kernel && !role_;
  if (!config_->manage_sysctls || is_early) {
    return;
  }
  auto wanted = host_settings(config_, role_, own_addresses_);
  if (sysctls_set_ != wanted) {
    sysctls_set_ = wanted;
    actions_.push_back(SetSysctls{std::move(wanted)});
  }
}

void Reconciler::apply_marks() {
  marks_at_.reset();
  actions_.push_back(ApplyMarks{config_});
}

void Reconciler::announce_services(const config::Config& before) {
  const auto old_services = active_services(before);
  const auto services = active_services(config_);
  for (const auto& [key, service] : old_services) {
    if (!services.contains(key)) {
      log(event_of(Level::notice, "service-stop", {{"service", ipvs::to_string(key)}},
                   "shutting down virtual service " + service->name));
    }
  }
  for (const auto& [key, service] : services) {
    if (!old_services.contains(key)) {
      log(event_of(Level::notice, "service-start", {{"service", ipvs::to_string(key)}},
                   "starting virtual service " + service->name +
                       " active: " + std::to_string(service->port)));
    }
  }
}

// A server that left a service which is still there keeps its connections for the service's
// `drain`.
void Reconciler::begin_draining(const config::Config& before) {
  const auto services = active_services(config_);
  std::erase_if(draining_, [&](const auto& drained) {
    const auto service = services.find(drained.first.service);
    return service == services.end() ||
           active_servers(*service->second).contains(drained.first.server);
  });
  for (const auto& [key, old_service] : active_services(before)) {
    const auto service = services.find(key);
    if (service == services.end() || service->second->drain <= Duration::zero()) {
      continue;
    }
    const auto servers = active_servers(*service->second);
    for (const auto& [server_key, server] : active_servers(*old_service)) {
      if (!servers.contains(server_key)) {
        draining_.emplace(ServerId{key, server_key}, now_ + service->second->drain);
        log(event_of(Level::notice, "drain",
                     {{"server", to_string(ServerId{key, server_key})},
                      {"at_most_ms", milliseconds(service->second->drain)}}));
        read_at_ = std::min(read_at_, now_ + kDrainCheck);
      }
    }
  }
}

bool Reconciler::end_draining(const Snapshot& snapshot) {
  return std::erase_if(draining_, [&](const auto& drained) {
           const auto held = snapshot.connections.find(drained.first);
           const bool is_empty = held == snapshot.connections.end() || held->second == 0;
           const bool is_late = drained.second <= now_;
           if (is_empty || is_late) {
             log(event_of(Level::notice, "drained",
                          {{"server", to_string(drained.first)},
                           {"reason", is_empty ? "no connections left" : "deadline"}}));
           }
           return is_empty || is_late;
         }) > 0;
}

void Reconciler::request_read() {
  if (reading_ || applying_) {
    return;
  }
  reading_ = true;
  actions_.push_back(ReadTable{});
}

void Reconciler::on(const TableRead& event) {
  reading_ = false;
  if (!event.snapshot) {
    note_unreadable(event.snapshot.error());
    return;
  }
  if (!core_error_.empty()) {
    log(event_of(Level::notice, "core-readable", {}));
    core_error_.clear();
    read_backoff_.reset();
  }
  const Snapshot& snapshot = *event.snapshot;
  const bool is_first = !actual_;
  const bool is_news = is_first || is_news_in(snapshot);
  if (!is_first && !expects_surprise_) {
    note_drift(snapshot.table);
  }
  expects_surprise_ = false;
  actual_ = snapshot.table;
  connections_ = snapshot.connections;
  timeouts_ = snapshot.timeouts;
  daemons_ = snapshot.daemons;
  own_addresses_ = snapshot.own_addresses;
  const bool some_drained = end_draining(snapshot);
  read_at_ = now_ + (draining_.empty() ? kDriftCheck : kDrainCheck);
  if (is_first) {
    adopted_ = is_as_configured();
  }
  const bool lacks_sysctls = config_->manage_sysctls && !sysctls_set_;
  if (is_news || some_drained || lacks_sysctls) {
    mark_due();
  }
}

bool Reconciler::is_news_in(const Snapshot& snapshot) const {
  return snapshot.table != *actual_ || snapshot.timeouts != timeouts_ ||
         snapshot.daemons != daemons_ || snapshot.own_addresses != own_addresses_;
}

// Whether the table found at start lacks nothing.
bool Reconciler::is_as_configured() const {
  if (actual_->empty()) {
    return false;
  }
  const Desired kept = desired_for(config_, [](const ServerId&) { return Health::unknown; }, {});
  return kept.table == restricted_to(*actual_, keys_of(kept.table));
}

void Reconciler::note_unreadable(const Error& error) {
  read_at_ = now_ + read_backoff_.failed();
  if (core_error_ != error.what) {
    log(event_of(Level::error, "core-unreadable", {{"error", error.what}}));
  }
  core_error_ = error.what;
  retries_.keep_only({});  // It failed as a whole.
  sysctls_set_.reset();
  if (config_->core == config::CoreKind::kernel) {
    set_armed(false);
  }
}

void Reconciler::note_drift(const ipvs::Table& read) {
  const ipvs::Table ours = restricted_to(read, owned_.services);
  const ipvs::Table believed = restricted_to(*actual_, owned_.services);
  if (ours == believed) {
    return;
  }
  const auto repair = plan(ours, believed, owned_.services);
  drifts_ += 1;
  repairs_ += repair.size();
  log(event_of(Level::warning, "drift",
               {{"differences", std::to_string(repair.size())},
                {"first", ipvs::to_string(repair.front())}}));
}

HealthOf Reconciler::health_by(const MonitorSet& monitors) const {
  return [this, &monitors](const ServerId& id) {
    const auto monitor = monitors.monitor_of.find(id);
    if (monitor == monitors.monitor_of.end()) {
      return Health::unknown;
    }
    const auto heard = verdicts_.find(monitor->second);
    return heard == verdicts_.end() ? Health::unknown : heard->second.verdict.health;
  };
}

const Reconciler::HeardVerdict* Reconciler::verdict_of(const ServerId& id) const {
  const auto monitor = monitors_.monitor_of.find(id);
  if (monitor == monitors_.monitor_of.end()) {
    return nullptr;
  }
  const auto heard = verdicts_.find(monitor->second);
  return heard == verdicts_.end() ? nullptr : &heard->second;
}

std::vector<ipvs::Request> Reconciler::pending() const {
  return actual_ ? changes(config_, plan(*actual_, desired_.table, owned_.services))
                 : std::vector<ipvs::Request>{};
}

std::vector<ipvs::Request> Reconciler::plan_for(const config::Config& config) const {
  if (!actual_) {
    return {};
  }
  const MonitorSet monitors = monitors_for(config, monitors_);
  const Desired wanted = desired_for(config, health_by(monitors), {});
  return changes(config, plan(*actual_, wanted.table, owned_.services));
}

// Those of the table behind those beside it.
std::vector<ipvs::Request> Reconciler::changes(const config::Config& config,
                                               std::vector<ipvs::Request> table) const {
  std::vector<ipvs::Request> ops;
  const ipvs::Timeouts timeouts = changed_timeouts(config, timeouts_);
  if (timeouts != ipvs::Timeouts{}) {
    ops.push_back(ipvs::SetConfig{timeouts});
  }
  const auto daemons = plan_daemons(daemons_, owned_.daemons, config, role_);
  ops.insert(ops.end(), daemons.begin(), daemons.end());
  table.insert(table.begin(), ops.begin(), ops.end());
  return table;
}

Desired Reconciler::desired_for(const config::Config& config, const HealthOf& health_of,
                                const std::set<ServerId>& draining) const {
  Desired wanted = desired_by(config, health_of, *actual_, draining);
  if (!is_switched_off(config)) {
    hold_back(config, own_addresses_, role_, *actual_, wanted);
  }
  return wanted;
}

// A standby that takes in connections under backup_only (host_settings.h) handles no packet, so its
// table can be complete: connections that come in need their servers in it.
bool Reconciler::is_switched_off(const config::Config& config) const {
  const auto daemon = wanted_daemon(config, role_);
  return daemon && daemon->role == ipvs::DaemonRole::backup && config.manage_sysctls &&
         sysctls_error_.empty() &&
         !retries_.failures().contains(target_of(ipvs::NewDaemon{*daemon}));
}

std::set<ServerId> Reconciler::draining_servers() const {
  std::set<ServerId> draining;
  for (const auto& [id, until] : draining_) {
    draining.insert(draining.end(), id);
  }
  return draining;
}

void Reconciler::settle() {
  if (waits_for_core()) {
    return;  // What the core answers next comes back here.
  }
  due_at_.reset();
  settled_at_ = now_;
  const bool whole = std::exchange(all_due_, false);
  const auto services = std::exchange(due_services_, {});
  std::vector<ipvs::Request> ops;
  if (whole) {
    set_sysctls();
    want_all();
    ops = pending();
    retries_.keep_only(ops);
  } else {
    want(services);
    ops = changes(config_, plan(*actual_, desired_.table, owned_.services, services));
    retries_.keep_only(ops, services);
  }
  ops = retries_.due(std::move(ops), now_);
  if (ops.empty()) {
    applied_once_ = true;
    if (whole) {
      disown_removed();
    }
    arm_kernel();
    return;
  }
  own_wanted();
  applying_ = true;
  actions_.push_back(ApplyOps{std::move(ops)});
}

void Reconciler::want_all() {
  Desired next = desired_for(config_, health_by(monitors_), draining_servers());
  if (next.skipped != desired_.skipped) {
    for (const auto& skipped : next.skipped) {
      log(event_of(Level::warning, "service-skipped", {{"why", skipped}}));
    }
  }
  desired_ = std::move(next);
}

// What only a verdict or an operation has changed costs what it touches.
void Reconciler::want(const std::set<ipvs::ServiceKey>& services) {
  const auto draining = draining_servers();
  for (const auto& key : services) {
    const auto service = services_.find(key);
    if (service == services_.end()) {
      want_nothing(key, desired_);
      continue;
    }
    want_service(config_, *service->second, health_by(monitors_), *actual_, draining, desired_);
    if (desired_.held_back.contains(key)) {
      desired_.table.erase(key);
    }
  }
}

void Reconciler::own_wanted() {
  const auto daemon = wanted_daemon(config_, role_);
  const bool owns_daemon = !daemon || std::find(owned_.daemons.begin(), owned_.daemons.end(),
                                                *daemon) != owned_.daemons.end();
  const bool owns_services =
      std::includes(owned_.services.begin(), owned_.services.end(), desired_.table.begin(),
                    desired_.table.end(), KeyOrder{});
  if (owns_daemon && owns_services) {
    return;
  }
  Owned owned = owned_;
  owned.services.merge(keys_of(desired_.table));
  if (!owns_daemon) {
    owned.daemons.push_back(*daemon);
  }
  own(std::move(owned));
}

// Written before the operations: after a crash what we made is still known as ours.
void Reconciler::own(Owned owned) {
  if (owned == owned_) {
    return;
  }
  owned_ = std::move(owned);
  actions_.push_back(SaveOwned{owned_});
}

void Reconciler::disown_removed() {
  Owned kept{keys_of(desired_.table), owned_.daemons};
  for (const auto& key : owned_.services) {
    if (actual_->contains(key)) {
      kept.services.insert(key);
    }
  }
  std::erase_if(kept.daemons, [&](const auto& daemon) { return !runs(daemon, daemons_); });
  own(std::move(kept));
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
  }
  for (const size_t i : retries_.note(event.ops, event.errors, now_)) {
    log(event_of(Level::error, "change-failed",
                 {{"change", ipvs::to_string(event.ops[i])}, {"error", event.errors[i]->what}}));
  }
  const size_t failed = event.ops.size() - done - unanswered;
  log(event_of(Level::info, "applied",
               {{"changes", std::to_string(done)}, {"failed", std::to_string(failed)}}));
  if (unanswered > 0) {
    log(event_of(Level::warning, "answers-lost", {{"changes", std::to_string(unanswered)}}));
  }
  if (failed + unanswered > 0) {
    expects_surprise_ = true;
    all_due_ = true;
    request_read();
  }
  applied_once_ = true;
  due_at_ = now_;
}

void Reconciler::take_done(const ipvs::Request& request) {
  apply_op(request, *actual_);
  apply_daemon_op(request, daemons_);
  if (const auto* timeouts = std::get_if<ipvs::SetConfig>(&request)) {
    take_timeouts(timeouts->timeouts, timeouts_);
  }
  if (const auto target = target_of(request); target.service) {
    due_services_.insert(*target.service);
  }
  // What is gone is no longer ours either; whether a sync daemon runs may hold services back.
  all_due_ = all_due_ || std::holds_alternative<ipvs::DelService>(request) ||
             std::holds_alternative<ipvs::DelDaemon>(request) ||
             std::holds_alternative<ipvs::NewDaemon>(request);
}

void Reconciler::on(const MarksDone& event) {
  if (event.warnings) {
    take_mark_warnings(*event.warnings);
    marks_error_.clear();
    marks_backoff_.reset();
    if (has_marks(config_)) {
      marks_at_ = now_ + kDriftCheck;
    }
    return;
  }
  if (marks_error_ != event.warnings.error().what) {
    log(event_of(Level::error, "marks-failed", {{"error", event.warnings.error().what}}));
  }
  marks_error_ = event.warnings.error().what;
  marks_at_ = now_ + marks_backoff_.failed();
}

// Each is logged when it is new.
void Reconciler::take_mark_warnings(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) {
    if (std::find(mark_warnings_.begin(), mark_warnings_.end(), warning) == mark_warnings_.end()) {
      log(event_of(Level::warning, "marks", {{"warning", warning}}));
    }
  }
  mark_warnings_ = warnings;
}

void Reconciler::on(const SysctlsDone& event) {
  const std::string error =
      event.done ? "" : event.done.error().what + " (manage_sysctls = 0 leaves them to you)";
  if (!error.empty()) {
    sysctls_set_.reset();
  }
  if (sysctls_error_ != error) {
    mark_due();  // The table may rest on one that could not be set.
    if (!error.empty()) {
      log(event_of(Level::error, "sysctls-failed", {{"error", error}}));
    }
  }
  sysctls_error_ = error;
}

void Reconciler::on(const RoleSaid& event) {
  if (role_ != event.active) {
    role_ = event.active;
    log(event_of(Level::notice, "role", {{"role", event.active ? "active" : "standby"}}));
    all_due_ = true;
    due_at_ = now_;
    if (!core_error_.empty()) {
      read_at_ = now_;
    }
  }
  if (armed_ != event.active && config_->core == config::CoreKind::embedded) {
    actions_.push_back(ArmCore{event.active});
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
    log(event_of(Level::notice, armed_ ? "armed" : "disarmed", {}));
  }
}

void Reconciler::on(const ArmDone& event) {
  if (!event.armed) {
    log(event_of(Level::error, "arm-failed", {{"error", event.armed.error().what}}));
    return;
  }
  set_armed(*event.armed);
}

bool Reconciler::wants_nanny() const {
  return config_->standby_monitoring || role_.value_or(armed_);
}

void Reconciler::keep_nanny() {
  if (!wants_nanny()) {
    nanny_restart_at_.reset();
    if (nanny_pid_) {
      nanny_pid_.reset();
      actions_.push_back(StopNanny{});
    }
    return;
  }
  const bool is_waiting = nanny_restart_at_ && *nanny_restart_at_ > now_;
  if (nanny_pid_ || nanny_starting_ || is_waiting) {
    return;
  }
  nanny_restart_at_.reset();
  nanny_starting_ = true;
  actions_.push_back(StartNanny{client_monitor_of(config_)});
}

void Reconciler::on(const NannyUp& event) {
  nanny_starting_ = false;
  nanny_pid_ = event.pid;
  nanny_since_ = now_;
  if (!nanny_first_up_) {
    nanny_first_up_ = now_;
  }
  log(event_of(Level::info, "nanny-up", {{"pid", std::to_string(event.pid)}}));
  auto all = orders({}, monitors_);
  if (!all.empty()) {
    actions_.push_back(SendMonitorOrders{std::move(all)});
  }
  announce_monitors({});
}

void Reconciler::on(const NannyGone& event) {
  if (!nanny_starting_ && !nanny_pid_) {
    return;  // We stopped it ourselves.
  }
  if (nanny_pid_ && now_ - nanny_since_ >= kNannyProven) {
    nanny_backoff_.reset();
  }
  nanny_starting_ = false;
  nanny_pid_.reset();
  nanny_restarts_ += 1;
  const Duration wait = nanny_backoff_.failed();
  nanny_restart_at_ = now_ + wait;
  log(event_of(
      Level::error, "nanny-gone",
      {{"reason", event.reason}, {"restart_ms", milliseconds(wait)}, {"verdicts", "kept"}}));
}

void Reconciler::announce_monitors(const MonitorSet& before) {
  for (const auto& [key, service] : active_services(config_)) {
    for (const auto& [server_key, server] : active_servers(*service)) {
      const ServerId id{key, server_key};
      const auto monitor = monitors_.monitor_of.find(id);
      if (monitor == monitors_.monitor_of.end() || before.monitor_of.contains(id)) {
        continue;
      }
      log(event_of(Level::info, "monitor",
                   {{"server", to_string(id)}, {"monitor", std::to_string(monitor->second)}},
                   "create_monitor for " + service->name + "/" + server->name + " running as pid " +
                       std::to_string(*nanny_pid_)));
    }
  }
}

void Reconciler::on(const VerdictHeard& event) {
  const Verdict& verdict = event.verdict;
  if (!monitors_.monitors.contains(verdict.id) || verdict.health == Health::unknown) {
    return;
  }
  const auto [heard, is_new] = verdicts_.try_emplace(verdict.id);
  const Health before = is_new ? Health::unknown : heard->second.verdict.health;
  heard->second.verdict = verdict;
  if (verdict.health == before) {
    return;
  }
  heard->second.since = now_;
  const bool is_up = verdict.health == Health::up;
  for (const auto& id : monitors_.servers_of.at(verdict.id)) {
    mark_due(id.service);
    const std::string server =
        to_string(Endpoint{id.server.address, monitors_.monitors.at(verdict.id).target.port});
    log(event_of(Level::notice, "health",
                 {{"service", ipvs::to_string(id.service)},
                  {"from", to_word(before)},
                  {"to", to_word(verdict.health)},
                  {"reason", verdict.reason},
                  {"latency_ms", milliseconds(verdict.latency)}},
                 is_up ? "[ active ] making " + server + " available"
                       : "[inactive] shutting down " + server + " due to connection failure"));
  }
}

void Reconciler::on(const Timer&) {
}

bool Reconciler::is_ready(TimePoint now) const {
  if (!applied_once_ || !core_error_.empty()) {
    return false;
  }
  if (adopted_ || !wants_nanny()) {
    return true;
  }
  const bool all_known = verdicts_.size() == monitors_.monitors.size();
  return nanny_first_up_ && (all_known || now - *nanny_first_up_ >= kFirstVerdicts);
}

// Everything may have changed.
void Reconciler::mark_due() {
  all_due_ = true;
  arm_due();
}

void Reconciler::mark_due(const ipvs::ServiceKey& service) {
  due_services_.insert(service);
  arm_due();
}

// At once after a pause; what follows close behind is gathered.
void Reconciler::arm_due() {
  if (!due_at_) {
    due_at_ = std::max(now_, settled_at_ + kGather);
  }
}

bool Reconciler::has_looked() const {
  return actual_ || !core_error_.empty();
}

void Reconciler::log(LogEvent event) {
  actions_.push_back(Log{std::move(event)});
}

// Nothing is planned while the core is busy, or cannot be read.
bool Reconciler::waits_for_core() const {
  return !actual_ || applying_ || reading_ || !core_error_.empty();
}

std::optional<TimePoint> Reconciler::wake_at() const {
  auto first = earliest({nanny_restart_at_, marks_at_});
  if (!applying_ && !reading_) {
    first = earliest({first, read_at_});
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
