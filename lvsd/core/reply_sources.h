// Where replies of translated connections come from: the NAT servers of all services. What of them
// does not meet the program at its device, fragments say, or packets by a device that cannot carry
// it, is caught behind the FORWARD rules, where ip_vs has its hook. Pure.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "lvsd/core/table.h"

namespace lvs::core {

struct ReplySource {
  Address address;
  uint16_t port = 0;  // 0: any; the protocol says nothing then.
  ipvs::Protocol protocol = ipvs::Protocol::tcp;
  auto operator<=>(const ReplySource&) const = default;
};

class ReplySources {
 public:
  struct Change {
    std::vector<ReplySource> added;
    std::vector<ReplySource> gone;
  };
  // The service as it is now; null: it is gone. What that changes in the whole.
  Change follow(const ipvs::ServiceKey& key, const ServiceEntry* entry);
  std::vector<ReplySource> all() const;

 private:
  std::map<ipvs::ServiceKey, std::set<ReplySource>> of_service_;
  std::map<ReplySource, unsigned> services_;  // That have it.
};

}  // namespace lvs::core
