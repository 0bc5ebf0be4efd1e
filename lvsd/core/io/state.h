// The table in the maps: writes what a command changes, in an order that a packet in between
// survives, reads back what an earlier process left, and answers dumps with the counters of the
// packet path.
//
// Whatever can fail in a change comes first in it, where no packet sees it yet; the rest is stores
// to mapped memory, which cannot fail.
#pragma once

#include <map>
#include <vector>

#include "common/ipvs/request.h"
#include "lvsd/core/cursor.h"
#include "lvsd/core/io/programs.h"
#include "lvsd/core/slots.h"
#include "lvsd/core/table.h"

namespace lvs::core {

class State {
 public:
  State(Programs& programs, TimePoint now);  // Reads back what the maps hold.

  const Table& table() const { return table_; }
  // In the maps, then in the table; an error has changed neither.
  Result<Ok> apply(const Change& change, TimePoint now);
  // A real server that has one of these is the director itself.
  void set_own_addresses(std::set<Address> own);
  // Real servers behind tunnels: from where it sends to them is the routing table's to say.
  void find_tunnel_sources();
  void collect(TimePoint now);

  ipvs::ServiceStatus status_of(const ipvs::ServiceKey& key, const ServiceEntry& entry) const;
  std::vector<ipvs::DestStatus> servers_of(const ServiceEntry& entry) const;
  void zero(const ipvs::ServiceKey& key, const ServiceEntry& entry);

  Result<Ok> set_timeouts(const ipvs::Timeouts& timeouts);

  uint32_t bound_connections() const;
  uint32_t templates() const;

  // Every second: what the estimators of ip_vs do every two.
  void estimate(TimePoint now);

 private:
  struct Rate {
    ipvs::Stats last;
    uint64_t cps = 0, in_pps = 0, out_pps = 0, in_bps = 0,
             out_bps = 0;  // Scaled, as ip_vs keeps them.
  };

  void read_services();
  void read_trash(TimePoint now);
  Result<Ok> write(const PutService& change, TimePoint now);
  Result<Ok> write(const DropServices& change, TimePoint now);
  Result<Ok> write(const PutServer& change, TimePoint now);
  Result<Ok> write(const DropServer& change, TimePoint now);
  Result<Ok> write(const FreeServers& change, TimePoint now);
  Result<Ok> list_new_service(const PutService& change, uint32_t slice, TimePoint now);
  void drop_service(const ipvs::ServiceKey& key, const ServiceEntry& entry, TimePoint now);
  Result<Ok> make_fresh(uint32_t server);
  void write_server(const ipvs::ServiceKey& key, uint32_t service, const Server& server);
  void remove_server(uint32_t id, lvs_service* of);  // No service: it goes too.

  Result<uint32_t> lay_out(const ServiceEntry& entry, TimePoint now);
  uint32_t slice_of(uint32_t service);
  lvs_slice& header_of(uint32_t slice);
  List list_in(uint32_t slice);
  void write_slot(uint32_t slice, uint32_t place, lvs_slot slot);
  // To this slice, which may be the one it has, with the cursor where `follow` says.
  template <typename Follow>
  void move_service(uint32_t service, uint32_t slice, TimePoint now, Follow follow);
  void release(uint32_t slice, TimePoint now);

  Result<Ok> clear_stats(uint32_t server);
  void estimate_one(Rate& rate, const lvs_stats& now_stats);
  static void show_rate(ipvs::Stats& stats, const Rate& rate);

  Programs& programs_;
  Table table_;
  std::set<Address> own_addresses_;
  SlotAllocator slots_;
  std::map<uint32_t, Rate> server_rates_;
  std::map<ipvs::ServiceKey, Rate> service_rates_;
  std::optional<TimePoint> estimated_at_;
  int possible_cpus_;
};

}  // namespace lvs::core
