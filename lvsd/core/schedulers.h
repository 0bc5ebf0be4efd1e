// The schedulers of the embedded core: their numbers, and the tables of those that hash. What
// administrators call them, their flags, and which core has them: common/ipvs/capabilities.h.
#pragma once

#include <cstdint>
#include <string>

#include "lvsd/bpf/abi.h"
#include "lvsd/core/hash_tables.h"
#include "lvsd/core/table.h"

namespace lvs::core {

struct Scheduler {
  lvs_scheduler number;
  const char* name;
  HashTable (*table)(const Servers&) = nullptr;
  bool is_table_of_weights = false;  // A weight that is set changes the table.
};

// Null: the embedded core has none of this name or number.
const Scheduler* find_scheduler(const std::string& name);
const Scheduler* find_scheduler(uint32_t number);

}  // namespace lvs::core
