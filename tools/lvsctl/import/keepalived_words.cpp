#include "tools/lvsctl/import/keepalived_words.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace lvs::lvsctl::foreign {
namespace {

constexpr const char* kMail =
    "no mail is sent: lvsctl events and the alerts of lvsctl metrics tell what happens";
constexpr const char* kTrack =
    "no script decides who serves: see witness and monitor_links in lvs.cf(5)";
constexpr const char* kNetwork =
    "only floating addresses move: set it up on both directors, outside of lvs.cf";
constexpr const char* kCall = "no program is called then: lvsctl events --follow tells of it";
constexpr const char* kSorry = "the sorry server is served as lvs.cf(5) says";

struct Advice {
  std::string_view word;
  const char* text;
};
// Longer words that begin alike come first.
constexpr std::array<Advice, 34> kAdvice = {{
    {"notification_email", kMail},
    {"smtp_", kMail},
    {"email_faults", kMail},
    {"no_email_faults", kMail},
    {"vrrp_script", kTrack},
    {"vrrp_track_", kTrack},
    {"track_script", kTrack},
    {"track_process", kTrack},
    {"track_file", kTrack},
    {"track_bfd", kTrack},
    {"bfd_instance", "there is no BFD: heartbeats may come every 10 ms (keepalive, deadtime)"},
    {"virtual_routes", kNetwork},
    {"virtual_rules", kNetwork},
    {"static_", kNetwork},
    {"use_vmac", "floating addresses have the device's own hardware address"},
    {"vmac_", "floating addresses have the device's own hardware address"},
    {"authentication", "heartbeats are signed with a secret: lvsctl key makes it"},
    {"notify_fifo", kCall},
    {"notify", "the programs of lvs.cf are active_cmd and inactive_cmd"},
    {"quorum_up", kCall},
    {"quorum_down", kCall},
    {"hysteresis", "the sorry server steps aside at quorum, without a margin"},
    {"omega", "a stop of lvsd leaves the table as it is"},
    {"sorry_server_inhibit", kSorry},
    {"sorry_server_lvs_method", kSorry},
    {"misc_dynamic", "a script's exit status says up or down; see check = agent for weights"},
    {"digest", "pages are not digested: look for a text in them with body="},
    {"regex_", "regular expressions are POSIX extended ones, without options"},
    {"bind", "checks go out as the routes say"},
    {"fwmark", "checks go out as the routes say"},
    {"ha_suspend", "standby_monitoring = 0 keeps the standby from checking"},
    {"net_namespace", "start pulse in the network namespace"},
    {"linkbeat_", "the state of links is told by the kernel"},
    {"nftables", "the firewall is left alone: mark_ports writes rules for marks"},
}};
// What it asks for is so anyway, has no meaning here, or tunes what here needs no tuning.
constexpr std::array<std::string_view, 34> kNeedless = {"router_id",
                                                        "virtual_router_id",
                                                        "vrrp_version",
                                                        "version",
                                                        "garp_",
                                                        "gna_",
                                                        "vrrp_",
                                                        "checker_",
                                                        "bfd_",
                                                        "lvs_netlink",
                                                        "lvs_flush",
                                                        "enable_script_security",
                                                        "script_security",
                                                        "dynamic_interfaces",
                                                        "process_",
                                                        "child_wait_time",
                                                        "debug",
                                                        "dont_track_primary",
                                                        "skip_check_adv",
                                                        "strict_mode",
                                                        "accept",
                                                        "no_accept",
                                                        "native_ipv6",
                                                        "alpha",
                                                        "no_alpha",
                                                        "net_mask",
                                                        "warmup",
                                                        "log_",
                                                        "promote_",
                                                        "old_unicast",
                                                        "unicast_ttl",
                                                        "reload_",
                                                        "max_auto_",
                                                        "umask"};

}  // namespace

std::string named(const Statement& statement) {
  const bool is_long = statement.last_line > statement.line;
  return statement.word() +
         (is_long ? " (to line " + std::to_string(statement.last_line) + ")" : "");
}

void tell_of(const Statement& statement, Draft& draft) {
  const std::string& word = statement.word();
  const auto begins = [&](std::string_view known) { return word.starts_with(known); };
  const auto advice = std::find_if(kAdvice.begin(), kAdvice.end(),
                                   [&](const Advice& each) { return begins(each.word); });
  if (advice != kAdvice.end()) {
    return draft.leave(statement.line, named(statement) + ": " + advice->text);
  }
  if (std::any_of(kNeedless.begin(), kNeedless.end(), begins)) {
    return draft.note(statement.line,
                      named(statement) + ": left out, nothing here is missing without it");
  }
  draft.leave(statement.line, named(statement) + ": has no counterpart that is known here");
}

}  // namespace lvs::lvsctl::foreign
