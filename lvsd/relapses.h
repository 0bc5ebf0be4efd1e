// Servers that failed again while they recovered. One that recovers is used before its re-entry
// time only where nobody else serves (desired.h), and so are all that recover together after a
// total outage: the first of them could not carry the clients of all. One that then fails again is
// not worth another try as long as somebody else serves, or each passing check of a server that
// comes and goes would cost clients their requests. It waits until it has passed all its checks,
// or until every server of the service is down: that is another outage, and all begin anew.
#pragma once

#include <set>

#include "lvsd/desired.h"

namespace lvs::lvsd {

class Relapses {
 public:
  void note(const ServerId& id, Health before, Health after) {
    if (after == Health::up) {
      servers_.erase(id);
    } else if (before == Health::recovering && after == Health::down) {
      servers_.insert(id);
    }
  }
  void forget(const ipvs::ServiceKey& service) {
    std::erase_if(servers_, [&](const ServerId& id) { return id.service == service; });
  }
  void forget_all() { servers_.clear(); }
  // Of a service that is not what it was.
  template <typename IsThere>
  void keep(const ipvs::ServiceKey& service, const IsThere& is_there) {
    std::erase_if(servers_,
                  [&](const ServerId& id) { return id.service == service && !is_there(id); });
  }
  bool contains(const ServerId& id) const { return servers_.contains(id); }
  bool is_empty() const { return servers_.empty(); }

 private:
  std::set<ServerId> servers_;
};

}  // namespace lvs::lvsd
