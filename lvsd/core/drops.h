// Names of the reasons in lvsd/bpf/abi.h, in their order; what `lvsadm --drops` prints.
#pragma once

#include <array>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

constexpr std::array<const char*, LVS_DROPS> kDropNames = {
    "malformed",
    "not-armed",
    "no-service",
    "not-a-new-connection",
    "any-port-service-not-persistent",
    "no-destination",
    "destination-removed",
    "connection-table-full",
    "race",
    "no-route",
    "too-big",
    "time-exceeded",
    "passed-fragment",
    "passed-reused-by-server",
};

}  // namespace lvs::core
