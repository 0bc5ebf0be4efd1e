// The tables of the schedulers that hash, as ip_vs fills them: a hash of the packet leads to a
// slot, the slot to a real server. The lookup is in lvsd/bpf/schedule.h. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "lvsd/core/table.h"

namespace lvs::core {

// Ids of real servers; LVS_NO_DEST everywhere when there is none.
using HashTable = std::vector<uint32_t>;

HashTable dh_table(const Servers& servers);  // In turn, whatever their weights.
HashTable sh_table(const Servers& servers);  // In turn, each as often as it weighs, once at least.
// Maglev: each server walks the table in an order of its own and takes what is free, as often in a
// round as it weighed last; so one that comes or goes moves few of the others' slots.
HashTable mh_table(const Servers& servers);

}  // namespace lvs::core
