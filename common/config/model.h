// lvs.cf as a value: one struct a block, a default for each field, durations as durations. Which
// text a field is read from, its range and its help stand in schema_*.cpp; which rules hold between
// fields in validate.cpp. The keys and defaults are Piranha's (lvs.cf(5)) and, marked "new", this
// suite's.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/config/blocks.h"
#include "common/ipvs/types.h"
#include "common/prefix.h"
#include "common/time.h"

namespace lvs::config {

enum class CoreKind { embedded, kernel };
enum class FirstPacket { stack, express };
enum class HeartbeatFormat { v2, legacy };
enum class ServiceMode { lvs, fos };
enum class ReservationAction { nothing, preempt };

// Where a block stands in its file, for diagnostics. Globals have the lines of the file, from 1; in
// a service and its servers they are counted from the line that opens the service, which is 0 (and
// stands in Blocks::Entry). Two blocks that differ only in this are equal.
struct SourceLines {
  enum class In : uint8_t { globals, service, server };
  struct Given {
    uint32_t key : 8;  // Its place in the block's keys (schema.h).
    uint32_t refused : 1;
    uint32_t line : 23;
  };
  static constexpr uint32_t kAnyKey = 255;  // The key of a line that nothing could be made of.

  // A host name that was written where an address is meant.
  struct Name {
    uint32_t key;
    size_t word;  // Of the value's words.
    std::string name;
    bool waits;  // It has no address yet.
  };

  int block = 0;  // Of the line that opens it; 0 for the globals.
  In in = In::globals;
  std::vector<Given> given;  // Small, since there are many servers.
  std::vector<Name> names;

  int of(std::string_view key) const;  // The key's line, else the block's.
  bool has(std::string_view key) const;
  // Its value could not be read, or it is missing beside a line that nothing could be made of: what
  // the block holds for it is nobody's wish.
  bool refused(std::string_view key) const;
  const Name* name_of(std::string_view key) const;  // Nothing: an address was written, or nothing.
  bool waits_for(std::string_view key) const;       // For a name to get an address.
  // A printed value as it was written: with its names.
  std::string with_names(std::string_view key, const std::string& value) const;
  bool operator==(const SourceLines&) const { return true; }
};

// "192.0.2.1 eth0:1": where a floating address lives. The label may equal the device.
struct FloatingAddress {
  Address address;
  std::string device;              // eth0
  std::string label;               // eth0:1
  std::optional<unsigned> prefix;  // From vip_nmask or nat_nmask; nothing: not given.
  bool operator==(const FloatingAddress&) const = default;
};

// failback = 0 never, 1 as soon as able, a duration: after it has been able that long.
struct Failback {
  bool enabled = false;
  Duration able_for{0};
  bool operator==(const Failback&) const = default;
};

// What a monitor does to find out whether a server works (new key `check`, or from
// send/expect/send_program).
struct TcpConnect {
  bool operator==(const TcpConnect&) const = default;
};
struct SendExpect {
  std::string send;    // As it goes out: escapes translated.
  std::string expect;  // Prefix, "*" for any byte, or an extended regular expression.
  bool is_regex = false;
  bool operator==(const SendExpect&) const = default;
};
struct HttpCheck {
  bool tls = false;
  std::string path = "/";
  std::string host;  // Host header and TLS name; empty: the server's address.
  std::string method = "GET";
  std::vector<std::pair<int, int>> status = {{200, 399}};  // Accepted ranges, both ends included.
  std::string body_regex;                                  // Empty: body not looked at.
  bool verify = true;                                      // TLS: certificate and name.
  bool operator==(const HttpCheck&) const = default;
};
struct ScriptCheck {
  std::string command;  // %h and %p replaced as whole words.
  std::string expect;   // Piranha: exact output less its last byte; empty: exit code counts.
  bool legacy = false;  // script_legacy: a script that times out or fails counts as up.
  std::string user;     // script_user; empty (by hand only): whoever runs nanny.
  bool operator==(const ScriptCheck&) const = default;
};
// Known by name: dns, smtp, ftp, udp, sctp, ping, agent; and none, which no monitor gets.
constexpr const char* kNoCheck = "none";
struct NamedCheck {
  std::string kind;
  std::vector<std::pair<std::string, std::string>> options;
  bool operator==(const NamedCheck&) const = default;
};
using Check = std::variant<TcpConnect, SendExpect, HttpCheck, ScriptCheck, NamedCheck>;

struct MarkPorts {       // One word of mark_ports: "tcp/80,443", "tcp/10000:20000", "esp"
  std::string protocol;  // tcp udp sctp esp ah
  std::vector<std::pair<uint16_t, uint16_t>>
      ranges;  // First and last, both included; empty for esp and ah.
  bool operator==(const MarkPorts&) const = default;
};

struct RealServer {
  std::string name;
  SourceLines lines;
  Address address;
  bool waits = false;  // Its address is a name that has none yet.
  bool active = false;
  int weight = 1;
  uint16_t port = 0;  // Resolved: own port, else the virtual's.
  bool port_given = false;
  std::optional<ipvs::Forward> forward;  // new
  uint32_t u_threshold = 0;              // new
  uint32_t l_threshold = 0;              // new
  bool in_use() const { return active && !waits; }
  bool operator==(const RealServer&) const = default;
};

struct VirtualService {
  std::string name;
  SourceLines lines;
  bool active = false;
  bool waits = false;  // Its address is a name that has none yet.
  std::optional<FloatingAddress> address;
  uint16_t port = 80;
  ipvs::Protocol protocol = ipvs::Protocol::tcp;
  uint32_t fwmark = 0;                // 0: keyed by address and port.
  std::vector<MarkPorts> mark_ports;  // new
  std::string scheduler = "wlc";
  std::vector<std::string> sched_flags;  // new
  bool ops = false;                      // new; one-packet scheduling.
  Duration persistent{0};                // 0: off.
  unsigned pmask_prefix = 32;            // Persistence granularity.
  std::string persistence_engine;        // new; "sip", or empty: by the client's address.
  std::optional<ipvs::Forward> forward;  // new; nothing: the global `network`.
  std::string send;                      // As written, quotes and escapes untouched.
  std::string expect;
  bool use_regex = false;
  std::string send_program;
  bool script_legacy = false;  // new: Piranha's "timeout or failure of a script counts as up".
  std::string script_user = "lvs-check";  // new
  std::optional<Check> check;             // new; nothing: derived from send, expect, send_program.
  Duration timeout = std::chrono::seconds{
      10};  // Of each step of a check; and the pause unless `interval` is given.
  std::optional<Duration> interval;  // new
  Duration reentry = std::chrono::seconds{180};
  std::optional<int> rise;  // new; nothing: from reentry / pause.
  int fall = 1;             // new
  int quorum = 1;           // new
  Duration drain{0};        // new
  std::string load_monitor = "none";
  bool quiesce_server = false;
  std::optional<Address> sorry_server;
  std::string client_monitor;
  std::string start_cmd, stop_cmd;  // failover blocks
  std::vector<RealServer> servers;
  bool in_use() const { return active && !waits; }
  bool operator==(const VirtualService&) const = default;
};

// What stands outside all blocks.
struct Globals {
  SourceLines lines;
  int serial_no = 0;
  std::optional<Address> primary;
  std::optional<Address> primary_private;
  std::string primary_shared;
  std::optional<Address> backup;  // Nothing also when written 0.0.0.0.
  bool backup_active = false;
  std::optional<Address> backup_private;
  std::string backup_shared;
  bool heartbeat = false;  // Read, never used; heartbeating depends on backup_active.
  uint16_t heartbeat_port = 539;
  Duration keepalive = std::chrono::seconds{2};
  Duration deadtime = std::chrono::seconds{5};
  ipvs::Forward network = ipvs::Forward::masq;
  std::optional<FloatingAddress> nat_router;
  ServiceMode service = ServiceMode::lvs;
  std::string rsh_command = "rsh";
  std::string debug_level = "NONE";
  int monitor_links = 0;
  bool syncdaemon = false;
  std::string syncd_iface = "eth0";
  int syncd_id = 0;
  uint32_t tcp_timeout = 0, tcpfin_timeout = 0, udp_timeout = 0;  // Seconds; 0: as they are.
  bool hard_shutdown = true;
  std::string active_cmd, inactive_cmd;
  ReservationAction reservation_conflict_action = ReservationAction::nothing;
  std::string ipvsadm = "/sbin/ipvsadm";
  bool sync = false;

