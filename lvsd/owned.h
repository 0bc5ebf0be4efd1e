// What this suite made in a core and may take away again: everything else belongs to somebody else.
#pragma once

#include <set>

#include "lvsd/sync_daemons.h"

namespace lvs::lvsd {

struct Owned {
  std::set<ipvs::ServiceKey> services;
  SyncDaemons daemons;  // Their role, interface and sync_id count.
  bool operator==(const Owned&) const = default;
};

}  // namespace lvs::lvsd
