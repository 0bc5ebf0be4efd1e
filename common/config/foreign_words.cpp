#include "common/config/foreign_words.h"

#include <algorithm>
#include <array>

namespace lvs::config {
namespace {

constexpr const char* kKeepalived = "keepalived";
constexpr const char* kLdirectord = "ldirectord";
constexpr const char* kHaproxy = "HAProxy";

struct ForeignWord {
  std::string_view word;
  const char* program;
  const char* here;
};
constexpr std::array<ForeignWord, 66> kForeignWords = {{
    {"virtual_server", kKeepalived, "a block virtual NAME { with address and port in it"},
    {"virtual_server_group", kKeepalived, "a block virtual NAME { for each of its addresses"},
    {"real_server", kKeepalived, "a block server NAME { with address and port in it"},
    {"lb_algo", kKeepalived, "scheduler"},
    {"lvs_sched", kKeepalived, "scheduler"},
    {"lb_kind", kKeepalived, "forward, or network for all services"},
    {"lvs_method", kKeepalived, "forward, or network for all services"},
    {"delay_loop", kKeepalived, "interval"},
    {"persistence_timeout", kKeepalived, "persistent"},
    {"persistence_granularity", kKeepalived, "pmask"},
    {"connect_timeout", kKeepalived, "timeout"},
    {"retry", kKeepalived, "fall, which counts the first failure too"},
    {"nb_get_retry", kKeepalived, "fall, which counts the first failure too"},
    {"delay_before_retry", kKeepalived, "interval"},
    {"inhibit_on_failure", kKeepalived, "quiesce_server"},
    {"uthreshold", kKeepalived, "u_threshold"},
    {"lthreshold", kKeepalived, "l_threshold"},
    {"TCP_CHECK", kKeepalived, "check = tcp"},
    {"HTTP_GET", kKeepalived, "check = http"},
    {"SSL_GET", kKeepalived, "check = https"},
    {"SMTP_CHECK", kKeepalived, "check = smtp"},
    {"DNS_CHECK", kKeepalived, "check = dns"},
    {"UDP_CHECK", kKeepalived, "check = udp"},
    {"PING_CHECK", kKeepalived, "check = ping"},
    {"MISC_CHECK", kKeepalived, "check = script"},
    {"misc_path", kKeepalived, "check = script command=\"...\""},
    {"misc_timeout", kKeepalived, "timeout"},
    {"connect_port", kKeepalived, "port of the server, which only checks go to without nat"},
    {"vrrp_instance", kKeepalived, "primary, backup and the address of each virtual"},
    {"vrrp_sync_group", kKeepalived, "nothing: all addresses move together"},
    {"virtual_ipaddress", kKeepalived, "the address of each virtual"},
    {"virtual_router_id", kKeepalived, "nothing: a pair is known by its addresses and its key"},
    {"advert_int", kKeepalived, "keepalive"},
    {"priority", kKeepalived, "primary and backup: which director is which"},
    {"preempt_delay", kKeepalived, "failback"},
    {"nopreempt", kKeepalived, "failback = 0, the default"},
    {"unicast_src_ip", kKeepalived, "primary or backup"},
    {"unicast_peer", kKeepalived, "primary or backup"},
    {"authentication", kKeepalived, "heartbeat_key"},
    {"auth_pass", kKeepalived, "heartbeat_key"},
    {"global_defs", kKeepalived, "nothing: such keys stand outside all blocks"},
    {"notify_master", kKeepalived, "active_cmd"},
    {"notify_backup", kKeepalived, "inactive_cmd"},
    {"lvs_sync_daemon", kKeepalived, "syncdaemon"},
    {"checktype", kLdirectord, "check"},
    {"checkinterval", kLdirectord, "interval"},
    {"checktimeout", kLdirectord, "timeout"},
    {"negotiatetimeout", kLdirectord, "timeout"},
    {"checkcount", kLdirectord, "fall"},
    {"failurecount", kLdirectord, "fall"},
    {"checkport", kLdirectord, "port of the server, which only checks go to without nat"},
    {"checkcommand", kLdirectord, "check = script command=\"...\""},
    {"request", kLdirectord, "check = http path=/..., or send"},
    {"receive", kLdirectord, "check = http body=\"...\", or expect"},
    {"virtualhost", kLdirectord, "check = http host=..."},
    {"httpmethod", kLdirectord, "check = http method=..."},
    {"real", kLdirectord, "a block server NAME { with address and port in it"},
    {"fallback", kLdirectord, "sorry_server"},
    {"quiescent", kLdirectord, "quiesce_server"},
    {"netmask", kLdirectord, "pmask for persistent, vip_nmask for the address"},
    {"autoreload", kLdirectord, "nothing: service pulse reload reads the file again"},
    {"balance", kHaproxy, "scheduler"},
    {"bind", kHaproxy, "address and port of a virtual"},
    {"inter", kHaproxy, "interval"},
    {"maxconn", kHaproxy, "u_threshold of the server"},
    {"option", kHaproxy, "check"},
}};

}  // namespace

std::string foreign_hint(std::string_view word) {
  const auto found = std::find_if(kForeignWords.begin(), kForeignWords.end(),
                                  [&](const ForeignWord& each) { return each.word == word; });
  if (found == kForeignWords.end()) {
    return "";
  }
  const bool is_imported = found->program != kHaproxy;
  return std::string("that is ") + found->program + "'s: here it is " + found->here +
         (is_imported ? " (lvsctl import carries a whole file over)" : "");
}

}  // namespace lvs::config
