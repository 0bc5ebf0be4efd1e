// The table in the maps: writes what a command changed, in an order that a packet in between
// survives, reads back what an earlier process left, and answers dumps with the counters of the
// packet path.
#pragma once

#include <map>
#include <vector>

#include "common/ipvs/request.h"
#include "lvsd/core/io/programs.h"
#include "lvsd/core/slots.h"
#include "lvsd/core/table.h"

namespace lvs::core {

class State {
 public:
  State(Programs& programs, TimePoint now);  // Reads back what the maps hold.

  Table& table() { return table_; }
  const Table& table() const { return table_; }
  Result<Ok> write(const Changes& changes, TimePoint now);
  // A real server that has one of these is the director itself.
  void set_own_addresses(std::set<Address> own);
  void collect(TimePoint now);

  ipvs::ServiceStatus status_of(const ipvs::ServiceKey& key, const ServiceEntry& entry) const;
  std::vector<ipvs::DestStatus> servers_of(const ServiceEntry& entry) const;
  void zero(const ServiceEntry& entry);

  Result<Ok> set_timeouts(const ipvs::Timeouts& timeouts);

  uint32_t bound_connections() const;
  uint32_t templates() const;

  // Every second: what the estimators of ip_vs do every two.
  void estimate(TimePoint now);

 private:
  struct Slice {
    uint32_t offset = 0;
    ServiceEntry entry;  // As it was laid out.
  };
  struct Rate {
    ipvs::Stats last;
    uint64_t cps = 0, in_pps = 0, out_pps = 0, in_bps = 0,
             out_bps = 0;  // Scaled, as ip_vs keeps them.
  };

  void read_services();
  void read_trash(TimePoint now);
  void write_server(uint32_t id, bool is_fresh);
  Result<Ok> write_service(const ipvs::ServiceKey& key, TimePoint now);
  void remove_service(const ipvs::ServiceKey& key, uint32_t id, TimePoint now);
  void remove_server(uint32_t id);
  void clear_stats(uint32_t server);
  void estimate_one(Rate& rate, const lvs_stats& now_stats);
  static void show_rate(ipvs::Stats& stats, const Rate& rate);

  Programs& programs_;
  Table table_;
  std::set<Address> own_addresses_;
  SlotAllocator slots_;
  std::map<ipvs::ServiceKey, Slice> slices_;
  std::map<uint32_t, Rate> server_rates_;
  std::map<ipvs::ServiceKey, Rate> service_rates_;
  std::optional<TimePoint> estimated_at_;
  int possible_cpus_;
};

}  // namespace lvs::core
