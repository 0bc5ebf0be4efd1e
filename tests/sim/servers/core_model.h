// The core that lvsd programs: a table that others change too, refuses what it is told to refuse,
// loses answers, and goes away.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "common/rng.h"
#include "lvsd/events.h"

namespace lvs::sim::servers {

class CoreModel {
 public:
  ipvs::Table table;
  std::map<lvsd::ServerId, uint32_t> connections;
  lvsd::SyncDaemons daemons;
  ipvs::Timeouts timeouts{900, 120, 300};
  std::set<Address> own_addresses;
  bool armed = false;

  // Faults.
  bool is_there = true;
  int refuses_all = 0;  // errno.
  std::map<lvsd::OpTarget, int> refused;
  double loses_answers = 0;
  bool refuses_to_arm = false;

  uint64_t changes = 0;  // Requests that it executed.

  Result<lvsd::Snapshot> read() const;
  // Nothing: done.
  std::optional<Error> execute(const ipvs::Request& op, Rng& rng);
  bool is_healthy() const;
  void heal();

 private:
  bool apply(const ipvs::Request& op);
};

}  // namespace lvs::sim::servers
