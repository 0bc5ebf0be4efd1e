// One life of a nanny: the real monitors and ways, checks of the servers as they are, and a line to
// lvsd that keeps the order of packets and takes its time. It can freeze, go deaf (reads no order
// any more) or mute (what it says does not arrive), and be unable to make checks.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "common/monitor.h"
#include "common/rng.h"
#include "nanny/monitors.h"
#include "nanny/ways.h"
#include "tests/sim/servers/clockwork.h"
#include "tests/sim/servers/network.h"

namespace lvs::sim::servers {

class NannyModel : public std::enable_shared_from_this<NannyModel> {
 public:
  struct Watchers {
    std::function<void(const MonitorAnswer&)> on_answer;  // It arrived at lvsd.
    std::function<void(const nanny::StartProbe&, const nanny::ProbeResult&)> on_checked;
    std::function<void(const Verdict&)> on_report;  // It leaves nanny.
  };

  NannyModel(Clockwork& clock, const Network& network, uint64_t seed, Watchers watchers);

  void order(const MonitorOrder& order);
  void device_changed(size_t device);
  void freeze() { is_frozen_ = true; }
  void thaw();
  void die() { is_dead_ = true; }  // What is under way to lvsd still arrives.
  void cut_off() { watchers_ = {}; }
  bool is_dead() const { return is_dead_; }
  bool is_frozen() const { return is_frozen_; }

  bool is_deaf = false;
  bool is_mute = false;
  bool cannot_check = false;
  Duration delay_max = std::chrono::milliseconds{2};

 private:
  void hear(const std::string& packet);
  void feed(const nanny::Event& event);
  void arm(std::optional<TimePoint> wake_at);
  void tell_ways();
  void probe(const nanny::StartProbe& start);
  void end_probe(const nanny::StartProbe& start, TimePoint since, nanny::ProbeResult result);
  nanny::ProbeResult judge(const Address& server, TimePoint since, nanny::ProbeResult result);
  void say(const MonitorAnswer& answer);
  // Later, if it still lives; what comes while it is frozen waits.
  void later(TimePoint when, std::function<void()> what);

  Clockwork& clock_;
  const Network& network_;
  Rng rng_;
  Watchers watchers_;
  nanny::Monitors monitors_;
  nanny::Ways ways_;
  std::set<nanny::ProbeId> running_;
  bool is_dead_ = false;
  bool is_frozen_ = false;
  std::deque<std::function<void()>> waits_;
  std::optional<TimePoint> wake_at_;
  uint64_t wake_ = 0;
  TimePoint orders_until_{};
  TimePoint answers_until_{};
};

}  // namespace lvs::sim::servers
