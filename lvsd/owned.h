// What this suite made in a core and may take away again: everything else belongs to somebody else.
// With it, as it outlives a process too, which servers keep their connections although they left
// the configuration.
#pragma once

#include <set>

#include "lvsd/desired.h"
#include "lvsd/sync_daemons.h"

namespace lvs::lvsd {

struct Owned {
  std::set<ipvs::ServiceKey> services;
  SyncDaemons daemons;  // Their role, interface and sync_id count.
  Draining draining;
  bool operator==(const Owned&) const = default;
};

}  // namespace lvs::lvsd
