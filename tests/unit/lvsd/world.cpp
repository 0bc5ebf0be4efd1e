#include "tests/unit/lvsd/world.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace lvs::lvsd {

World::World() = default;
World::~World() = default;

void World::feed(const Event& event) {
  queue_.push_back(event);
  while (!queue_.empty()) {
    const Event next = queue_.front();
    queue_.pop_front();
    const Step step = lvsd.step(next, now);
    for (const auto& action : step.actions) {
      std::visit([this](const auto& a) { perform(a); }, action);
    }
    wake_at_ = step.wake_at;
    if (wake_at_) {
      EXPECT_GT(*wake_at_, now) << "a wake that is not in the future";
    }
  }
}

void World::pass(Duration time) {
  const TimePoint until = now + time;
  for (int wakes = 0; wake_at_ && *wake_at_ <= until; ++wakes) {
    ASSERT_LT(wakes, kWakesMax) << "the reconciler spins";
    now = *wake_at_;
    feed(Timer{});
  }
  now = until;
}

void World::start(const config::Config& config, Owned owned) {
  feed(Started{config, std::move(owned), armed_at_start});
  pass(kAMoment);
}

void World::reload(const config::Config& config) {
  feed(Configured{config});
  pass(kAMoment);
}

void World::say(int host, Health health, std::string reason) {
  const Address target = address("10.0.0." + std::to_string(host));
  for (const auto& [id, monitor] : monitors) {
    if (monitor.target.address == target) {
      feed(VerdictHeard{{id, health, reason, kLatency}});
    }
  }
  pass(kAMoment);
}

void World::all_up() {
  for (const auto& [id, monitor] : std::map(monitors)) {
    feed(VerdictHeard{{id, Health::up, "", kLatency}});
  }
  pass(kAMoment);
}

std::vector<ipvs::DestKey> World::web_servers() const {
  std::vector<ipvs::DestKey> keys;
  const auto entry = core.find(web_key());
  if (entry != core.end()) {
    for (const auto& [key, dest] : entry->second.dests) {
      keys.push_back(key);
    }
  }
  return keys;
}

std::vector<std::string> World::markers() const {
  std::vector<std::string> markers;
  for (const auto& line : lines) {
    if (!line.marker.empty()) {
      markers.push_back(line.marker);
    }
  }
  return markers;
}

int World::count(const std::string& event) const {
  return static_cast<int>(
      std::count_if(lines.begin(), lines.end(), [&](const auto& l) { return l.event == event; }));
}

void World::perform(const SaveOwned& action) {
  saved = action.owned;
}

void World::perform(const Log& action) {
  lines.push_back(action.event);
}

void World::perform(const ReadTable&) {
  ++reads;
  queue_.push_back(TableRead{
      readable ? Result<Snapshot>(Snapshot{core, connections, timeouts, daemons, own_addresses})
               : Result<Snapshot>(Error{EIO, "core gone"})});
}

void World::perform(const ApplyOps& action) {
  batches.push_back(action.ops.size());
  OpsDone done{action.ops, {}};
  for (const auto& op : action.ops) {
    ops.push_back(op);
    if (loses_answers && ops.size() % 2 == 0) {
      if (ops.size() % 4 == 0) {
        apply_op(op, core);
      }
      done.errors.push_back(Error{ENOBUFS, "lost"});
      continue;
    }
    const bool accepted = !refused.contains(target_of(op)) && apply_op(op, core);
    if (accepted) {
      apply_others(op);
    }
    done.errors.push_back(accepted ? std::optional<Error>{} : Error{EINVAL, "refused by the core"});
  }
  queue_.push_back(done);
}

void World::apply_others(const ipvs::Request& op) {
  apply_daemon_op(op, daemons);
  if (const auto* config = std::get_if<ipvs::SetConfig>(&op)) {
    timeouts.tcp = config->timeouts.tcp != 0 ? config->timeouts.tcp : timeouts.tcp;
    timeouts.udp = config->timeouts.udp != 0 ? config->timeouts.udp : timeouts.udp;
  }
}

void World::perform(const SetInterfaces&) {
}

void World::perform(const SetDenied& action) {
  denied.push_back(action.prefixes);
  queue_.push_back(
      DenyDone{deny_error.empty() ? Result<Ok>(Ok{}) : Result<Ok>(Error{ENOSPC, deny_error})});
}
void World::perform(const SetSysctls& action) {
  ++sysctl_sets;
  sysctls = action.wanted;
  for (const auto& sysctl : action.wanted) {
    if (sysctls_error.empty()) {
      kernel_sysctls[sysctl.name] = sysctl.value;
    }
  }
  queue_.push_back(SysctlsDone{sysctls_error.empty() ? Result<Ok>(Ok{})
                                                     : Result<Ok>(Error{EACCES, sysctls_error})});
}

void World::perform(const CheckSysctls& action) {
  SysctlsFound found;
  for (const auto& sysctl : action.wanted) {
    const auto is = kernel_sysctls.find(sysctl.name);
    if (is != kernel_sysctls.end() && is->second != sysctl.value) {
      found.others.push_back({is->first, is->second});
    }
  }
  queue_.push_back(std::move(found));
}
void World::perform(const LeaveOtherCore&) {
  ++leavings;
  queue_.push_back(OtherCoreLeft{
      other_core_error.empty() ? Result<Ok>(Ok{}) : Result<Ok>(Error{EIO, other_core_error})});
}

void World::perform(const ApplyMarks&) {
  ++marks;
  if (marks_take_long) {
    return;
  }
  if (marks_error.empty()) {
    queue_.push_back(MarksDone{mark_warnings});
  } else {
    queue_.push_back(MarksDone{Error{EIO, marks_error}});
  }
}

void World::perform(const ArmCore& action) {
  queue_.push_back(
      ArmDone{armable ? Result<bool>(action.armed) : Result<bool>(Error{EIO, "map update"})});
}

void World::perform(const StartNanny&) {
  ++nanny_starts;
  nanny_is_frozen = false;
  monitors.clear();
  queue_.push_back(nanny_works ? Event(NannyUp{1000 + nanny_starts})
                               : Event(NannyGone{"could not be executed"}));
}

void World::perform(const StopNanny&) {
  ++nanny_stops;
  monitors.clear();
}

void World::perform(const SendMonitorOrders& action) {
  for (const auto& order : action.orders) {
    if (const auto* set = std::get_if<SetMonitor>(&order)) {
      monitors[set->id] = set->monitor;
    } else if (const auto* removal = std::get_if<RemoveMonitor>(&order)) {
      monitors.erase(removal->id);
    } else if (!nanny_is_frozen) {
      queue_.push_back(PongHeard{std::get<Ping>(order).number});
    }
  }
}

ServerId web_server(int host) {
  return {web_key(), server_at(host)};
}

config::Config draining_web(int servers) {
  auto service = web(servers);
  service.drain = std::chrono::seconds{60};
  return with({service});
}

config::Config on_the_kernel(config::Config config) {
  config.core = config::CoreKind::kernel;
  return config;
}

config::Config synchronised() {
  auto config = on_the_kernel(with({web(1)}));
  config.syncdaemon = true;
  config.syncd_id = 7;
  return config;
}

}  // namespace lvs::lvsd
