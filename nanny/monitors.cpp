#include "nanny/monitors.h"

#include "nanny/schedule.h"

namespace lvs::nanny {
namespace {

LogEvent transition_event(const Endpoint& target, const Verdict& verdict, Announcer announcer) {
  const std::string place = to_string(target);
  const bool is_up = verdict.health == Health::up;
  LogEvent event{Level::debug,
                 is_up ? "server-up" : "server-down",
                 "",
                 {{"server", place},
                  {"reason", verdict.reason},
                  {"latency_ms", std::to_string(to_ms(verdict.latency).count())}}};
  if (announcer == Announcer::nanny) {
    event.level = Level::notice;
    event.marker = is_up ? "[ active ] making " + place + " available"
                         : "[inactive] shutting down " + place + " due to connection failure";
  }
  return event;
}

LogEvent trouble_event(const Endpoint& target, const ProbeResult& result) {
  const bool undecided = !is_decided(result.outcome);
  return {undecided ? Level::warning : Level::info,
          undecided ? "check-undecided" : "check-failed",
          result.marker,
          {{"server", to_string(target)}, {"reason", result.reason}}};
}

// What was in use, or could be, is there for all that is known.
Health without_way(Health before) {
  return before == Health::up || before == Health::recovering ? Health::cut : before;
}

// Without what a server said, which may be another each time.
std::string kind_of_trouble(const ProbeResult& result) {
  return result.reason.substr(0, result.reason.find('"'));
}

}  // namespace

Step Monitors::step(const Event& event, TimePoint now) {
  Step step;
  std::visit([&](const auto& e) { on(e, now, step); }, event);
  start_due(now, step);
  if (running_.size() < probes_max_ && !due_.empty()) {
    step.wake_at = due_.begin()->first;
  }
  return step;
}

void Monitors::on(const SetMonitor& order, TimePoint now, Step& step) {
  const auto found = watched_.find(order.id);
  if (found != watched_.end()) {
    if (*found->second.monitor == order.monitor) {
      return;
    }
    halt(order.id, found->second, step);
    watched_.erase(found);
  }
  if (watched_.size() >= kMonitorsMax) {
    step.actions.push_back(LogEvent{
        Level::error,
        "monitor-refused",
        "",
        {{"server", to_string(order.monitor.target)}, {"limit", std::to_string(kMonitorsMax)}}});
    return;
  }
  Watched fresh{std::make_shared<const Monitor>(order.monitor),
                HealthCounter(order.monitor.rise, order.monitor.fall)};
  Watched& watched = watched_.emplace(order.id, std::move(fresh)).first->second;
  if (hold_ != Hold::none) {
    hold_now(order.id, watched, step);
    return;
  }
  wait_until(order.id, watched, now + first_delay(order.monitor.interval, rng_));
}

void Monitors::on(const RemoveMonitor& order, TimePoint, Step& step) {
  const auto found = watched_.find(order.id);
  if (found == watched_.end()) {
    return;
  }
  halt(order.id, found->second, step);
  watched_.erase(found);
}

void Monitors::on(const ProbeDone& done, TimePoint now, Step& step) {
  const auto found = running_.find(done.probe);
  if (found == running_.end()) {
    return;
  }
  const MonitorId id = found->second;
  Watched& watched = watched_.at(id);
  const Duration latency = now - watched.running->since;
  running_.erase(found);
  watched.running.reset();
  ++watched.checks;
  count(id, watched, done.result, latency, step);
  wait_until(id, watched, now + pause(watched.monitor->interval, watched.checks, rng_));
}

void Monitors::on(const Hold& hold, TimePoint now, Step& step) {
  if (hold == hold_) {
    return;
  }
  hold_ = hold;
  const char* marker = hold == Hold::down ? "opaque glasses on"
                       : hold == Hold::up ? "rose-colored glasses on"
                                          : "removing glasses";
  step.actions.push_back(LogEvent{Level::notice, "hold", marker, {}});
  for (auto& [id, watched] : watched_) {
    if (hold_ != Hold::none) {
      hold_now(id, watched, step);
    } else {
      watched.health.let_next_decide();
      wait_until(id, watched, now);
    }
  }
}

void Monitors::on(const WayChanged& change, TimePoint now, Step& step) {
  const std::set<Address> servers(change.servers.begin(), change.servers.end());
  for (auto& [id, watched] : watched_) {
    const bool is_held = !watched.due && !watched.running;
    if (is_held || !servers.contains(watched.monitor->target.address)) {
      continue;
    }
    halt(id, watched, step);
    if (!change.has_way) {
      count(id, watched, cut(change.reason), Duration{0}, step);
    } else if (!std::exchange(watched.has_way, true)) {
      watched.is_unproven = true;
      tell_of_the_way_back(id, watched, step);
    }
    wait_until(id, watched,
               change.has_way ? now : now + pause(watched.monitor->interval, watched.checks, rng_));
  }
}

void Monitors::count(MonitorId id, Watched& watched, const ProbeResult& result, Duration latency,
                     Step& step) {
  const Endpoint& target = watched.monitor->target;
  const std::string trouble = result.outcome == Outcome::works ? "" : kind_of_trouble(result);
  const bool is_new = std::exchange(watched.trouble, trouble) != trouble && !trouble.empty();
  if (is_new) {
    step.actions.push_back(trouble_event(target, result));
  }
  if (!is_decided(result.outcome)) {
    if (is_new) {
      let_stand(id, watched, result, latency, step);
    }
    return;
  }
  const bool stood = std::exchange(watched.stands, false);
  watched.is_unproven = !std::exchange(watched.has_way, true) || watched.is_unproven;
  const bool works = result.outcome == Outcome::works;
  const Health before = watched.health.told();
  const auto health = watched.health.count(works);
  const bool is_proven = watched.is_unproven && (works || health);
  watched.is_unproven = watched.is_unproven && !is_proven;
  if (health) {
    tell(target, {id, *health, result.reason, latency, true}, step);
  } else if (works && watched.health.health() == Health::down) {
    const std::string reason = "recovering, " + std::to_string(watched.health.against()) + " of " +
                               std::to_string(watched.health.needed()) + " checks passed";
    step.actions.push_back(Report{{id, Health::recovering, reason, latency, true}});
  } else if (stood || is_proven || (is_new && watched.health.health() == Health::down) ||
             watched.health.told() != before) {
    step.actions.push_back(Report{{id, told_of(watched), result.reason, latency, true}});
  }
}

Health Monitors::told_of(const Watched& watched) {
  const Health told = watched.health.told();
  return watched.has_way && !watched.is_unproven ? told : without_way(told);
}

// All that it leads to at once, before the first of them is checked: else those that are checked
// later would be cut still while another one serves.
void Monitors::tell_of_the_way_back(MonitorId id, const Watched& watched, Step& step) const {
  step.actions.push_back(
      Report{{id, told_of(watched), "not checked since the way is back", Duration{0}, true}});
}

void Monitors::let_stand(MonitorId id, Watched& watched, const ProbeResult& result,
                         Duration latency, Step& step) const {
  watched.has_way = watched.has_way && result.outcome != Outcome::cut;
  watched.stands = true;
  step.actions.push_back(Report{{id, told_of(watched), "not checked: " + result.reason, latency,
                                 watched.has_way, result.outcome == Outcome::cut}});
}

void Monitors::tell(const Endpoint& target, Verdict verdict, Step& step) const {
  step.actions.push_back(transition_event(target, verdict, announcer_));
  step.actions.push_back(Report{std::move(verdict)});
}

void Monitors::hold_now(MonitorId id, Watched& watched, Step& step) {
  halt(id, watched, step);
  const bool up = hold_ == Hold::up;
  if (const auto health = watched.health.hold(up ? Health::up : Health::down)) {
    tell(watched.monitor->target, {id, *health, up ? "held up" : "held down", Duration{0}}, step);
  }
}

void Monitors::halt(MonitorId id, Watched& watched, Step& step) {
  if (watched.due) {
    due_.erase({*watched.due, id});
    watched.due.reset();
  }
  if (watched.running) {
    step.actions.push_back(CancelProbe{watched.running->probe});
    running_.erase(watched.running->probe);
    watched.running.reset();
  }
}

void Monitors::wait_until(MonitorId id, Watched& watched, TimePoint due) {
  watched.due = due;
  due_.emplace(due, id);
}

void Monitors::start_due(TimePoint now, Step& step) {
  while (!due_.empty() && due_.begin()->first <= now && running_.size() < probes_max_) {
    const MonitorId id = due_.begin()->second;
    due_.erase(due_.begin());
    Watched& watched = watched_.at(id);
    watched.due.reset();
    watched.running = Running{++last_probe_, now};
    running_.emplace(last_probe_, id);
    step.actions.push_back(StartProbe{last_probe_, id, watched.monitor});
  }
}

}  // namespace lvs::nanny