  // New keys.
  CoreKind core = CoreKind::embedded;
  FirstPacket first_packet = FirstPacket::stack;
  std::vector<std::string> interfaces;
  uint32_t connections = 0;  // 0: by the machine's memory.
  std::vector<Prefix> deny;
  // Of net.ipv4.vs; nothing: as they are.
  std::optional<uint32_t> drop_entry, drop_packet, secure_tcp;
  std::optional<uint32_t> am_droprate, amemthresh;
  std::optional<std::string> heartbeat_key =
      "/etc/sysconfig/ha/heartbeat.key";  // Nothing: written `none`.
  std::optional<std::string> heartbeat_key_next;
  HeartbeatFormat heartbeat_format = HeartbeatFormat::v2;
  Failback failback;
  std::vector<Address> witness;  // 0.0.0.0: a name that has no address yet.
  Duration lvsd_grace = std::chrono::seconds{10};
  bool manage_sysctls = true;
  bool conntrack = false;
  bool standby_monitoring = true;
  bool split_guard = true;
  std::optional<std::string> notify_fifo;  // Nothing: written `none`.
  Duration hook_timeout = std::chrono::seconds{60};
  bool operator==(const Globals&) const = default;
};

struct Config : Globals {
  Blocks<VirtualService> virtuals;
  Blocks<VirtualService> failovers;
  bool operator==(const Config&) const = default;
};

// The check that a service's servers get: `check`, else send_program, send/expect, without any of
// them an association for SCTP and Piranha's built-in HTTP probe for port 80, else a TCP connect.
Check effective_check(const VirtualService& service);
// Of its address; of a mark's without one, of its first server with an address, else of its sorry
// server.
Family family_of(const VirtualService& service);
// False with `check = none`: no monitor, the servers count as up.
bool is_checked(const VirtualService& service);
// rise, else reentry / pause, at least 1 (Piranha counts reentry in check periods).
int effective_rise(const VirtualService& service);
Duration effective_interval(const VirtualService& service);  // interval, else timeout
// The server's, the service's or the network's. This director itself (127.0.0.1, ::1) gets what
// nat would send it as it is: the kernel drops what comes from outside for a loopback address.
ipvs::Forward effective_forward(const Globals& globals, const VirtualService& service,
                                const RealServer& server);
// The distinct floating addresses: nat_router if network = nat, since all servers answer by way of
// it, whichever service waits for its turn; then those of active virtuals, of which the first one
// of an address counts.
std::vector<FloatingAddress> floating_addresses(const Config& config);

// Those that have an address.
std::vector<Address> witnesses(const Globals& globals);

// How often heartbeats are really sent: `keepalive`, unless that would let `deadtime` pass between
// one and the next or the next but one. Piranha took such files.
Duration heartbeat_interval(const Config& config);

}  // namespace lvs::config
