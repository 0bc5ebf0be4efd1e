// Packets as the programs of the embedded core saw them: which ones are asked for, and what is told
// of each.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/ipvs/types.h"

namespace lvs::ipvs {

struct TraceFilter {
  struct Clients {
    Address prefix;
    unsigned length = 32;
    bool operator==(const Clients&) const = default;
  };
  std::optional<Clients> clients;
  std::optional<Endpoint> service;  // Port 0: any.
  std::optional<Protocol> protocol;
  bool only_drops = false;  // What is dropped, and what counts as --drops has it.
  bool operator==(const TraceFilter&) const = default;
};

enum class Verdict : uint8_t {
  forwarded,   // Sent on: to a real server, to a client, or the error about such a packet.
  to_self,     // To a real server that is the director itself.
  waits,       // To ipvs1, which finds out its next hop and is told of next.
  left,        // To the stack: its rules, its sockets; or on its way, by its leave.
  own,         // Of the director's stack, on its way out.
  answered,    // By an ICMP error to the sender, made by the core.
  dropped,     // By the core.
  for_others,  // Addressed to another MAC than its device's.
};

enum class TracedConnection : uint8_t { none, known, begun, ended };

struct TracedPacket {
  uint64_t time_ns = 0;  // Since 1970.
  std::string device;
  bool is_incoming = true;  // By this device, or out of it.
  uint8_t protocol = 0;
  Endpoint from, to;  // As it came; port 0: it has none.
  uint8_t tcp_flags = 0;
  uint8_t icmp_type = 0, icmp_code = 0;
  bool is_fragment = false;
  uint32_t bytes = 0;
  Verdict verdict = Verdict::left;
  TracedConnection connection = TracedConnection::none;
  bool is_reply = false;  // Of that connection.
  Forward forward = Forward::masq;
  std::optional<Endpoint> server;    // Of a request that is forwarded.
  std::optional<Endpoint> service;   // Of a reply: the virtual server it speaks for.
  std::string way;                   // The device it leaves by, where the connection knows it.
  std::vector<std::string> reasons;  // As --drops names them.
  bool operator==(const TracedPacket&) const = default;
};

}  // namespace lvs::ipvs
