// What goes of the caches of lblc and lblcr (lvsd/bpf/locality.h), as ip_vs looks through its own
// once a minute: of one with too many entries those that were idle for six minutes, until there are
// fewer; each half hour whatever has expired. And the entries of services that are gone. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

// The service whose id an entry names, as it stands now.
struct CacheOwner {
  bool is_by_locality = false;  // It is there, and its scheduler is lblc or lblcr.
  uint32_t cache = 0;
  uint32_t cached = 0;
  uint64_t expiration_ns = 0;
};

class Aging {
 public:
  // A new pass through all entries.
  void begin();
  // Whether an entry is to go. Each is asked about once in a pass.
  bool goes(const lvs_locality_key& key, const lvs_locality& locality, const CacheOwner& owner,
            uint64_t now);
  // How many of this cache have stayed.
  uint32_t stayed(uint32_t service, uint32_t cache) const;
  bool is_any_left() const { return !tallies_.empty(); }

 private:
  struct Tally {
    uint32_t cache = 0;
    uint32_t surplus = 0;  // So many more are to go.
    uint32_t stayed = 0;
  };

  std::map<uint32_t, Tally> tallies_;  // By service.
  uint32_t passes_ = 0;
};

}  // namespace lvs::core
