// The invariants of a pair of directors, looked at after every step of either. Each has a name that
// docs/SIMULATION.md explains; a broken one is reported to the world and ends up in the transcript.
#pragma once

#include <array>
#include <optional>

#include "tests/sim/world.h"

namespace lvs::sim {

class Checkers {
 public:
  explicit Checkers(World& world) : world_(world) {}

  void after_step(const StepReport& report);
  void after_attack(Node to, const pulse::Status& before, const pulse::Status& after);
  void after_event();  // Any event of the world.
  void healed();
  void process_started(Node node) { heard_[index(node)] = {world_.now()}; }
  // At the end of a history that ended in health.
  void at_the_end();

 private:
  struct LastHeard {
    TimePoint started_at{};
    std::optional<TimePoint> at;
    uint64_t sequence = 0;
    uint64_t incarnation = 0;
    pulse::Role role = pulse::Role::passive;
    bool able = true;
    bool goodbye = false;
  };
  static size_t index(Node node) { return node == Node::primary ? 0 : 1; }

  void after_accepted(Node to, const pulse::Event& event);
  void after_delivery(Node to, const pulse::Heartbeat& heartbeat);
  void check_takeover(const StepReport& report);
  void check_addresses(const StepReport& report);
  bool is_asked_to_let_go(const StepReport& report) const;
  void check_hold(const StepReport& report);
  void check_adoption(const StepReport& report);

  World& world_;
  std::array<LastHeard, 2> heard_;  // By receiver.
  std::optional<TimePoint> two_holders_since_;
  bool both_active_when_healed_ = false;
};

}  // namespace lvs::sim
