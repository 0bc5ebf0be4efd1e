#include "tests/sim/servers/laws.h"

#include <algorithm>
#include <utility>

#include "tests/sim/servers/wish.h"
#include "tests/sim/servers/world.h"

namespace lvs::sim::servers {
namespace {

using namespace std::chrono_literals;

// Backoff from 200 ms: 0.2, 0.6, 1.4, 3, 6.2 s after the first; and what a look at the table, or a
// failure with another cause, adds.
constexpr size_t kFailuresMax = 8;
constexpr Duration kFailuresWindow = 10s;
constexpr Duration kSoon = 25ms;  // Longer than anything is gathered.

const lvsd::OpTarget kReading{};  // The core as a whole.

bool is_ours(const ipvs::ServiceKey& key, const std::set<ipvs::ServiceKey>& ever,
             const ipvs::Table& foreign) {
  return ever.contains(key) && !foreign.contains(key);
}

}  // namespace

void Laws::lvsd_started(const config::Config& config) {
  monitors_.clear();
  heard_.clear();
  role_heard_.reset();
  failures_.clear();
  for (const auto& [key, service] : services_in_use(config)) {
    ever_ours_.insert(key);
  }
}

void Laws::hears(const lvsd::Event& event) {
  if (const auto* told = std::get_if<lvsd::VerdictHeard>(&event)) {
    const Verdict& verdict = told->verdict;
    Health& heard = heard_[verdict.id];
    if (heard != verdict.health) {  // Something else is to be done.
      std::erase_if(failures_,
                    [](const auto& failure) { return failure.first.server.has_value(); });
    }
    heard = verdict.health == Health::unknown ? heard : verdict.health;
    if (heard == Health::up && !verdict.has_way) {
      heard = Health::cut;
    } else if (heard == Health::cut && verdict.has_way) {
      heard = Health::unknown;  // Until a check says.
    }
  } else if (const auto* said = std::get_if<lvsd::RoleSaid>(&event)) {
    role_heard_ = said->active;
  } else if (const auto* taken = std::get_if<lvsd::Configured>(&event)) {
    failures_.clear();
    for (const auto& [key, service] : services_in_use(taken->config)) {
      ever_ours_.insert(key);
    }
    std::erase_if(heard_, [&](const auto& heard) {
      const auto monitor = monitors_.find(heard.first);
      return monitor == monitors_.end() ||
             std::ranges::none_of(services_in_use(taken->config), [&](const auto& each) {
               return has_check(*each.second) &&
                      config::effective_check(*each.second) == monitor->second.check;
             });
    });
  } else if (const auto* read = std::get_if<lvsd::TableRead>(&event); read && !read->snapshot) {
    std::erase_if(failures_, [](const auto& failure) { return failure.first != kReading; });
    check_rate(kReading);
  }
}

void Laws::acted(const lvsd::Event& event, const lvsd::Step& step) {
  if (step.wake_at && *step.wake_at <= world_.now()) {
    world_.violated("wakes-in-the-future");
  }
  if (!std::holds_alternative<lvsd::ReloadFailed>(event)) {
    return;
  }
  for (const auto& action : step.actions) {
    const auto* sent = std::get_if<lvsd::SendMonitorOrders>(&action);
    const bool changes_monitors =
        sent != nullptr && std::ranges::any_of(sent->orders, [](const auto& order) {
          return !std::holds_alternative<Ping>(order);
        });
    if (changes_monitors || std::holds_alternative<lvsd::SetDenied>(action) ||
        std::holds_alternative<lvsd::SaveOwned>(action)) {
      world_.violated("a-refused-reload-changes-nothing");
    }
  }
  if (!(world_.lvsd().config() == world_.running())) {
    world_.violated("a-refused-reload-changes-nothing", "the configuration");
  }
}

const config::VirtualService* Laws::service(const ipvs::ServiceKey& key) const {
  const auto services = services_in_use(world_.running());
  const auto found = services.find(key);
  return found == services.end() ? nullptr : found->second;
}

// Whether a monitor of this server was last heard to be one of these: one with its timings, else
// any with its check, for lvsd lets a monitor have others while nanny is away. Nothing heard:
// unknown.
bool Laws::is_among(const std::set<Health>& any, const config::VirtualService& service,
                    const config::RealServer& server) const {
  const auto check = config::effective_check(service);
  bool is_any_exact = false;
  std::set<Health> healths;
  for (const auto& [id, monitor] : monitors_) {
    if (monitor.target != Endpoint{server.address, server.port} || !(monitor.check == check)) {
      continue;
    }
    const bool is_exact = monitor.interval == service.interval &&
                          monitor.timeout == service.timeout && monitor.rise == service.rise &&
                          monitor.fall == service.fall;
    if (is_exact != is_any_exact) {
      if (!is_exact) {
        continue;
      }
      healths.clear();
      is_any_exact = true;
    }
    const auto heard = heard_.find(id);
    healths.insert(heard == heard_.end() ? Health::unknown : heard->second);
  }
  if (healths.empty()) {
    return any.contains(Health::unknown);
  }
  return std::ranges::any_of(healths, [&](Health health) { return any.contains(health); });
}

int Laws::count_that_serve(const config::VirtualService& service) const {
  int count = 0;
  for (const auto& [key, server] : servers_in_use(service)) {
    const bool may_fail = has_check(service) &&
                          is_among({Health::down, Health::recovering, Health::cut, Health::unknown},
                                   service, *server);
    count += server->weight > 0 && !may_fail ? 1 : 0;
  }
  return count;
}

void Laws::check_ownership(const ipvs::Request& op) {
  const auto target = lvsd::target_of(op);
  if (!target.service) {
    return;
  }
  if (!is_ours(*target.service, ever_ours_, world_.foreign())) {
    world_.violated("what-is-not-ours-is-not-touched", ipvs::to_string(op));
  }
  const auto* held = service(*target.service);
  if (std::holds_alternative<ipvs::DelService>(op) && held != nullptr &&
      !is_served_by(*held, standbys())) {
    world_.violated("a-configured-service-is-not-deleted", ipvs::to_string(op));
  }
}

// A server that takes connections gets no fewer unless a check said so, or the sorry server serves.
void Laws::check_removal(const ipvs::ServiceKey& key, const ipvs::DestKey& server) {
  const auto* held = service(key);
  if (held == nullptr) {
    return;
  }
  const auto servers = servers_in_use(*held);
  const auto found = servers.find(server);
  if (found == servers.end() || found->second->weight == 0) {
    return;
  }
  const bool is_sorry = sorry_server_of(*held) && count_that_serve(*held) < held->quorum;
  const bool is_failing =
      has_check(*held) &&
      is_among({Health::down, Health::recovering, Health::cut}, *held, *found->second);
  if (!is_failing && !is_sorry) {
    world_.violated("nobody-is-taken-out-without-a-verdict",
                    ipvs::to_string(server) + " of " + ipvs::to_string(key));
  }
}

// Nor does one get any that is down.
void Laws::check_new_weight(const ipvs::ServiceKey& key, const ipvs::DestKey& server,
                            int32_t weight) {
  const auto* held = service(key);
  if (held == nullptr) {
    return;
  }
  const auto servers = servers_in_use(*held);
  const auto found = servers.find(server);
  if (found == servers.end()) {
    if (sorry_server_of(*held) == server && weight > 0 && count_that_serve(*held) >= held->quorum) {
      world_.violated("the-sorry-server-serves-below-the-quorum-only", ipvs::to_string(key));
    }
    return;
  }
  if (weight < found->second->weight) {
    check_removal(key, server);
  } else if (weight > 0 && has_check(*held) && is_monitored() &&
             !is_among({Health::up, Health::recovering, Health::cut, Health::unknown}, *held,
                       *found->second)) {
    world_.violated("a-failing-server-gets-no-weight",
                    ipvs::to_string(server) + " of " + ipvs::to_string(key));
  }
}

void Laws::planned(const std::vector<ipvs::Request>& ops) {
  for (const auto& op : ops) {
    check_ownership(op);
    if (const auto* added = std::get_if<ipvs::NewDest>(&op)) {
      check_new_weight(added->service, added->key, added->dest.weight);
    } else if (const auto* set = std::get_if<ipvs::SetDest>(&op)) {
      check_new_weight(set->service, set->key, set->dest.weight);
    } else if (const auto* removed = std::get_if<ipvs::DelDest>(&op)) {
      check_removal(removed->service, removed->key);
    }
  }
}

void Laws::executed(const ipvs::Request& op, const std::optional<Error>& error) {
  const auto target = lvsd::target_of(op);
  if (!error) {
    failures_.erase(target);
  } else if (error->code != ENOBUFS) {
    check_rate(target);
  }
}

void Laws::check_rate(const lvsd::OpTarget& target) {
  auto& failures = failures_[target];
  failures.push_back(world_.now());
  while (failures.front() < world_.now() - kFailuresWindow) {
    failures.pop_front();
  }
  if (failures.size() > kFailuresMax) {
    world_.violated("what-fails-is-tried-less-and-less",
                    target.service ? ipvs::to_string(*target.service) : "the core");
    failures.clear();
  }
}

void Laws::ordered(const MonitorOrder& order) {
  if (const auto* set = std::get_if<SetMonitor>(&order)) {
    monitors_[set->id] = set->monitor;
  } else if (const auto* removal = std::get_if<RemoveMonitor>(&order)) {
    monitors_.erase(removal->id);
    heard_.erase(removal->id);
  }
}

void Laws::armed(bool to) {
  if (role_heard_ != to) {
    world_.violated("only-a-role-arms-or-disarms");
  }
}

void Laws::checked(const nanny::StartProbe& probe, const nanny::ProbeResult& result) {
  Count& count = counts_[probe.id];
  if (count.monitor != probe.monitor) {
    count = {probe.monitor};
  }
  if (!nanny::is_decided(result.outcome)) {
    return;
  }
  ++count.checks;
  const bool works = result.outcome == nanny::Outcome::works;
  count.passes = works ? count.passes + 1 : 0;
  count.failures = works ? 0 : count.failures + 1;
}

// What nanny says anew of a server follows from the checks that ended.
void Laws::reported(const Verdict& verdict) {
  Count& count = counts_[verdict.id];
  const Health before = std::exchange(count.told, verdict.health);
  if (verdict.health == before || !count.monitor) {
    return;
  }
  const bool is_back = before == Health::cut;  // What it was before stands.
  const bool is_first = count.checks == 1;
  bool is_true = true;
  switch (verdict.health) {
    case Health::up:
      is_true = is_back || count.passes >= (is_first ? 1 : count.monitor->rise);
      break;
    case Health::down:
      is_true = is_back || count.failures >= (is_first ? 1 : count.monitor->fall);
      break;
    case Health::recovering:
      is_true = is_back || count.passes > 0;
      break;
    case Health::cut:
    case Health::unknown:
      break;
  }
  if (!is_true) {
    world_.violated("a-verdict-follows-from-checks", verdict.reason);
  }
}

// The director's addresses, if it is a standby with ip_vs.
std::set<Address> Laws::standbys() const {
  const bool is_standby = role_heard_ == false || world_.role() == false;
  return is_standby && world_.running().core == config::CoreKind::kernel
             ? world_.core().own_addresses
             : std::set<Address>{};
}

bool Laws::is_monitored() const {
  return world_.running().standby_monitoring || world_.role().value_or(world_.lvsd().armed());
}

bool Laws::is_table_right() const {
  const ipvs::Table& table = world_.core().table;
  ipvs::Table wanted = wish(world_.running(), world_.network(), standbys());
  for (const auto& [key, entry] : world_.foreign()) {
    wanted.emplace(key, entry);
  }
  if (is_monitored()) {
    return table == wanted;
  }
  // Nobody tells what the servers do: what stood there stands.
  return std::ranges::equal(table, wanted, [&](const auto& a, const auto& b) {
    return a.first == b.first && a.second.service == b.second.service;
  });
}

void Laws::between_misfortunes() {
  if (!world_.is_idle()) {
    return;
  }
  for (const auto& op : world_.lvsd().pending()) {
    const auto target = lvsd::target_of(op);
    const auto& failures = world_.lvsd().retries().failures();
    if (!failures.contains(target) && !failures.contains({target.service, {}, {}})) {
      world_.violated("what-is-not-due-has-nothing-to-do", ipvs::to_string(op));
    }
  }
}

std::vector<std::string> Laws::lacks_rest() const {
  if (!world_.is_lvsd_running()) {
    return {"lvsd-runs-in-the-end"};
  }
  std::vector<std::string> lacks;
  const auto& lvsd = world_.lvsd();
  if (!is_table_right()) {
    lacks.emplace_back("the-table-is-as-the-file-and-the-servers-say");
  }
  for (const auto& [id, watched] : lvsd.health().monitors().watched()) {
    const auto health = lvsd.health().health_of(watched.servers.front());
    const bool works = world_.network().works(watched.monitor.target.address);
    if (is_monitored() && health != (works ? Health::up : Health::down)) {
      lacks.push_back("lvsd-knows-the-servers-in-the-end: " + to_string(watched.monitor.target));
    }
  }
  for (const auto& op : lvsd.pending()) {
    lacks.push_back("nothing-is-pending-in-the-end: " + ipvs::to_string(op));
  }
  if (lvsd.actual() != world_.core().table) {
    lacks.emplace_back("lvsd-knows-the-table-in-the-end");
  }
  for (const auto& key : world_.record().services) {
    if (service(key) == nullptr) {
      lacks.push_back("the-record-names-what-is-ours: " + ipvs::to_string(key));
    }
  }
  if (!world_.record().draining.empty()) {
    lacks.emplace_back("draining-ends");
  }
  if (!lvsd.is_ready(world_.now())) {
    lacks.emplace_back("lvsd-is-ready-in-the-end");
  }
  if (is_monitored() && (!world_.has_good_nanny() || lvsd.health().pings_unanswered() > 1)) {
    lacks.emplace_back("nanny-works-in-the-end");
  }
  const auto role = world_.role();
  if (role && (lvsd.role() != role || (world_.running().core == config::CoreKind::embedded &&
                                       world_.core().armed != *role))) {
    lacks.emplace_back("the-role-is-kept-in-the-end");
  }
  return lacks;
}

void Laws::expect_what_pulse_is_told() {
  if (!is_monitored()) {
    return;
  }
  const auto unserved = world_.lvsd().health().unserved(world_.now());
  const size_t failing = count_failing(world_.running(), world_.network());
  if (unserved.cut != 0 || !unserved.failing || unserved.failing->if_serving != failing ||
      unserved.failing->if_not != failing) {
    world_.violated("pulse-is-told-how-many-services-fail",
                    std::to_string(failing) + ", told " +
                        (unserved.failing ? std::to_string(unserved.failing->if_serving) + "/" +
                                                std::to_string(unserved.failing->if_not)
                                          : "nothing"));
  }
}

}  // namespace lvs::sim::servers
