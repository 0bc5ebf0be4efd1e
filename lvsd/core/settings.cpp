#include "lvsd/core/settings.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

namespace lvs::core {

namespace {

constexpr std::optional<lvs_setting> kMissing = std::nullopt;
constexpr uint32_t kIntMax = INT_MAX;
constexpr uint32_t kDay = 24 * 60 * 60;
constexpr uint32_t kTicksMax = INT_MAX / 1000;  // As ip_vs with 1000 ticks a second.

constexpr std::array kSettings = {
    Setting{"am_droprate", LVS_AM_DROPRATE, 10, kIntMax,
            "drop_packet drops one packet in so many that begin a connection"},
    Setting{"amemthresh", LVS_AMEMTHRESH, 1024, kIntMax,
            "with fewer free pages of memory the modes 1 of drop_entry, drop_packet and secure_tcp "
            "become 2"},
    Setting{"conn_reuse_mode", LVS_CONN_REUSE_MODE, 1, 3,
            "a client's port that is used again: 0 the server it had, 1 a new connection when the "
            "old one is over, 3 also when it is in FIN_WAIT and no reply is seen"},
    Setting{"conntrack", LVS_CONNTRACK, 0, 1,
            "packets of translated connections meet FORWARD, POSTROUTING and connection tracking, "
            "slower"},
    Setting{"drop_entry", LVS_DEFENCE_DROP_ENTRY, 0, 3,
            "half-open connections end at random, a 32nd of them each second: 1 in a shortage, 3 "
            "always"},
    Setting{"drop_packet", LVS_DEFENCE_DROP_PACKET, 0, 3,
            "some packets that begin a connection are dropped: 1 in a shortage, 3 always"},
    Setting{"expire_nodest_conn", LVS_EXPIRE_NODEST_CONN, 0, 1,
            "connections of a real server that was removed end at once"},
    Setting{"expire_quiescent_template", LVS_EXPIRE_QUIESCENT_TEMPLATE, 0, 1,
            "a persistent client leaves a server of weight 0 with its next connection"},
    Setting{"express", LVS_EXPRESS, 0, 1,
            "new connections begin at the device, without INPUT rules; the embedded core's own"},
    Setting{"lblc_expiration", LVS_LBLC_EXPIRATION, kDay, kTicksMax,
            "lblc forgets an address that nobody has asked for in so many seconds"},
    Setting{"lblcr_expiration", LVS_LBLCR_EXPIRATION, kDay, kTicksMax,
            "lblcr likewise; and a set of servers that did not change for so long loses its most "
            "loaded one"},
    Setting{"secure_tcp", LVS_DEFENCE_SECURE_TCP, 0, 3,
            "the server's segments, not the client's, establish a connection: 1 in a shortage, 3 "
            "always"},
    Setting{"sloppy_sctp", LVS_SLOPPY_SCTP, 0, 1,
            "any packet of SCTP but an ABORT may begin a connection"},
    Setting{"sloppy_tcp", LVS_SLOPPY_TCP, 0, 1,
            "any TCP segment but a reset may begin a connection"},
    Setting{"backup_only", kMissing, 0, 0, ""},
    Setting{"cache_bypass", kMissing, 0, 0, ""},
    Setting{"ignore_tunneled", kMissing, 0, 0, ""},
    Setting{"nat_icmp_send", kMissing, 0, 0, ""},
    Setting{"pmtu_disc", kMissing, 1, 0, ""},
    Setting{"run_estimation", kMissing, 1, 0, ""},
    Setting{"schedule_icmp", kMissing, 0, 0, ""},
    Setting{"snat_reroute", kMissing, 1, 0, ""},
    Setting{"sync_persist_mode", kMissing, 0, 0, ""},
    Setting{"sync_ports", kMissing, 1, 0, ""},
    Setting{"sync_qlen_max", kMissing, 0, 0, ""},
    Setting{"sync_refresh_period", kMissing, 0, 0, ""},
    Setting{"sync_retries", kMissing, 0, 0, ""},
    Setting{"sync_sock_size", kMissing, 0, 0, ""},
    Setting{"sync_threshold", kMissing, 0, 0, ""},
    Setting{"sync_version", kMissing, 1, 0, ""},
};

}  // namespace

std::span<const Setting> settings() {
  return kSettings;
}

std::string name_of_setting(lvs_setting index) {
  const auto found = std::find_if(kSettings.begin(), kSettings.end(),
                                  [&](const Setting& setting) { return setting.index == index; });
  return found == kSettings.end() ? "" : found->name;
}

uint32_t settings_in(const lvs_config& config) {
  return config.settings_known == 0 ? uint32_t{LVS_SETTINGS_OF_OLD} : config.settings_known;
}

void give_standards(lvs_config& config) {
  const uint32_t known = settings_in(config);
  for (const auto& setting : kSettings) {
    if (setting.index && *setting.index >= known) {
      config.settings[*setting.index] = setting.standard;
    }
  }
  config.settings_known = std::max<uint32_t>(known, LVS_SETTINGS);
}

Result<lvs_setting> setting_for(const std::string& name, uint32_t value) {
  const auto found = std::find_if(kSettings.begin(), kSettings.end(),
                                  [&](const Setting& setting) { return name == setting.name; });
  if (found == kSettings.end()) {
    return Error{ENOENT, "no setting " + name};
  }
  if (!found->index) {
    return Error{EOPNOTSUPP, "the embedded core does not have ip_vs's setting " + name};
  }
  if (value > found->max) {
    return Error{EINVAL, name + " is 0 to " + std::to_string(found->max)};
  }
  return *found->index;
}

}  // namespace lvs::core
