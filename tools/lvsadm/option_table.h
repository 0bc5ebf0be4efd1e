// Which options there are, what they are called, and which command allows or needs which.
#pragma once

#include <bitset>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "tools/lvsadm/options.h"

namespace lvs::lvsadm {

enum class Verb : uint8_t {
  add_service,
  edit_service,
  delete_service,
  flush,
  restore,
  save,
  add_server,
  edit_server,
  delete_server,
  list,
  zero,
  set_timeouts,
  start_daemon,
  stop_daemon,
  kill,
  drops,
  deny,
  setting,
  settings,
  where,
  trace,
  help,
  version,
};

// In the order in which ipvsadm complains about them.
enum class Option : uint8_t {
  numeric,
  connection,
  service,
  scheduler,
  persistent,
  netmask,
  server,
  forward,
  weight,
  u_threshold,
  l_threshold,
  mcast_interface,
  timeout,
  daemon,
  stats,
  rate,
  thresholds,
  persistent_conn,
  nosort,
  sort,
  syncid,
  exact,
  ops,
  pe,
  sched_flags,
  tun_info,
  tun_type,
  tun_port,
  tun_nocsum,
  tun_csum,
  tun_remcsum,
  mcast_group,
  mcast_port,
  mcast_ttl,
  sync_maxlen,
  ipv6,
  json,
  core,
  packets,
  count,
};
constexpr size_t kOptions = static_cast<size_t>(Option::count);

// What stood on the command line, still as text.
struct Given {
  std::optional<Verb> verb;
  std::string verb_argument;          // --start-daemon, --stop-daemon, --kill, --where
  std::vector<std::string> timeouts;  // --set
  std::vector<std::string> place;     // --where, --trace: what stands behind
  std::vector<std::optional<std::string>> options{kOptions};
  char service_kind = 0;  // t, u, s, f
  char forward_kind = 0;  // g, i, m

  bool has(Option option) const { return options[static_cast<size_t>(option)].has_value(); }
  std::string text(Option option) const {
    return options[static_cast<size_t>(option)].value_or("");
  }
};

const char* name_of(Option option);
const char* name_of(Verb verb);

// Splits the words; knows nothing of their meaning.
std::variant<Given, UsageError> split(const std::vector<std::string>& arguments);
// What does not fit together: options a command does not take, lacks, or that exclude each other.
std::optional<UsageError> check(const Given& given);

}  // namespace lvs::lvsadm
