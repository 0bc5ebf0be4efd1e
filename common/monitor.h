// What lvsd asks of nanny and what nanny answers. One monitor watches one target with one check;
// services that share a server and a check share the monitor. The two daemons speak over a
// SEQPACKET socket pair, one JSON object a packet (monitor_codec): lvsd sends SetMonitor /
// RemoveMonitor, nanny sends Verdict on transitions and once first. A Ping is answered by a Pong of
// the same number as soon as all that was sent before it has been read.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "common/address.h"
#include "common/config/model.h"
#include "common/ipvs/types.h"
#include "common/time.h"

namespace lvs {

using MonitorId = uint64_t;  // Given by lvsd, never reused while nanny lives.

struct Monitor {
  Endpoint target;
  ipvs::Protocol protocol = ipvs::Protocol::tcp;
  config::Check check;
  Duration interval{0};  // Pause between the end of one check and the start of the next.
  Duration timeout{0};   // Of each step of a check.
  int rise = 1;  // Consecutive successes before up; the first verdict after start needs one only.
  int fall = 1;  // Consecutive failures before down.
  bool operator==(const Monitor&) const = default;
};

struct SetMonitor {
  MonitorId id;
  Monitor monitor;
  bool operator==(const SetMonitor&) const = default;
};
struct RemoveMonitor {
  MonitorId id;
  bool operator==(const RemoveMonitor&) const = default;
};
struct Ping {
  uint64_t number;
  bool operator==(const Ping&) const = default;
};
using MonitorOrder = std::variant<SetMonitor, RemoveMonitor, Ping>;

// recovering: down, and passed its last check, as it must a few more times.
// cut: up when it was checked last, and now this machine has no way to it.
enum class Health : uint8_t { unknown, up, down, recovering, cut };

struct Verdict {
  MonitorId id;
  Health health = Health::unknown;  // From nanny: no check has decided yet; the reason says why.
  std::string reason;       // "connect: Connection refused", "status 503", ...: at most 200 bytes.
  Duration latency{0};      // Of the check that decided.
  bool has_way = true;      // False: the last check failed for want of one from this machine.
  bool could_check = true;  // False: this machine could not make the last check.
  bool operator==(const Verdict&) const = default;
};
struct Pong {
  uint64_t number;
  bool operator==(const Pong&) const = default;
};
using MonitorAnswer = std::variant<Verdict, Pong>;

}  // namespace lvs
