// What a director needs to know of lvs.cf and of its machine, resolved: the shell finds out which
// node it is, on which devices the heartbeat addresses sit and which hardware addresses it has,
// settings_of() takes the rest from the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/config/model.h"
#include "common/result.h"
#include "common/time.h"
#include "pulse/floating_addresses.h"
#include "pulse/wire.h"

namespace lvs::pulse {

struct Settings {
  Node node = Node::primary;
  uint64_t cluster_id = 0;
  // backup_active = 0: no heartbeats, no leases, active at once (docs/decisions/0002).
  bool alone = false;
  Duration keepalive = std::chrono::seconds{2};
  Duration deadtime = std::chrono::seconds{5};
  FloatingAddresses addresses;
  // So many are added before anything else is heard and announced: the kernel takes up to a tenth
  // of a millisecond for each.
  size_t added_at_once = 64;
  uint16_t services = 0;                        // In use; kUnservedMax stands for more.
  std::map<std::string, unsigned> services_on;  // By the device of their address.
  // Names of the heartbeat paths; a PathId is an index here.
  std::vector<std::string> paths = {"public"};
  // Of the own heartbeat addresses.
  std::set<std::string> heartbeat_devices;
  // The same, whose carrier counts by itself; empty: monitor_links = 0.
  std::set<std::string> monitored_devices;
  // Own hardware addresses of the devices with floating addresses.
  std::vector<Mac> macs;
  bool witness = false;  // One is configured.
  Duration lvsd_grace = std::chrono::seconds{10};
  config::Failback failback;
  bool split_guard = true;
  bool legacy_heartbeats = false;  // Piranha's (legacy.h).
  // The peer's own addresses, on the heartbeat paths.
  std::vector<Address> peer_addresses;
  // False: it is known by names alone, and none of them has an address yet.
  bool knows_peer = true;
  std::string active_cmd;
  std::string inactive_cmd;
  uint32_t config_serial = 0;
  // Of the configuration file's text: both directors should have the same.
  uint64_t config_digest = 0;

  bool operator==(const Settings&) const = default;
};

// What only the machine can tell.
struct Machine {
  Node node = Node::primary;
  std::set<std::string> heartbeat_devices;
  std::vector<Mac> macs;
};

// Where heartbeats go: on each path from the own node's address to the other's. None when alone.
struct PathEnd {
  std::string written;             // In lvs.cf: a host name, or the address.
  std::optional<Address> address;  // Nothing: a name that has none yet.
  bool operator==(const PathEnd&) const = default;
};
struct HeartbeatPath {
  std::string name;
  PathEnd primary;
  PathEnd backup;
};
std::vector<HeartbeatPath> heartbeat_paths(const config::Config& config);

// `text` is the content of lvs.cf, for the digest. An error: pulse must not start with this file.
Result<Settings> settings_of(const config::Config& config, const std::string& text,
                             const Machine& machine);

}  // namespace lvs::pulse
