// The IPVS table as values: what every command, dump and plan is about. Names and meanings follow
// the kernel's generic-netlink family "IPVS" (linux/ip_vs.h); a Table is ordered and comparable, so
// two of them can be diffed.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"

namespace lvs::ipvs {

enum class Protocol : uint8_t { tcp = 6, udp = 17, sctp = 132 };

// The kernel's forwarding methods by their numbers (IP_VS_CONN_F_*).
enum class Forward : uint8_t { masq = 0, local = 1, tunnel = 2, direct = 3, bypass = 4 };

enum class TunnelType : uint8_t { ipip = 0, gue = 1, gre = 2 };

// A service is known by protocol, address and port, or by firewall mark and family.
struct AddressKey {
  Protocol protocol = Protocol::tcp;
  Address address;
  uint16_t port = 0;  // 0: any port; only persistent services may use it.
  auto operator<=>(const AddressKey&) const = default;
};
struct MarkKey {
  uint32_t mark = 0;  // Never 0 in a valid key.
  Family family = Family::v4;
  auto operator<=>(const MarkKey&) const = default;
};
using ServiceKey = std::variant<AddressKey, MarkKey>;

// Bits of Service::flags (IP_VS_SVC_F_*). HASHED (2) is the kernel's own and never given.
constexpr uint32_t kPersistent = 0x1;
constexpr uint32_t kHashed = 0x2;
constexpr uint32_t kOnePacket = 0x4;
constexpr uint32_t kSched1 = 0x8;   // sh-fallback, mh-fallback
constexpr uint32_t kSched2 = 0x10;  // sh-port, mh-port
constexpr uint32_t kSched3 = 0x20;

struct Service {
  std::string scheduler = "wlc";  // At most 15 bytes.
  uint32_t flags = 0;
  uint32_t timeout = 0;            // Persistence, seconds; with kPersistent.
  unsigned prefix = 32;            // Persistence granularity: prefix length, 128 for v6 when whole.
  std::string persistence_engine;  // At most 15 bytes; "sip" or empty.
  auto operator<=>(const Service&) const = default;
};

struct DestKey {
  Address address;
  uint16_t port = 0;
  auto operator<=>(const DestKey&) const = default;
};

struct Dest {
  Forward forward = Forward::masq;
  int32_t weight = 1;            // 0 quiesces: no new connections.
  uint32_t upper_threshold = 0;  // Connections; 0: none.
  uint32_t lower_threshold = 0;
  TunnelType tunnel_type = TunnelType::ipip;
  uint16_t tunnel_port = 0;
  uint16_t tunnel_flags = 0;  // 0 none, 1 csum, 2 remcsum
  auto operator<=>(const Dest&) const = default;
};

struct Stats {
  uint64_t connections = 0, in_packets = 0, out_packets = 0, in_bytes = 0, out_bytes = 0;
  uint64_t cps = 0, in_pps = 0, out_pps = 0, in_bps = 0,
           out_bps = 0;  // per second; *_bps are BYTES.
  bool operator==(const Stats&) const = default;
};

// What a table should be: configuration only. plan() compares these.
struct Entry {
  Service service;
  std::map<DestKey, Dest> dests;
  bool operator==(const Entry&) const = default;
};
using Table = std::map<ServiceKey, Entry>;

// What a core answers to a dump: configuration with counters, in the core's own order (newest
// server first).
struct DestStatus {
  DestKey key;
  Dest dest;
  uint32_t active = 0, inactive = 0, persistent = 0;
  Stats stats;
  bool operator==(const DestStatus&) const = default;
};
struct ServiceStatus {
  ServiceKey key;
  Service service;
  Stats stats;
  bool operator==(const ServiceStatus&) const = default;
};

struct Timeouts {  // Seconds; 0 in a SET leaves the value as it is.
  uint32_t tcp = 0, tcp_fin = 0, udp = 0;
  bool operator==(const Timeouts&) const = default;
};

// Those that every core begins with.
constexpr Timeouts kStandardTimeouts{900, 120, 300};

struct Info {
  uint32_t version = 0x010201;  // 1.2.1
  uint32_t connection_table_size = 4096;
  bool operator==(const Info&) const = default;
};

enum class DaemonRole : uint8_t { master = 1, backup = 2 };
struct SyncDaemon {
  DaemonRole role = DaemonRole::master;
  std::string interface;
  uint32_t sync_id = 0;     // 0..255
  uint16_t max_length = 0;  // 0: the core's default
  std::optional<Address> group;
  uint16_t port = 0;  // 0: 8848
  uint8_t ttl = 0;    // 0: 1
  bool operator==(const SyncDaemon&) const = default;
};

// One connection as `ipvsadm -L -c` shows it. Templates have client port 0 and state "NONE".
struct Connection {
  uint8_t protocol = 6;  // IPPROTO_*; 0 (IP) for the template of a mark service.
  Endpoint client, virtual_service, destination;
  std::string state;  // ESTABLISHED, SYN_RECV, ... as the kernel prints them.
  uint32_t expires_s = 0;
  bool is_template = false;
  std::string persistence_engine = {};  // Of a template that it made ...
  std::string persistence_data = {};    // ... for this: a Call-ID, at most 255 bytes.
  bool operator==(const Connection&) const = default;
};

Family family_of(const ServiceKey& key);

std::string to_string(Protocol protocol);      // TCP, UDP, SCTP
std::string to_string(Forward forward);        // Masq, Local, Tunnel, Route, Bypass
std::string to_string(const ServiceKey& key);  // "TCP 192.0.2.1:80", "FWM 80", "FWM 80 IPv6"
std::string to_string(const DestKey& key);     // "10.0.0.2:80"

}  // namespace lvs::ipvs
