// The packets between lvsd and nanny: one JSON object each, over a SEQPACKET socket pair.
//
//   {"do":"set","id":7,"address":"10.0.0.2","port":80,"protocol":"tcp","interval_ns":2000000000,
//    "timeout_ns":1000000000,"rise":2,"fall":3,"check":{"kind":"http","path":"/",...}}
//   {"do":"remove","id":7}
//   {"do":"ping","number":3}
//   {"verdict":"down","id":7,"reason":"status
//   503","latency_ns":1834211,"has_way":true}
//   {"pong":3}
//
// Every field must be there and in range; a field that the reader does not know is refused too: a
// check that is understood only in part must not run as something else. Text is bytes, not
// characters (send strings are binary): byte N stands as code point U+00NN, so plain ASCII reads as
// itself and nothing is lost.
#pragma once

#include <string>
#include <string_view>

#include "common/monitor.h"
#include "common/result.h"

namespace lvs {

constexpr size_t kMonitorPacketMax = 256 * 1024;  // Bytes of one packet.
constexpr size_t kMonitorTextMax = 10'000;        // Bytes of one text, before escaping.
constexpr size_t kMonitorListMax = 64;            // Status ranges; options of a named check.
constexpr size_t kVerdictReasonMax = 200;         // Bytes; encode() cuts, decode refuses.
constexpr int kMonitorCountMax = 10'000'000;      // rise, fall: a day of the shortest pauses.
constexpr Duration kMonitorTimeMin = std::chrono::milliseconds{1};
constexpr Duration kMonitorTimeMax = std::chrono::hours{24};

std::string encode(const MonitorOrder& order);
std::string encode(const MonitorAnswer& answer);

// EINVAL with the field and what was expected; EMSGSIZE when a limit is passed.
Result<MonitorOrder> decode_monitor_order(std::string_view packet);
Result<MonitorAnswer> decode_monitor_answer(std::string_view packet);

}  // namespace lvs
