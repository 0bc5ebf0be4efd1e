#include "lvsd/core/settings.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace lvs::core {

namespace {

constexpr std::optional<lvs_setting> kMissing = std::nullopt;

constexpr std::array kSettings = {
    Setting{"conn_reuse_mode", LVS_CONN_REUSE_MODE, 1, 3,
            "a client's port that is used again: 0 the server it had, 1 a new connection when the "
            "old one is over, 3 also when it is in FIN_WAIT and no reply is seen"},
    Setting{"conntrack", LVS_CONNTRACK, 0, 1,
            "packets of translated connections meet FORWARD, POSTROUTING and connection tracking, "
            "slower"},
    Setting{"expire_nodest_conn", LVS_EXPIRE_NODEST_CONN, 0, 1,
            "connections of a real server that was removed end at once"},
    Setting{"expire_quiescent_template", LVS_EXPIRE_QUIESCENT_TEMPLATE, 0, 1,
            "a persistent client leaves a server of weight 0 with its next connection"},
    Setting{"express", LVS_EXPRESS, 0, 1,
            "new connections begin at the device, without INPUT rules; the embedded core's own"},
    Setting{"sloppy_sctp", LVS_SLOPPY_SCTP, 0, 1,
            "any packet of SCTP but an ABORT may begin a connection"},
    Setting{"sloppy_tcp", LVS_SLOPPY_TCP, 0, 1,
            "any TCP segment but a reset may begin a connection"},
    Setting{"am_droprate", kMissing, 10, 0, ""},
    Setting{"amemthresh", kMissing, 1024, 0, ""},
    Setting{"backup_only", kMissing, 0, 0, ""},
    Setting{"cache_bypass", kMissing, 0, 0, ""},
    Setting{"drop_entry", kMissing, 0, 0, ""},
    Setting{"drop_packet", kMissing, 0, 0, ""},
    Setting{"ignore_tunneled", kMissing, 0, 0, ""},
    Setting{"nat_icmp_send", kMissing, 0, 0, ""},
    Setting{"pmtu_disc", kMissing, 1, 0, ""},
    Setting{"run_estimation", kMissing, 1, 0, ""},
    Setting{"schedule_icmp", kMissing, 0, 0, ""},
    Setting{"secure_tcp", kMissing, 0, 0, ""},
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
