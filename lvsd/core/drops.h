// Names of the reasons in lvsd/bpf/abi.h, in their order; what `lvsadm --drops` prints.
#pragma once

#include <array>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

constexpr std::array<const char*, LVS_DROPS> kDropNames = {
    "malformed",
    "any-port-service-not-persistent",
    "no-destination",
    "destination-removed",
    "connection-table-full",
    "template-table-full",
    "race",
    "no-route",
    "too-big",
    "time-exceeded",
    "unknown-device",
    "in-circles",
    "fragment",
    "passed-fragment",
    "passed-reused-by-server",
    "passed-not-armed",
    "passed-no-service",
    "passed-not-a-new-connection",
    "passed-to-be-fragmented",
    "evicted-half-open",
    "evicted-template",
    "passed-no-reply",
    "ftp-not-read",
    "ftp-port-taken",
    "drop-packet",
    "denied",
    "no-call-id",
};

}  // namespace lvs::core
