#include "lvsd/sync_daemons.h"

#include <algorithm>

namespace lvs::lvsd {
namespace {

bool is_wanted(const config::Config& config) {
  return config.core == config::CoreKind::kernel && config.syncdaemon;
}

// The rest of a daemon (group, port, sizes) has defaults, which a running one reports.
bool is_same(const ipvs::SyncDaemon& a, const ipvs::SyncDaemon& b) {
  return a.role == b.role && a.interface == b.interface && a.sync_id == b.sync_id;
}

bool is_ours(const ipvs::SyncDaemon& daemon, const SyncDaemons& started,
             const config::Config& config) {
  const bool has_our_id =
      is_wanted(config) && daemon.sync_id == static_cast<uint32_t>(config.syncd_id);
  return has_our_id || runs(daemon, started);
}

}  // namespace

bool runs(const ipvs::SyncDaemon& daemon, const SyncDaemons& among) {
  return std::any_of(among.begin(), among.end(),
                     [&](const auto& each) { return is_same(each, daemon); });
}

std::optional<ipvs::SyncDaemon> wanted_daemon(const config::Config& config,
                                              std::optional<bool> role) {
  if (!is_wanted(config) || !role) {
    return std::nullopt;
  }
  ipvs::SyncDaemon daemon;
  daemon.role = *role ? ipvs::DaemonRole::master : ipvs::DaemonRole::backup;
  daemon.interface = config.syncd_iface;
  daemon.sync_id = static_cast<uint32_t>(config.syncd_id);
  return daemon;
}

std::vector<ipvs::Request> plan_daemons(const SyncDaemons& running, const SyncDaemons& started,
                                        const config::Config& config, std::optional<bool> role) {
  if (is_wanted(config) && !role) {
    return {};
  }
  const auto wanted = wanted_daemon(config, role);
  std::vector<ipvs::Request> ops;
  for (const auto& daemon : running) {
    const bool stays = wanted && is_same(daemon, *wanted);
    if (!stays && is_ours(daemon, started, config)) {
      ops.push_back(ipvs::DelDaemon{daemon.role});
    }
  }
  if (wanted && !runs(*wanted, running)) {
    ops.push_back(ipvs::NewDaemon{*wanted});
  }
  return ops;
}

std::string to_string(const ipvs::SyncDaemon& daemon) {
  const char* role = daemon.role == ipvs::DaemonRole::master ? "master" : "backup";
  return std::string(role) + " on " + daemon.interface + ", id " + std::to_string(daemon.sync_id);
}

void apply_daemon_op(const ipvs::Request& request, SyncDaemons& running) {
  if (const auto* begun = std::get_if<ipvs::NewDaemon>(&request)) {
    running.push_back(begun->daemon);
  } else if (const auto* ended = std::get_if<ipvs::DelDaemon>(&request)) {
    std::erase_if(running, [&](const auto& daemon) { return daemon.role == ended->role; });
  }
}

}  // namespace lvs::lvsd
