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

std::string text_of(const std::optional<Address>& address) {
  return address ? to_string(*address) : "";
}

}  // namespace

std::vector<HeartbeatPath> heartbeat_paths(const config::Config& config) {
  std::vector<HeartbeatPath> paths;
  if (!config.backup_active || !config.primary || !config.backup) {
    return paths;
  }
  paths.push_back({"public", *config.primary, *config.backup});
  if (config.primary_private && config.backup_private &&
      (*config.primary_private != *config.primary || *config.backup_private != *config.backup)) {
    paths.push_back({"private", *config.primary_private, *config.backup_private});
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
  s.cluster_id = short_digest("caribe " + text_of(config.primary) + " " + text_of(config.backup) +
                              " " + std::to_string(config.heartbeat_port));
  s.alone = !config.backup_active;
  s.keepalive = config::heartbeat_interval(config);
  s.deadtime = config.deadtime;
  s.addresses = config::floating_addresses(config);
  s.paths.clear();
  for (const HeartbeatPath& path : paths) {
    s.paths.push_back(path.name);
    s.peer_addresses.push_back(machine.node == Node::primary ? path.backup : path.primary);
  }
  if (config.monitor_links != 0) {
    s.monitored_devices = machine.heartbeat_devices;
  }
  s.macs = machine.macs;
  s.witness = !config.witness.empty();
  s.lvsd_grace = config.lvsd_grace;
  s.failback = config.failback;
  s.split_guard = config.split_guard;
  s.active_cmd = config.active_cmd;
  s.inactive_cmd = config.inactive_cmd;
  s.config_serial = static_cast<uint32_t>(config.serial_no);
  s.config_digest = short_digest(text);
  return s;
}

}  // namespace lvs::pulse
