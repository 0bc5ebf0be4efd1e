// What the programs tell of a packet, as a value: lvsd/bpf/trace_abi.h in words of common/ipvs. Two
// snapshots, before and behind a program, say what it did.
#pragma once

#include <functional>
#include <string>

#include "common/ipvs/trace.h"
#include "lvsd/bpf/trace_abi.h"

namespace lvs::core {

lvs_trace_filter to_map(const ipvs::TraceFilter& filter);

// `since_1970`: what to add to the event's time.
ipvs::TracedPacket traced_packet(const lvs_trace_event& event, int64_t since_1970,
                                 const std::function<std::string(uint32_t ifindex)>& device);

}  // namespace lvs::core
