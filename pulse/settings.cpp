#include "pulse/settings.h"

#include <span>

#include "pulse/hmac.h"

namespace lvs::pulse {
namespace {

uint64_t short_digest(const std::string& text) {
  const Digest digest = sha256({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof value; ++i) {
    value = value << 8 | digest[i];
  }
  return value;
}

PathEnd path_end(const config::Config& config, const char* key,
                 const std::optional<Address>& address) {
  const auto* name = config.lines.name_of(key);
  return {name != nullptr ? name->name : address ? to_string(*address) : "", address};
}

bool is_same_way(const PathEnd& a, const PathEnd& b) {
  return a.written == b.written || (a.address && a.address == b.address);
}

uint16_t services_in(const config::Config& config) {
  const auto count = std::ranges::count_if(config.virtuals, &config::VirtualService::in_use);
  return static_cast<uint16_t>(std::min<std::ptrdiff_t>(count, kUnservedMax));
}

std::map<std::string, unsigned> services_on(const FloatingAddresses& addresses,
                                            const config::Config& config) {
  std::map<std::string, unsigned> services;
  for (const auto& service : config.virtuals) {
    if (service.in_use() && service.address) {
      ++services[addresses.find(service.address->address)->device];
    }
  }
  return services;
}

}  // namespace

std::vector<HeartbeatPath> heartbeat_paths(const config::Config& config) {
  std::vector<HeartbeatPath> paths;
  const PathEnd primary = path_end(config, "primary", config.primary);
  const PathEnd backup = path_end(config, "backup", config.backup);
  if (!config.backup_active || primary.written.empty() || backup.written.empty()) {
    return paths;
  }
  paths.push_back({"public", primary, backup});
  const PathEnd inner_primary = path_end(config, "primary_private", config.primary_private);
  const PathEnd inner_backup = path_end(config, "backup_private", config.backup_private);
  if (!inner_primary.written.empty() && !inner_backup.written.empty() &&
      !(is_same_way(inner_primary, primary) && is_same_way(inner_backup, backup))) {
    paths.push_back({"private", inner_primary, inner_backup});
  }
  return paths;
}

Result<Settings> settings_of(const config::Config& config, const std::string& text,
                             const Machine& machine) {
  if (machine.node == Node::backup && !config.backup_active) {
    return Error{EINVAL,
                 "this is the backup director and backup_active = 0: pulse has nothing to do"};
  }
  const std::vector<HeartbeatPath> paths = heartbeat_paths(config);
  if (config.backup_active && paths.empty()) {
    return Error{EINVAL, "backup_active = 1 needs the addresses `primary` and `backup`"};
  }
  Settings s;
  s.node = machine.node;
  // As written: what a name resolves to may change, and on one director before the other.
  s.cluster_id = short_digest("caribe " + path_end(config, "primary", config.primary).written +
                              " " + path_end(config, "backup", config.backup).written + " " +
                              std::to_string(config.heartbeat_port));
  s.alone = !config.backup_active;
  s.keepalive = config::heartbeat_interval(config);
  s.deadtime = config.deadtime;
  s.addresses = FloatingAddresses(config::floating_addresses(config));
  s.services = services_in(config);
  s.services_on = services_on(s.addresses, config);
  s.paths.clear();
  for (const HeartbeatPath& path : paths) {
    s.paths.push_back(path.name);
    const PathEnd& peer = machine.node == Node::primary ? path.backup : path.primary;
    if (peer.address) {
      s.peer_addresses.push_back(*peer.address);
    }
  }
  s.knows_peer = s.alone || !s.peer_addresses.empty();
  s.heartbeat_devices = machine.heartbeat_devices;
  if (config.monitor_links != 0) {
    s.monitored_devices = machine.heartbeat_devices;
  }
  s.macs = machine.macs;
  s.witness = !config::witnesses(config).empty();
  s.lvsd_grace = config.lvsd_grace;
  s.failback = config.failback;
  s.split_guard = config.split_guard;
  s.legacy_heartbeats = config.heartbeat_format == config::HeartbeatFormat::legacy;
  s.active_cmd = config.active_cmd;
  s.inactive_cmd = config.inactive_cmd;
  s.config_serial = static_cast<uint32_t>(config.serial_no);
  s.config_digest = short_digest(text);
  return s;
}

}  // namespace lvs::pulse
