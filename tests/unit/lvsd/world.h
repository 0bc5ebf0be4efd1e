// The reconciler in a small world: a core that is a table in memory, a nanny that does as told, a
// clock that the story moves. The world is a second shell: it performs the same actions as the real
// one.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lvsd/plan.h"
#include "lvsd/reconciler.h"
#include "tests/unit/lvsd/build.h"

namespace lvs::lvsd {

constexpr int kWakesMax = 10'000;
constexpr Duration kAMoment = std::chrono::milliseconds{10};
constexpr Duration kLatency = std::chrono::milliseconds{1};

class World {
 public:
  World();
  ~World();

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
  bool armed_at_start = false;
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
  bool marks_take_long = false;  // The answer does not come.
  std::vector<Sysctl> sysctls;
  std::vector<std::vector<Prefix>> denied;  // Each list that was set.
  std::string deny_error;
  std::string sysctls_error;
  int sysctl_sets = 0;
  std::map<std::string, std::string> kernel_sysctls;  // As they are; only those that were set.
  std::string other_core_error;
  int leavings = 0;
  std::vector<std::string> mark_warnings;
  bool nanny_works = true;
  bool nanny_is_frozen = false;

  Reconciler lvsd;
  TimePoint now{std::chrono::hours{1}};

  void feed(const Event& event);
  void pass(Duration time);
  void start(const config::Config& config, Owned owned = {});
  void reload(const config::Config& config);
  // What nanny says of 10.0.0.HOST.
  void say(int host, Health health, std::string reason = "");
  void all_up();
  std::vector<ipvs::DestKey> web_servers() const;
  std::vector<std::string> markers() const;
  int count(const std::string& event) const;

 private:
  void perform(const ReadTable&);
  void perform(const ApplyOps& action);
  void apply_others(const ipvs::Request& op);
  void perform(const SaveOwned& action);
  void perform(const SetInterfaces&);
  void perform(const SetDenied& action);
  void perform(const SetSysctls& action);
  void perform(const CheckSysctls& action);
  void perform(const LeaveOtherCore&);
  void perform(const ApplyMarks&);
  void perform(const ArmCore& action);
  void perform(const StartNanny&);
  void perform(const StopNanny&);
  void perform(const SendMonitorOrders& action);
  void perform(const Log& action);

  std::deque<Event> queue_;
  std::optional<TimePoint> wake_at_;
};

ServerId web_server(int host);
config::Config draining_web(int servers);
config::Config on_the_kernel(config::Config config);
config::Config synchronised();

}  // namespace lvs::lvsd
