// The reconciler in a small world: a core that is a table in memory, a nanny that does as told, a
// clock that the story moves. The world is a second shell: it performs the same actions as the real
// one.
#pragma once

#include <gmock/gmock.h>

#include <deque>

#include "lvsd/plan.h"
#include "lvsd/reconciler.h"
#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {

constexpr int kWakesMax = 10'000;
constexpr Duration kAMoment = std::chrono::milliseconds{10};
constexpr Duration kLatency = std::chrono::milliseconds{1};

class World {
 public:
  // What the core holds and refuses.
  ipvs::Table core;
  std::map<ServerId, uint32_t> connections;
  std::set<OpTarget> refused;
  ipvs::Timeouts timeouts{900, 120, 300};
  SyncDaemons daemons;
  std::set<Address> own_addresses;
  bool readable = true;
  bool loses_answers = false;  // Of every second operation; half of those are done.
  bool armable = true;
  // What the world saw.
  std::vector<ipvs::Request> ops;
  std::vector<size_t> batches;  // Their sizes.
  std::vector<LogEvent> lines;
  std::map<MonitorId, Monitor> monitors;  // In nanny.
  Owned saved;
  int reads = 0;
  int nanny_starts = 0;
  int nanny_stops = 0;
  int marks = 0;
  std::string marks_error;
  std::vector<Sysctl> sysctls;
  std::string sysctls_error;
  int sysctl_sets = 0;
  std::string other_core_error;
  int leavings = 0;
  std::vector<std::string> mark_warnings;
  bool nanny_works = true;
  bool nanny_is_frozen = false;

  Reconciler lvsd;
  TimePoint now{std::chrono::hours{1}};

  void feed(const Event& event) {
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

  void pass(Duration time) {
    const TimePoint until = now + time;
    for (int wakes = 0; wake_at_ && *wake_at_ <= until; ++wakes) {
      ASSERT_LT(wakes, kWakesMax) << "the reconciler spins";
      now = *wake_at_;
      feed(Timer{});
    }
    now = until;
  }

  void start(const config::Config& config, Owned owned = {}) {
    feed(Started{config, std::move(owned), false});
    pass(kAMoment);
  }

  void reload(const config::Config& config) {
    feed(Configured{config});
    pass(kAMoment);
  }

  // What nanny says of 10.0.0.HOST.
  void say(int host, Health health, std::string reason = "") {
    const Address target = address("10.0.0." + std::to_string(host));
    for (const auto& [id, monitor] : monitors) {
      if (monitor.target.address == target) {
        feed(VerdictHeard{{id, health, reason, kLatency}});
      }
    }
    pass(kAMoment);
  }

  void all_up() {
    for (const auto& [id, monitor] : std::map(monitors)) {
      feed(VerdictHeard{{id, Health::up, "", kLatency}});
    }
    pass(kAMoment);
  }

  std::vector<ipvs::DestKey> web_servers() const {
    std::vector<ipvs::DestKey> keys;
    const auto entry = core.find(web_key());
    if (entry != core.end()) {
      for (const auto& [key, dest] : entry->second.dests) {
        keys.push_back(key);
      }
    }
    return keys;
  }

  std::vector<std::string> markers() const {
    std::vector<std::string> markers;
    for (const auto& line : lines) {
      if (!line.marker.empty()) {
        markers.push_back(line.marker);
      }
    }
    return markers;
  }

  int count(const std::string& event) const {
    return static_cast<int>(
        std::count_if(lines.begin(), lines.end(), [&](const auto& l) { return l.event == event; }));
  }

 private:
  void perform(const ReadTable&) {
    ++reads;
    queue_.push_back(TableRead{
        readable ? Result<Snapshot>(Snapshot{core, connections, timeouts, daemons, own_addresses})
                 : Result<Snapshot>(Error{EIO, "core gone"})});
  }
  void perform(const ApplyOps& action) {
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
      done.errors.push_back(accepted ? std::optional<Error>{}
                                     : Error{EINVAL, "refused by the core"});
    }
    queue_.push_back(done);
  }
  void apply_others(const ipvs::Request& op) {
    apply_daemon_op(op, daemons);
    if (const auto* config = std::get_if<ipvs::SetConfig>(&op)) {
      timeouts.tcp = config->timeouts.tcp != 0 ? config->timeouts.tcp : timeouts.tcp;
      timeouts.udp = config->timeouts.udp != 0 ? config->timeouts.udp : timeouts.udp;
    }
  }
  void perform(const SaveOwned& action) { saved = action.owned; }
  void perform(const SetInterfaces&) {}
  void perform(const SetSysctls& action) {
    ++sysctl_sets;
    sysctls = action.wanted;
    queue_.push_back(SysctlsDone{sysctls_error.empty() ? Result<Ok>(Ok{})
                                                       : Result<Ok>(Error{EACCES, sysctls_error})});
  }
  void perform(const LeaveOtherCore&) {
    ++leavings;
    queue_.push_back(OtherCoreLeft{
        other_core_error.empty() ? Result<Ok>(Ok{}) : Result<Ok>(Error{EIO, other_core_error})});
  }
  void perform(const ApplyMarks&) {
    ++marks;
    if (marks_error.empty()) {
      queue_.push_back(MarksDone{mark_warnings});
    } else {
      queue_.push_back(MarksDone{Error{EIO, marks_error}});
    }
  }
  void perform(const ArmCore& action) {
    queue_.push_back(
        ArmDone{armable ? Result<bool>(action.armed) : Result<bool>(Error{EIO, "map update"})});
  }
  void perform(const StartNanny&) {
    ++nanny_starts;
    nanny_is_frozen = false;
    monitors.clear();
    queue_.push_back(nanny_works ? Event(NannyUp{1000 + nanny_starts})
                                 : Event(NannyGone{"could not be executed"}));
  }
  void perform(const StopNanny&) {
    ++nanny_stops;
    monitors.clear();
  }
  void perform(const SendMonitorOrders& action) {
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
  void perform(const Log& action) { lines.push_back(action.event); }

  std::deque<Event> queue_;
  std::optional<TimePoint> wake_at_;
};

inline ServerId web_server(int host) {
  return {web_key(), server_at(host)};
}

inline config::Config draining_web(int servers) {
  auto service = web(servers);
  service.drain = std::chrono::seconds{60};
  return with({service});
}

inline config::Config on_the_kernel(config::Config config) {
  config.core = config::CoreKind::kernel;
  return config;
}

inline config::Config synchronised() {
  auto config = on_the_kernel(with({web(1)}));
  config.syncdaemon = true;
  config.syncd_id = 7;
  return config;
}

}  // namespace lvs::lvsd
