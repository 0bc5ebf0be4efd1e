// Law: no keyword of the other programs is dropped in silence. Each stands in a file where it
// matters; either the lvs.cf is another one without it, or a remark names its line. The tables are
// the programs' own lists of keywords, each with a value that is not its default.
#include <algorithm>
#include <sstream>

#include "tests/unit/tools/lvsctl/import/imported.h"

namespace lvs::lvsctl::foreign {
namespace {

struct Place {
  const char* name;
  const char* file;  // The keyword's line stands where "%" does.
  std::vector<const char*> lines;
};

std::string placed(const std::string& file, const std::string& line) {
  std::string text = file;
  return text.replace(text.find('%'), 1, line);
}

int last_named(const std::string& remark) {
  const size_t at = remark.find("(to line ");
  return at == std::string::npos ? 0 : std::stoi(remark.substr(at + 9));
}

void expect_not_dropped(const Place& place, const std::string& line) {
  const std::string file = place.file;
  const int first =
      1 + static_cast<int>(std::count(file.begin(), file.begin() + file.find('%'), '\n'));
  const int last = first + static_cast<int>(std::count(line.begin(), line.end(), '\n'));
  const Import with = import_text(placed(file, line), std::nullopt, hints());
  const Import without =
      import_text(placed(file, std::string(last - first, '\n')), std::nullopt, hints());
  ASSERT_TRUE(without.text) << place.name << ": " << line;
  const bool is_other = with.text && *with.text != *without.text;
  std::istringstream written(line);
  std::string text;
  for (int number = first; std::getline(written, text); ++number) {
    const bool is_frame = first < last && (text == "}" || text.ends_with('{'));
    if (is_frame) {
      continue;  // Of lines that say something.
    }
    const bool is_named =
        std::any_of(with.remarks.begin(), with.remarks.end(), [&](const Remark& remark) {
          return remark.line == number ||
                 (remark.line < number && number <= last_named(remark.text));
        });
    EXPECT_TRUE(is_other || is_named)
        << place.name << ": line " << number << " is dropped in silence: " << line;
  }
}

constexpr const char* kGlobals =
    "global_defs {\n%\n}\nvrrp_instance A {\ninterface eth0\nvirtual_ipaddress "
    "{\n192.0.2.10\n}\n}\n"
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n"
    "MISC_CHECK {\nmisc_path /bin/check\n}\n}\n}\n";
constexpr const char* kTop =
    "%\nvrrp_instance A {\ninterface eth0\nvirtual_ipaddress {\n192.0.2.10\n}\n}\n"
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
constexpr const char* kSyncGroup =
    "vrrp_sync_group G {\n%\n}\n"
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
constexpr const char* kInstance =
    "vrrp_instance A {\n%\nunicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.2\n}\n"
    "virtual_ipaddress {\n192.0.2.10 dev eth0\n}\n}\n"
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
constexpr const char* kSecondInstance =
    "vrrp_instance A {\ninterface eth0\nunicast_src_ip 192.0.2.1\nvirtual_ipaddress "
    "{\n192.0.2.10\n}\n}\n"
    "vrrp_instance B {\n%\n}\nvirtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
constexpr const char* kAddresses =
    "vrrp_instance A {\ninterface eth0\nvirtual_ipaddress {\n%\n}\n}\n"
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
constexpr const char* kService =
    "virtual_server 192.0.2.10 80 {\n%\nreal_server 10.0.0.11 80 {\nHTTP_GET {\nurl {\npath "
    "/\n}\n}\n}\nreal_server 10.0.0.12 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n}\n}\n";
constexpr const char* kServer =
    "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n%\nHTTP_GET {\nurl {\npath "
    "/\n}\n}\n}\nreal_server 10.0.0.12 80 {\nHTTP_GET {\nurl {\npath /\n}\n}\n}\n}\n";

std::string check_file(const std::string& kind, const std::string& rest = "") {
  return "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n" + kind + " {\n%\n" + rest +
         "}\n}\n}\n";
}

const std::vector<const char*> kOfEachCheck = {"connect_ip 10.0.0.99",
                                               "connect_port 81",
                                               "bindto 10.0.0.1",
                                               "bind_port 99",
                                               "bind_if eth1",
                                               "fwmark 3",
                                               "connect_timeout 3",
                                               "retry 7",
                                               "delay_before_retry 9",
                                               "warmup 3",
                                               "alpha",
                                               "no_alpha",
                                               "log_all_failures",
                                               "delay_loop 3",
                                               "some_day_a_new_one 3",
                                               "bind_to 10.0.0.1"};

const std::vector<Place> kKeepalived = {
    {"global_defs",
     kGlobals,
     {"notification_email {\na@example.com\n}",
      "notification_email_from a@example.com",
      "smtp_server 192.0.2.25",
      "smtp_connect_timeout 30",
      "smtp_helo_name a",
      "smtp_alert",
      "smtp_alert_vrrp",
      "smtp_alert_checker",
      "no_email_faults",
      "email_faults",
      "router_id a",
      "checker_log_all_failures",
      "default_interface eth9",
      "lvs_sync_daemon eth1 A id 7",
      "lvs_sync_daemon eth1 A id 7 maxlen 1400",
      "lvs_flush",
      "lvs_flush_on_stop",
      "lvs_timeouts tcp 7 tcpfin 8 udp 9",
      "lvs_netlink_cmd_rcv_bufs 9",
      "lvs_netlink_monitor_rcv_bufs 9",
      "rs_init_notifies",
      "no_checker_emails",
      "disable_local_igmp",
      "vrrp_mcast_group4 224.0.0.18",
      "vrrp_mcast_group6 ff02::12",
      "vrrp_garp_master_delay 9",
      "vrrp_garp_master_repeat 9",
      "vrrp_garp_master_refresh 9",
      "vrrp_garp_interval 0.1",
      "vrrp_gna_interval 0.1",
      "vrrp_garp_lower_prio_delay 9",
      "vrrp_garp_extra_if 9",
      "vrrp_min_garp",
      "vrrp_lower_prio_no_advert",
      "vrrp_higher_prio_send_advert",
      "vrrp_version 3",
      "vrrp_iptables a",
      "vrrp_ipsets",
      "vrrp_notify_fifo /f",
      "vrrp_notify_fifo_script /s",
      "vrrp_notify_priority_changes",
      "vrrp_check_unicast_src",
      "vrrp_skip_check_adv_addr",
      "vrrp_strict",
      "vrrp_priority 9",
      "vrrp_no_swap",
      "vrrp_rt_priority 9",
      "vrrp_cpu_affinity 1",
      "vrrp_rlimit_rttime 9",
      "vrrp_rx_bufs_policy MTU",
      "vrrp_startup_delay 9",
      "vrrp_log_unknown_vrids",
      "vrrp_owner_ignore_adverts",
      "vrrp_process_name a",
      "checker_priority 9",
      "checker_no_swap",
      "checker_rt_priority 9",
      "checker_process_name a",
      "bfd_priority 9",
      "bfd_process_name a",
      "notify_fifo /f",
      "notify_fifo_script /s",
      "lvs_notify_fifo /f",
      "lvs_notify_fifo_script /s",
      "nftables a",
      "nftables_priority 9",
      "nftables_counters",
      "nftables_ifindex",
      "enable_dbus",
      "dbus_service_name a",
      "dbus_no_interface_name",
      "snmp_socket a",
      "enable_snmp_keepalived",
      "enable_snmp_vrrp",
      "enable_snmp_checker",
      "enable_snmp_rfc",
      "enable_snmp_rfcv2",
      "enable_snmp_rfcv3",
      "enable_traps",
      "script_user joe",
      "enable_script_security",
      "script_security",
      "net_namespace a",
      "net_namespace_ipvs a",
      "namespace_with_ipsets",
      "instance a",
      "use_pid_dir",
      "linkbeat_use_polling",
      "linkbeat_interfaces {\neth0\n}",
      "fifo_write_vrrp_states_on_reload",
      "process_names",
      "process_name a",
      "startup_script /s",
      "startup_script_timeout 9",
      "shutdown_script /s",
      "shutdown_script_timeout 9",
      "max_auto_priority 9",
      "min_auto_priority_delay 9",
      "reload_check_config",
      "reload_time_file /f",
      "reload_repeat",
      "reload_file /f",
      "config_save_dir /d",
      "data_use_instance",
      "json_version 2",
      "child_wait_time 9",
      "dynamic_interfaces",
      "allow_if_changes",
      "umask 022",
      "random_seed 9",
      "iproute_usr_dir /d",
      "iproute_etc_dir /d",
      "state_dump_file /f",
      "stats_dump_file /f",
      "some_day_a_new_one"}},
    {"outside of blocks",
     kTop,
     {"static_ipaddress {\n192.0.2.9 dev eth0\n}",
      "static_routes {\n10.0.0.0/8 dev eth0\n}",
      "static_rules {\nfrom 10.0.0.1 table 1\n}",
      "track_group G {\ngroup {\nA\n}\n}",
      "garp_group {\ngarp_interval 1\n}",
      "interface_up_down_delays {\neth0 1\n}",
      "linkbeat_interfaces {\neth0\n}",
      "vrrp_track_process P {\nprocess a\n}",
      "vrrp_track_file F {\nfile /f\n}",
      "track_file F {\nfile /f\n}",
      "vrrp_script S {\nscript /s\ninterval 2\nweight 3\n}",
      "vrrp_sync_group G {\ngroup {\nA\n}\n}",
      "bfd_instance B {\nneighbor_ip 192.0.2.9\n}",
      "virtual_server_group G {\n192.0.2.11 80\n}",
      "include /etc/a.conf",
      "includea /etc/a.conf",
      "$A=1",
      "@one router_id a",
      "~SEQ(A,1,2)",
      "some_day_a_new_one {\na\n}"}},
    {"vrrp_sync_group",
     kSyncGroup,
     {"group {\nA\nB\n}", "track_interface {\neth0\n}", "track_script {\nS\n}",
      "track_file {\nF\n}", "track_process {\nP\n}", "track_bfd {\nB\n}", "notify_master /s",
      "notify_backup /s", "notify_fault /s", "notify_stop /s", "notify /s",
      "notify_priority_changes", "smtp_alert", "global_tracking", "sync_group_tracking_weight",
      "some_day_a_new_one"}},
    {"vrrp_instance",
     kInstance,
     {"state MASTER",
      "virtual_router_id 51",
      "priority 101",
      "advert_int 0.3",
      "use_vmac",
      "use_vmac_addr",
      "vmac_xmit_base",
      "vmac_netlink_notify",
      "use_ipvlan",
      "native_ipv6",
      "dont_track_primary",
      "track_interface {\neth0\neth1 weight 10\n}",
      "track_script {\nS\n}",
      "track_process {\nP\n}",
      "track_file {\nF\n}",
      "track_bfd {\nB\n}",
      "mcast_src_ip 192.0.2.7",
      "unicast_ttl 3",
      "unicast_fault_no_peer",
      "mcast_dst_ip 224.0.0.18",
      "old_unicast_checksum",
      "garp_master_delay 9",
      "garp_master_repeat 9",
      "garp_master_refresh 9",
      "garp_master_refresh_repeat 9",
      "garp_lower_prio_delay 9",
      "garp_lower_prio_repeat 9",
      "garp_interval 9",
      "gna_interval 9",
      "garp_extra_if 9",
      "down_timer_adverts 3",
      "lower_prio_no_advert",
      "higher_prio_send_advert",
      "lvs_sync_daemon_interface eth1",
      "authentication {\nauth_type PASS\nauth_pass a\n}",
      "virtual_ipaddress_excluded {\n192.0.2.77 dev eth0\n}",
      "promote_secondaries",
      "virtual_routes {\n10.0.0.0/8 dev eth0\n}",
      "virtual_rules {\nfrom 10.0.0.1\n}",
      "accept",
      "no_accept",
      "preempt",
      "nopreempt",
      "preempt_delay 30",
      "nopreempt\npreempt_delay 30",
      "skip_check_adv_addr",
      "strict_mode off",
      "version 3",
      "debug 3",
      "notify_master /s",
      "notify_backup /s",
      "notify_master /s joe",
      "notify_fault /s",
      "notify_stop /s",
      "notify_deleted",
      "notify_master_rx_lower_pri /s",
      "notify_priority_changes",
      "notify /s",
      "smtp_alert",
      "kernel_rx_buf_size 9",
      "linkbeat_use_polling",
      "check_unicast_src",
      "checksum_compatibility",
      "v3_checksum_as_v2",
      "some_day_a_new_one"}},
    {"vrrp_instance with its device",
     "vrrp_instance A {\n%\nvirtual_ipaddress {\n192.0.2.10\n192.0.2.11 dev eth0\n}\n}\n"
     "virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n}\n",
     {"interface eth7"}},
    {"a second vrrp_instance",
     kSecondInstance,
     {"state MASTER", "virtual_router_id 52", "priority 101", "advert_int 0.3", "nopreempt",
      "preempt_delay 30", "mcast_src_ip 192.0.2.7", "unicast_src_ip 192.0.2.7",
      "unicast_peer {\n192.0.2.8\n}", "virtual_ipaddress {\n192.0.2.77 dev eth0\n}"}},
    {"virtual_ipaddress",
     kAddresses,
     {"192.0.2.10/24", "192.0.2.10 dev eth1", "192.0.2.10 label eth0:1",
      "192.0.2.10 brd 192.0.2.255", "192.0.2.10 broadcast 192.0.2.255", "192.0.2.10 scope link",
      "192.0.2.10 peer 192.0.2.9", "192.0.2.10 preferred_lft 0", "fd00::1/64 home",
      "192.0.2.10 -nodad", "192.0.2.10 noprefixroute", "192.0.2.10 no_track",
      "192.0.2.10 track_group G", "192.0.2.77", "nonsense"}},
    {"virtual_server",
     kService,
     {"delay_loop 7",
      "lb_algo rr",
      "lvs_sched rr",
      "hashed",
      "sh-port",
      "sh-fallback",
      "mh-port",
      "mh-fallback",
      "flag-1",
      "flag-2",
      "flag-3",
      "ops",
      "lb_kind DR",
      "lvs_method TUN",
      "persistence_engine sip",
      "persistence_timeout 77",
      "persistence_timeout 7\n"
      "persistence_granularity 255.255.255.0",
      "protocol UDP",
      "ha_suspend",
      "smtp_alert",
      "no_smtp_alert",
      "virtualhost a.example.com",
      "alpha",
      "omega",
      "quorum 2",
      "hysteresis 0",
      "hysteresis 1",
      "quorum_up /s",
      "quorum_down /s",
      "ip_family inet6",
      "sorry_server 10.0.0.9 80",
      "sorry_server_inhibit",
      "sorry_server_lvs_method DR",
      "retry 7",
      "delay_before_retry 7",
      "warmup 7",
      "inhibit_on_failure",
      "connect_timeout 7",
      "weight 7",
      "snmp_name a",
      "net_mask 255.255.255.0",
      "some_day_a_new_one"}},
    {"real_server",
     kServer,
     {"weight 7", "lvs_method DR", "inhibit_on_failure", "notify_up /s", "notify_down /s",
      "uthreshold 7", "lthreshold 7", "smtp_alert", "virtualhost a.example.com", "alpha",
      "connect_timeout 7", "retry 7", "delay_before_retry 7", "warmup 7", "delay_loop 7",
      "log_all_failures", "snmp_name a", "TCP_CHECK {\nconnect_port 9\n}", "some_day_a_new_one"}},
};

TEST(Keywords, OfKeepalivedAreCarriedOverOrNamed) {
  for (const Place& place : kKeepalived) {
    for (const char* line : place.lines) {
      expect_not_dropped(place, line);
    }
  }
}

TEST(Keywords, OfKeepalivedsChecksAreCarriedOverOrNamed) {
  const std::string url = "url {\npath /\n}\n";
  const std::vector<std::pair<std::string, std::vector<const char*>>> kinds = {
      {check_file("TCP_CHECK"), {}},
      {check_file("PING_CHECK"), {}},
      {check_file("HTTP_GET", url),
       {"nb_get_retry 7", "http_protocol 1.0", "http_protocol 1.1C", "virtualhost a.example.com",
        "enable_sni", "fast_recovery", "tls_compliant", "url {\npath /two\n}"}},
      {check_file("SSL_GET", url), {"enable_sni", "virtualhost a.example.com"}},
      {"virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\nHTTP_GET {\nurl "
       "{\n%\n}\n}\n}\n}\n",
       {"path /a", "digest 9b3a0c85a887a256d6939da88aabd8cd", "status_code 204",
        "virtualhost a.example.com", "regex ok", "regex_no_match no", "regex_options caseless",
        "regex_stack 1 2", "regex_min_offset 1", "regex_max_offset 2", "tcp_fastopen"}},
      {check_file("SMTP_CHECK"), {"helo_name a.example.com", "host {\nconnect_ip 10.0.0.5\n}"}},
      {check_file("DNS_CHECK"), {"type A", "name a.example.com"}},
      {check_file("MISC_CHECK", "misc_path /bin/check\n"),
       {"misc_timeout 7", "misc_dynamic", "user joe", "user joe users"}},
      {check_file("UDP_CHECK", "require_reply\n"),
       {"payload 4865", "require_reply 48", "min_reply_length 3", "max_reply_length 9"}},
      {check_file("UDP_CHECK"), {"require_reply"}},
      {check_file("FILE_CHECK"), {"track_file f", "weight 3"}},
      {check_file("BFD_CHECK"), {"name b"}},
  };
  for (const auto& [file, lines] : kinds) {
    const Place place{file.c_str(), file.c_str(), {}};
    for (const auto& list : {lines, kOfEachCheck}) {
      for (const char* line : list) {
        expect_not_dropped(place, line);
      }
    }
  }
}

constexpr const char* kHttpVirtual =
    "%\nvirtual=192.0.2.10:80\n\treal=10.0.0.11:80 gate\n\tservice=http\n";
constexpr const char* kOfVirtual =
    "virtual=192.0.2.10:80\n\treal=10.0.0.11:80 gate\n\tservice=http\n\tpersistent=7\n%\n";
constexpr const char* kOfConnect =
    "virtual=192.0.2.10:80\n\treal=10.0.0.11:80 gate\n\tchecktype=connect\n%\n";
constexpr const char* kOfFtp =
    "virtual=192.0.2.10:21\n\treal=10.0.0.11:21 gate\n\tservice=ftp\n%\n";

const std::vector<Place> kLdirectord = {
    {"global", kHttpVirtual, {"checktimeout=7",        "negotiatetimeout=7",
                              "checkinterval=7",       "checkcount=7",
                              "failurecount=7",        "autoreload=yes",
                              "autoreload=no",         "callback=\"/s\"",
                              "fallback=127.0.0.1:80", "fallbackcommand=\"/s\"",
                              "fallback6=[::1]:80",    "logfile=\"/f\"",
                              "emailalert=\"a\"",      "emailalertfrom=\"a\"",
                              "emailalertfreq=7",      "emailalertstatus=all",
                              "smtp=192.0.2.25",       "execute=\"two.cf\"",
                              "supervised=yes",        "fork=yes",
                              "quiescent=no",          "readdquiescent=no",
                              "cleanstop=no",          "maintenancedir=/d",
                              "some_day_a_new_one=1",  "nonsense"}},
    {"virtual",
     kOfVirtual,
     {"\tchecktype=connect",
      "\tchecktype=ping",
      "\tchecktype=4",
      "\tchecktype=on",
      "\tchecktype=off",
      "\tchecktype=external",
      "\tchecktype=external-perl",
      "\tchecktype=what",
      "\tservice=smtp",
      "\tservice=pop",
      "\tservice=imaps",
      "\tservice=ldap",
      "\tservice=mysql",
      "\tservice=radius",
      "\tcheckcommand=/s",
      "\tcheckport=81",
      "\trequest=\"a\"",
      "\treceive=\"a\"",
      "\thttpmethod=HEAD",
      "\tvirtualhost=a.example.com",
      "\tlogin=\"a\"",
      "\tpasswd=\"a\"",
      "\tdatabase=\"a\"",
      "\tsecret=\"a\"",
      "\tload=\"a\"",
      "\tscheduler=rr",
      "\tpersistent=77",
      "\tnetmask=255.255.255.0",
      "\tprotocol=udp",
      "\tmonitorfile=/f",
      "\tchecktimeout=7",
      "\tnegotiatetimeout=7",
      "\tcheckinterval=7",
      "\tcheckcount=7",
      "\tfailurecount=7",
      "\tfallback=127.0.0.1:80",
      "\tfallbackcommand=/s",
      "\tquiescent=no",
      "\temailalert=a",
      "\temailalertfreq=7",
      "\temailalertstatus=all",
      "\tsmtp=192.0.2.25",
      "\tcleanstop=no",
      "\tops=yes",
      "\tservicename=a",
      "\tcomment=a",
      "\treal=10.0.0.12:80 masq 7",
      "\treal=10.0.0.12:80 gate 1 \"a\", \"b\"",
      "\treal6=[fd00::1]:80 gate",
      "\tsome_day_a_new_one=1",
      "\tnonsense"}},
    {"virtual with checktype=connect",
     kOfConnect,
     {"\trequest=\"a\"", "\treceive=\"a\"", "\tservice=http", "\tvirtualhost=a",
      "\thttpmethod=HEAD", "\tnegotiatetimeout=7", "\tchecktimeout=7", "\tlogin=a",
      "\tcheckcommand=/s", "\tnetmask=255.255.255.0", "\tfallback6=[::1]:80"}},
    {"virtual with service=ftp",
     kOfFtp,
     {"\tlogin=joe", "\tpasswd=a", "\trequest=\"a\"", "\treceive=\"a\"", "\tvirtualhost=a"}},
};

TEST(Keywords, OfLdirectordAreCarriedOverOrNamed) {
  for (const Place& place : kLdirectord) {
    for (const char* line : place.lines) {
      expect_not_dropped(place, line);
    }
  }
}

TEST(Keywords, OfIpvsadmAreCarriedOverOrNamed) {
  const Place service = {
      "-A", "-A -t 192.0.2.10:80%\n-a -t 192.0.2.10:80 -r 10.0.0.11:80 -g\n", {}};
  for (const char* words :
       {" -s rr", " --scheduler sh -b sh-port", " -p 7", " -p 7 -M 255.255.255.0", " -o",
        " --pe sip -p 7", " -b flag-1", " -6", " --some-day"}) {
    expect_not_dropped(service, words);
  }
  const Place server = {"-a", "-A -t 192.0.2.10:80\n-a -t 192.0.2.10:80 -r 10.0.0.11:80%\n", {}};
  for (const char* words : {" -m", " -i", " -i --tun-type gue --tun-port 9", " -i --tun-type gre",
                            " -w 7", " -x 7", " -x 7 -y 5", " --some-day"}) {
    expect_not_dropped(server, words);
  }
  const Place line = {"a line", "-A -t 192.0.2.10:80\n%\n", {}};
  for (const char* words : {"-C", "-Z", "-L", "-S", "-R", "--set 7 8 9", "-D -t 192.0.2.10:80",
                            "-E -t 192.0.2.10:80 -s rr", "-e -t 192.0.2.10:80 -r 10.0.0.1:80",
                            "--start-daemon master --mcast-interface eth0", "-h", "what", "--what",
                            "TCP  192.0.2.10:80 rr", "-A", "-a -t 192.0.2.10:80"}) {
    expect_not_dropped(line, words);
  }
}

}  // namespace
}  // namespace lvs::lvsctl::foreign
