// Listings from the maps, without changing anything: the same for the lvsd that owns them and for a
// reader that comes after its death.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "common/ipvs/request.h"
#include "lvsd/core/expired.h"
#include "lvsd/core/io/tables.h"
#include "lvsd/core/table.h"

namespace lvs::core {

// A service as it is laid out in the slots array.
struct LaidOut {
  uint32_t offset = 0;
  uint32_t slots = 0;
  ServiceEntry entry;
};

uint64_t monotonic_ns();  // The clock of the entries' times.

std::vector<std::pair<ipvs::ServiceKey, uint32_t>> service_ids(const Tables& tables);
// Nothing when what stands there is no slice.
std::optional<LaidOut> laid_out(const Tables& tables, uint32_t service_id);

void add(lvs_stats& to, const lvs_stats& from);
void subtract(lvs_stats& from, const lvs_stats& what);
ipvs::Stats shown(const lvs_stats& stats);
lvs_stats traffic_of(const Tables& tables, uint32_t server);
lvs_stats traffic_of(const Tables& tables, const ServiceEntry& entry);

// With the counters as they stand, less what is expired.
ipvs::DestStatus status_of(const Tables& tables, const Server& server,
                           const Expired::Counts& expired);
std::vector<ipvs::Connection> connections(const Tables& tables, uint64_t now);
Expired expired(const Tables& tables, uint64_t now);
std::vector<ipvs::DropCounter> drops(const Tables& tables);
ipvs::Timeouts timeouts(const Tables& tables);
std::vector<ipvs::SettingStatus> chosen_settings(const Tables& tables);
std::vector<ipvs::DeniedPrefix> denied(const Tables& tables);  // In order.

}  // namespace lvs::core
