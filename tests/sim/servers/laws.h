// The laws of lvsd and nanny, looked at while a history goes on. They know the servers as they are,
// what was told to whom, and the configuration; and nothing of how lvsd comes to its decisions.
// Each has a name that docs/SIMULATION.md explains.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/monitor.h"
#include "lvsd/events.h"
#include "nanny/monitors.h"

namespace lvs::sim::servers {

class World;

class Laws {
 public:
  explicit Laws(World& world) : world_(world) {}

  // lvsd.
  void lvsd_started(const config::Config& config);
  void hears(const lvsd::Event& event);  // Before it acts on it.
  void acted(const lvsd::Event& event, const lvsd::Step& step);
  void planned(const std::vector<ipvs::Request>& ops);
  void executed(const ipvs::Request& op, const std::optional<Error>& error);
  void ordered(const MonitorOrder& order);
  void forgot_verdicts() { heard_.clear(); }
  void meddled() { failures_.clear(); }  // Something else is to be done.
  void armed(bool to);

  // nanny.
  void nanny_started() { counts_.clear(); }
  void checked(const nanny::StartProbe& probe, const nanny::ProbeResult& result);
  void reported(const Verdict& verdict);

  // When nothing was broken for long enough. True: the table is as it should be.
  bool is_table_right() const;
  bool is_monitored() const;  // Somebody tells lvsd of the servers.
  std::vector<std::string> lacks_rest() const;
  void expect_what_pulse_is_told();
  void between_misfortunes();

 private:
  struct Count {
    std::shared_ptr<const Monitor> monitor;
    int passes = 0;  // In a row.
    int failures = 0;
    uint64_t checks = 0;  // That decided.
    Health told = Health::unknown;
  };

  void check_new_weight(const ipvs::ServiceKey& key, const ipvs::DestKey& server, int32_t weight);
  void check_removal(const ipvs::ServiceKey& key, const ipvs::DestKey& server);
  void check_ownership(const ipvs::Request& op);
  void check_rate(const lvsd::OpTarget& target);
  const config::VirtualService* service(const ipvs::ServiceKey& key) const;
  bool is_among(const std::set<Health>& any, const config::VirtualService& service,
                const config::RealServer& server) const;
  std::set<Address> standbys() const;
  int count_that_serve(const config::VirtualService& service) const;

  World& world_;
  std::set<ipvs::ServiceKey> ever_ours_;
  std::optional<bool> role_heard_;
  std::map<MonitorId, Monitor> monitors_;  // Ordered by this lvsd.
  std::map<MonitorId, Health> heard_;      // By this lvsd.
  std::map<MonitorId, Count> counts_;      // By this nanny.
  std::map<lvsd::OpTarget, std::deque<TimePoint>> failures_;
};

}  // namespace lvs::sim::servers
