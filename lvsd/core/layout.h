// Between the table's values and the structs of lvsd/bpf/abi.h: keys, slices, real servers,
// connection states. One direction writes the maps, the other reads back what an earlier process
// wrote.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipvs/types.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/table.h"
#include "lvsd/core/turns.h"

namespace lvs::core {

std::optional<uint32_t> scheduler_number(const std::string& name);
std::string scheduler_name(uint32_t number);

lvs_service_key to_map(const ipvs::ServiceKey& key);
ipvs::ServiceKey from_map(const lvs_service_key& key);

std::vector<Weighted> weighted(const ServiceEntry& entry);
// Header, servers, turns: what is copied to the slots array.
std::vector<lvs_slot> make_slice(const ServiceEntry& entry);
// The turn at which `after` goes on when `before` stands at `turn`: both as in `lvs_service`.
uint32_t turn_after(const ServiceEntry& before, uint32_t turn, const ServiceEntry& after);

uint32_t slice_length(const lvs_slice& header);
ipvs::Service service_of(const lvs_slice& header);

// Fills what belongs to lvsd in a real server's entry; the counters stay.
void write_server(lvs_dest& to, const ipvs::ServiceKey& service, uint32_t service_id,
                  const Server& server);
Server server_of(const lvs_dest& from, uint32_t id);

// "ESTABLISHED", as `ipvsadm -L -c` prints it.
std::string state_name(uint8_t protocol, uint8_t state);

}  // namespace lvs::core
