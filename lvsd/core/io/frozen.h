// The core of an lvsd that is dead or stopped, to look at: finds what is attached in this network
// namespace and answers the reading commands from its maps. They are opened for reading only, so
// that nothing here can change them: no sweep, no repair. What has expired is left out, as a sweep
// would; rates are zero, because they are measured by that process.
#pragma once

#include <map>
#include <optional>

#include "common/ipvs/request.h"
#include "lvsd/core/expired.h"
#include "lvsd/core/io/attached.h"
#include "lvsd/core/io/tables.h"
#include "lvsd/core/table.h"

namespace lvs::core {

class Frozen {
 public:
  // ENOENT: no core is attached here; EPROTO: one of another layout.
  static Result<Frozen> open();

  bool armed() const;
  // Whatever is not a reading command is refused with EROFS.
  Result<ipvs::Reply> handle(const ipvs::Request& request);

 private:
  Frozen(MapFds maps, Memory memory);

  const ServiceEntry* find(const ipvs::ServiceKey& key) const;
  ipvs::ServiceStatus status(const ipvs::ServiceKey& key, const ServiceEntry& entry) const;
  std::vector<ipvs::DestStatus> servers(const ServiceEntry& entry);

  Result<ipvs::Reply> execute(const ipvs::GetService& request) const;
  Result<ipvs::Reply> execute(const ipvs::GetServices&) const;
  Result<ipvs::Reply> execute(const ipvs::GetDests& request);
  Result<ipvs::Reply> execute(const ipvs::GetInfo&) const;

  MapFds maps_;
  Memory memory_;
  std::map<ipvs::ServiceKey, ServiceEntry> services_;
  std::optional<Expired> expired_;  // Once real servers were asked for: it reads all connections.
};

}  // namespace lvs::core
