// lvsd's part of a machine: what its checks see of the services, and what it tells the arbiter.
#include <algorithm>

#include "tests/sim/checkers.h"
#include "tests/sim/world.h"

namespace lvs::sim {

using namespace std::chrono_literals;

namespace {

constexpr uint16_t kServicesCut = 2;  // Without a way; some always have their servers.
constexpr Duration kLvsdAskPause = 1s;
constexpr Duration kFirstVerdicts = 3s;

}  // namespace

// A new lvsd has to check all services anew.
void World::begin_checks(Machine& m) {
  m.services = {};
  m.unchecked_services.clear();
  ++m.lvsd_life;
  m.lvsd_since = now_;
  for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
    m.unchecked_services.insert(service);
    m.services.see(service, lvsd::Seen::nothing, kSeveralChecks, now_);
    const auto first_verdict = static_cast<int64_t>(rng_.below(kVerdictSkew.count()));
    at(now_ + Duration{first_verdict}, [this, &m, service, life = m.lvsd_life] {
      if (m.lvsd_life == life) {
        m.unchecked_services.erase(service);
        check(m, service);
      }
    });
  }
}

void World::check(Machine& m, lvsd::ServiceId service) {
  if (!m.paused_at && !m.unchecked_services.contains(service)) {
    const lvsd::Seen seen = m.uncheckable_services.contains(service) ? lvsd::Seen::uncheckable
                            : m.failing_services.contains(service)   ? lvsd::Seen::fails
                                                                     : lvsd::Seen::passes;
    m.services.see(service, seen, kSeveralChecks, now_);
  }
}

void World::ask_lvsd(Machine& m) {
  hear_services(m);
  at(now_ + kLvsdAskPause, [this, &m, life = m.life] {
    if (m.life == life) {
      ask_lvsd(m);
    }
  });
}

void World::hear_services(Machine& m) {
  const pulse::ServicesChanged services = m.lvsd_ready ? services_of(m) : pulse::ServicesChanged{};
  if (m.director && m.services_heard != services) {
    m.services_heard = services;
    feed(m, services);
  }
  const auto next = services_count(m).changes_at;
  if (m.director && next && *next < now_ + kLvsdAskPause) {
    at(*next, [this, &m, life = m.life] {
      if (m.life == life) {
        hear_services(m);
      }
    });
  }
}

lvsd::FailingCount World::services_count(const Machine& m) const {
  return m.services.count(now_, [](lvsd::ServiceId service) { return service; });
}

pulse::ServicesChanged World::services_of(const Machine& m) const {
  const uint16_t cut = m.has_way ? 0 : kServicesCut;
  const bool has_heard_enough =
      m.unchecked_services.empty() || (m.lvsd_since && now_ >= *m.lvsd_since + kFirstVerdicts);
  const bool checks_stopped = !m.core_wanted && m.services.is_each_uncheckable(now_);
  if (!has_heard_enough || !m.services.is_any_known(now_)) {
    return {.cut = cut, .checks_stopped = checks_stopped};
  }
  const auto count = services_count(m);
  return {cut,
          static_cast<uint16_t>(count.if_serving),
          static_cast<uint16_t>(count.if_not),
          count.failing,
          count.uncheckable,
          count.recovered,
          count.certain,
          count.doubtful,
          checks_stopped};
}

// lvsd tells only while it is ready; what it told last holds.
void World::set_way(Node node, bool has_way) {
  Machine& m = machine(node);
  if (m.has_way != has_way) {
    say(std::string(name(node)) +
        (has_way ? " has a way to the servers" : " has no way to the servers"));
    m.has_way = has_way;
    if (m.lvsd_ready) {
      hear_services(m);
      feed(m, pulse::WayChanged{has_way});
    }
  }
}

void World::set_uncheckable(Node node, const std::set<lvsd::ServiceId>& services) {
  Machine& m = machine(node);
  say(std::string(name(node)) + " cannot check " + std::to_string(services.size()) + " services");
  m.uncheckable_services = services;
  check_all(m);
}

void World::check_all(Machine& m) {
  if (!m.lvsd_ready) {
    return;
  }
  for (lvsd::ServiceId service = 1; service <= kServices; ++service) {
    check(m, service);
  }
  hear_services(m);
}

void World::set_failing_services(Node node, uint16_t count) {
  std::set<lvsd::ServiceId> services;
  for (lvsd::ServiceId service = 1; service <= count; ++service) {
    services.insert(service);
  }
  set_failing(node, services);
}

void World::set_failing(Node node, const std::set<lvsd::ServiceId>& services) {
  Machine& m = machine(node);
  if (m.failing_services == services) {
    return;
  }
  say(std::string(name(node)) + " sees " + std::to_string(services.size()) + " services fail");
  m.failing_services = services;
  check_all(m);
}

}  // namespace lvs::sim
