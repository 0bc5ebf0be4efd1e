// Writes the list of denied clients into the maps: a prefix that stays keeps its count, and what
// comes is there before what goes has left, so that a wider prefix takes the place of a narrower
// one without a gap. A prefix that the kernel refuses keeps nobody else's from being written; what
// it was to take the place of stays.
#pragma once

#include <optional>
#include <span>

#include "common/prefix.h"
#include "common/result.h"
#include "lvsd/core/io/programs.h"

namespace lvs::core {

struct DenyChange {
  size_t added = 0;
  size_t removed = 0;
  std::optional<Error> refused;  // The first of those that could not be entered.
};

// At most LVS_DENIED_MAX, each without bits behind its length.
DenyChange write_denied(Programs& programs, std::span<const Prefix> wanted);

}  // namespace lvs::core
