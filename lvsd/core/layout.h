// Between the table's values and the structs of lvsd/bpf/abi.h: keys, slices, real servers,
// connection states. One direction writes the maps, the other reads back what an earlier process
// wrote.
#pragma once

#include <string>
#include <vector>

#include "common/ipvs/types.h"
#include "lvsd/bpf/abi.h"
#include "lvsd/core/cursor.h"
#include "lvsd/core/table.h"

namespace lvs::core {

// The one persistence engine.
constexpr auto kSip = "sip";

// An address as entries of either family hold it: IPv4 in the first word.
void put_address(uint32_t (&to)[4], const Address& address);
Address address_in(const uint32_t (&from)[4], uint8_t family);

lvs_service_key to_map(const ipvs::ServiceKey& key);
ipvs::ServiceKey from_map(const lvs_service_key& key);

// Of a client that is denied, or of a prefix.
lvs_deny_key deny_key4(const Prefix& prefix);
lvs_deny_key6 deny_key6(const Prefix& prefix);
Prefix prefix_of(const lvs_deny_key& key);
Prefix prefix_of(const lvs_deny_key6& key);

// Header, servers in their places, gaps: what is copied to the slots array.
std::vector<lvs_slot> make_slice(const ServiceEntry& entry);
lvs_slot slot_of(const Server& server);
constexpr lvs_slot kGap{LVS_NO_DEST, 0};
List list_of(const lvs_slot* slice, const lvs_slice& header);
// Whether a header's own lengths agree.
bool is_whole(const lvs_slice& header);
ipvs::Service service_of(const lvs_slice& header);

// Fills what belongs to lvsd in a real server's entry; the counters stay.
void write_server(lvs_dest& to, const ipvs::ServiceKey& service, uint32_t service_id,
                  const Server& server);
Server server_of(const lvs_dest& from, uint32_t id);

// "ESTABLISHED", as `ipvsadm -L -c` prints it.
std::string state_name(uint8_t protocol, uint8_t state);

}  // namespace lvs::core
