// The keys outside all blocks.
#include <limits>

#include "common/config/forms.h"
#include "common/config/schema.h"
#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

using namespace std::chrono_literals;
using B = Globals;

constexpr auto kNew = Since::caribe;
constexpr auto kAlways = Written::always;
constexpr Duration kDay = 24h;
constexpr int kAnyLow = std::numeric_limits<int>::min();
constexpr int kAnyHigh = std::numeric_limits<int>::max();
constexpr long long kMostSeconds = 31 * 24 * 3600;

// The text when the member has this value.
template <typename T>
Later<B> later_if(T B::*member, T value, std::string text) {
  return [=](const B& config, CoreKind) { return config.*member == value ? text : std::string(); };
}
template <typename T>
Later<B> later_if_changed(T B::*member, std::string text) {
  return [=](const B& config, CoreKind) {
    return config.*member != B{}.*member ? text : std::string();
  };
}

// The kernel's ip_vs does it.
Later<B> embedded_only(Later<B> later) {
  return [later](const B& config, CoreKind core) {
    return core == CoreKind::embedded ? later(config, core) : std::string();
  };
}

const char* const kNoSync = "the embedded core does not synchronise connections";
const char* const kNoSharedDisk = "shared disks are not reserved";

// Who the two directors are.
std::vector<Key<B>> director_keys() {
  return {
      key("serial_no", &B::serial_no, integer<int>(kAnyLow, kAnyHigh),
          {"0", "Counts the edits of this file, for people and tools.", "1", {}, kAlways}),
      key("primary", &B::primary, address(),
          {"",
           "The real public address of the primary director. A director that owns it is the "
           "primary.",
           "192.0.2.2"}),
      key("primary_private", &B::primary_private, address(),
          {"",
           "The primary's address on a second path for heartbeats. Not link-local (fe80::), as "
           "none "
           "of the four.",
           "10.0.0.2"}),
      key("primary_shared", &B::primary_shared, word_text(),
          {"", "The shared disk as the primary sees it (failover services)."},
          later_if_changed(&B::primary_shared, kNoSharedDisk)),
      key("service", &B::service,
          choice<ServiceMode>({{"lvs", ServiceMode::lvs}, {"fos", ServiceMode::fos}}),
          {"lvs",
           "Whether the virtual (lvs) or the failover (fos) blocks are served.",
           "lvs",
           {},
           kAlways}),
      key("rsh_command", &B::rsh_command, word_text(),
          {"rsh", "The program that asks a server for its load when load_monitor is uptime."}),
      key("backup_active", &B::backup_active, boolean(),
          {"0", "Whether there is a backup director.", "1", {}, kAlways}),
      key("backup", &B::backup, address(),
          {"", "The real public address of the backup director; 0.0.0.0 for none.", "192.0.2.3"}),
      key("backup_private", &B::backup_private, address(),
          {"", "The backup's address on the second path. Ignored without primary_private.",
           "10.0.0.3"}),
      key("backup_shared", &B::backup_shared, word_text(),
          {"", "The shared disk as the backup sees it (failover services)."},
          later_if_changed(&B::backup_shared, kNoSharedDisk)),
      key("heartbeat", &B::heartbeat, boolean(),
          {"0", "Accepted and ignored: heartbeats are sent when backup_active is 1.", "1"}),
      key("heartbeat_port", &B::heartbeat_port, port(),
          {"539", "The UDP port of heartbeats.", "539", {}, kAlways}),
      key("keepalive", &B::keepalive, duration_between(2ms, kDay),
          {"2",
           "The interval between heartbeats. Where deadtime is not more than twice as long, a "
           "third of "
           "deadtime is used instead, and a warning says so. Below 10ms both machines must wake up "
           "in "
           "time: the log says when this one is late (event=late).",
           "2",
           {},
           kAlways}),
      key("deadtime", &B::deadtime, duration_between(6ms, kDay),
          {"5",
           "The silence after which the peer counts as dead, and the time a starting director "
           "listens first.",
           "5",
           {},
           kAlways}),
  };
}

// How each of them behaves.
std::vector<Key<B>> behaviour_keys() {
  return {
      key("network", &B::network, forward_method(),
          {"nat",
           "How packets reach the servers of services that do not say it themselves.",
           "nat",
           {},
           kAlways}),
      key("nat_router", &B::nat_router, floating_address("nat_nmask"),
          {"",
           "The floating address that the servers use as their gateway, and its device (network = "
           "nat).",
           "10.0.0.1 eth1:1"}),
      netmask_key("nat_nmask", &B::nat_router,
                  {"", "The netmask of nat_router, or the length of its prefix (IPv6: 64).",
                   "255.255.255.0"}),
      key("reservation_conflict_action", &B::reservation_conflict_action,
          choice<ReservationAction>(
              {{"nothing", ReservationAction::nothing}, {"preempt", ReservationAction::preempt}}),
          {"nothing", "What to do when the other director holds the shared disk."},
          later_if_changed(&B::reservation_conflict_action, kNoSharedDisk)),
      key("debug_level", &B::debug_level, word_text(), {"NONE", "Accepted and ignored."}),
      key("monitor_links", &B::monitor_links, integer<int>(kAnyLow, kAnyHigh),
          {"0",
           "Other than 0: a director that lost the network link of one of its own addresses hands "
           "over to one that has its links. Where neither has, one still serves.",
           "1"}),
      key("syncdaemon", &B::syncdaemon, boolean(),
          {"0", "Whether the active director tells the other about its connections."},
          embedded_only(later_if(&B::syncdaemon, true, kNoSync))),
      key("syncd_iface", &B::syncd_iface, word_text(),
          {"eth0", "The device of the connection synchronisation."},
          embedded_only(later_if_changed(&B::syncd_iface, kNoSync))),
      key("syncd_id", &B::syncd_id, integer<int>(0, 255),
          {"0", "The number that keeps several pairs on one network apart."},
          embedded_only(later_if_changed(&B::syncd_id, kNoSync))),
      key("tcp_timeout", &B::tcp_timeout, integer<uint32_t>(0, kMostSeconds, "seconds"),
          {"0", "Life of an idle established TCP connection; 0: the core's own, 900."}),
      key("tcpfin_timeout", &B::tcpfin_timeout, integer<uint32_t>(0, kMostSeconds, "seconds"),
          {"0", "Life of a TCP connection after a FIN; 0: the core's own, 120."}),
      key("udp_timeout", &B::udp_timeout, integer<uint32_t>(0, kMostSeconds, "seconds"),
          {"0", "Life of an idle UDP flow; 0: the core's own, 300."}),
      key("hard_shutdown", &B::hard_shutdown, boolean(),
          {"1", "Accepted and ignored: a monitor that dies is started again."}),
      key("active_cmd", &B::active_cmd, word_text(),
          {"",
           "A program that is run when this director becomes active; split at blanks, no shell. "
           "Nothing waits for it but the next such program, see hook_timeout."}),
      key("inactive_cmd", &B::inactive_cmd, word_text(),
          {"",
           "A program that is run when this director stops being active, and when pulse starts "
           "without finding its addresses; a stop of pulse waits up to 5 seconds for it."}),
      key("ipvsadm", &B::ipvsadm, word_text(), {"/sbin/ipvsadm", "Accepted and ignored."}),
      key("sync", &B::sync, boolean(), {"0", "Accepted and ignored."}),
  };
}

constexpr const char* kConntrackText =
    "Whether the director's own rules (FORWARD, source translation in POSTROUTING, connection "
    "tracking) see the packets of translated connections, as ip_vs's switch "
    "net.ipv4.vs.conntrack has it. Slower; needed where clients are on the servers' own network "
    "(one arm) and a rule brings the replies back: iptables -t nat -A POSTROUTING -s NETWORK -d "
    "NETWORK -j MASQUERADE. FORWARD rules must let pass what goes from clients to the servers.";

constexpr const char* kFirstPacketText =
    "How a new connection reaches the embedded core: behind the firewall's INPUT rules (stack), or "
    "straight from the device (express), which is faster, and lets INPUT rules and rp_filter have "
    "no say about the ports of services. A service by mark, and what comes in fragments, takes the "
    "stack in any case; where a service by mark and one by address have a port in common, express "
    "knows the latter only.";

constexpr const char* kDenyText =
    "Clients whose packets to virtual services the embedded core drops, those of established "
    "connections too, as deny = 192.0.2.0/24 198.51.100.7 2001:db8::/32. Whatever else they send "
    "(ssh, heartbeats, what the director forwards) is left alone. A reload takes it up; the "
    "connections that are dropped so stay in the table until they expire, lvsadm --kill ends them. "
    "lvsadm --deny shows how many packets each prefix has cost.";

std::vector<Key<B>> new_keys_of_the_core() {
  return {
      key("core", &B::core,
          choice<CoreKind>({{"embedded", CoreKind::embedded}, {"kernel", CoreKind::kernel}}),
          {"embedded", "The data plane: the embedded eBPF core, or the kernel's ip_vs.", "", kNew}),
      key("first_packet", &B::first_packet,
          choice<FirstPacket>({{"stack", FirstPacket::stack}, {"express", FirstPacket::express}}),
          {"stack", kFirstPacketText, "", kNew}),
      key("interfaces", &B::interfaces, word_list("device names separated by blanks"),
          {"",
           "The devices that the embedded core attaches to; by default all. Requests by another "
           "device are served more slowly, replies of servers behind nat by another one not at "
           "all.",
           "", kNew}),
      key("connections", &B::connections, integer<uint32_t>(0, 16'777'216, "connections"),
          {"0",
           "How many connections the embedded core can hold, at least 1024, and as many persistent "
           "clients; 0: one for each 96 KiB of memory, 65536 to 1048576. Taken when the core "
           "starts empty (after lvsd --core --remove).",
           "", kNew}),
      key("deny", &B::deny, prefixes(ipvs::kEmbeddedDenied), {"", kDenyText, "", kNew}),
  };
}

constexpr const char* kDropEntryText =
    "Whether half-open connections end at random against a flood of them, a 32nd each second: 0 "
    "no, 1 during a shortage of memory or of room in the table, 3 always. This and the four keys "
    "below are ip_vs's switches net.ipv4.vs of the same names, of either core (lvsadm(8), "
    "Defence); without the key the switch stays as it is, and a key that is taken out gives it "
    "back what it was before.";

std::vector<Key<B>> keys_of_the_defence() {
  const Form<uint32_t> mode = choice<uint32_t>({{"0", 0}, {"1", 1}, {"3", 3}});
  return {
      key("drop_entry", &B::drop_entry, mode, {"", kDropEntryText, "", kNew}),
      key("drop_packet", &B::drop_packet, mode,
          {"",
           "Whether one in so many packets that would begin a connection is dropped: 0 no, 1 "
           "during a shortage, 3 always.",
           "", kNew}),
      key("secure_tcp", &B::secure_tcp, mode,
          {"",
           "Whether it is the server's segments that establish a connection, not the client's: 0 "
           "no, 1 during a shortage, 3 always.",
           "", kNew}),
      key("am_droprate", &B::am_droprate, integer<uint32_t>(1, kAnyHigh, "packets"),
          {"", "One in how many drop_packet drops; ip_vs has 10.", "", kNew}),
      key("amemthresh", &B::amemthresh, integer<uint32_t>(0, kAnyHigh, "pages"),
          {"", "With how many free pages of memory a shortage begins; ip_vs has 1024.", "", kNew}),
  };
}

constexpr const char* kNotifyText =
    "A named pipe that is told each change of this director's role, one line each, as keepalived "
    "tells it: INSTANCE \"pulse\" MASTER 100, with MASTER (it serves), BACKUP, FAULT (not able to "
    "serve) or STOP, and 100 for the primary, 50 for the backup. It is made if it is missing, for "
    "root alone. Nothing waits for a reader: about 64 KiB wait for one, more is lost.";

std::vector<Key<B>> new_keys_of_the_pair() {
  return {
      key("heartbeat_key", &B::heartbeat_key, path_or_none(),
          {"/etc/sysconfig/ha/heartbeat.key",
           "The file that holds the secret of both directors, mode 0600; none to run without.", "",
           kNew}),
      key("heartbeat_key_next", &B::heartbeat_key_next, path_or_none(),
          {"none",
           "A second such file: heartbeats signed with it are believed too, for a change of the "
           "key "
           "without a gap.",
           "", kNew}),
      key("heartbeat_format", &B::heartbeat_format,
          choice<HeartbeatFormat>(
              {{"2", HeartbeatFormat::v2}, {"legacy", HeartbeatFormat::legacy}}),
          {"2",
           "2, or legacy for Piranha's four bytes, which nothing authenticates: for an upgrade "
           "from "
           "Piranha in which one director after the other is replaced, see pulse(8).",
           "", kNew}),
      key("failback", &B::failback, failback(),
          {"0",
           "Whether the primary takes the service back: never, as soon as it is able, or after it "
           "has been able "
           "that long.",
           "", kNew}),
      key("witness", &B::witness, addresses(),
          {"", "Addresses to ping; a director that reaches none of them is not able to serve.", "",
           kNew}),
      key("lvsd_grace", &B::lvsd_grace, duration_between(0s, kDay),
          {"10", "How long lvsd may be away before the director counts as not able.", "", kNew}),
      key("manage_sysctls", &B::manage_sysctls, boolean(),
          {"1",
           "Whether sysctls that the configuration needs (ip_forward, those of ip_vs) are set and "
           "restored.",
           "", kNew}),
      key("conntrack", &B::conntrack, boolean(), {"0", kConntrackText, "", kNew}),
      key("standby_monitoring", &B::standby_monitoring, boolean(),
          {"1",
           "Whether the standby checks the servers too. One that does not takes the servers of a "
           "service that it has not served yet for working, and cannot know that it has no way to "
           "them; one that gave the service up for that reason checks until it has one again. Nor "
           "does it know which services it could serve: servers that fail on one director alone "
           "move nothing then (pulse(8), servers-fail-here-alone).",
           "", kNew}),
      key("split_guard", &B::split_guard, boolean(),
          {"1",
           "Whether a standby that hears no heartbeat first looks for its peer on the network of "
           "the services.",
           "", kNew}),
      key("notify_fifo", &B::notify_fifo, path_or_none(), {"none", kNotifyText, "", kNew}),
      key("hook_timeout", &B::hook_timeout, duration_between(1s, kDay),
          {"60", "How long active_cmd and inactive_cmd may take; then they are killed.", "", kNew}),
  };
}

std::vector<Key<B>> all_keys() {
  std::vector<Key<B>> keys = director_keys();
  for (const auto& group :
       {behaviour_keys(), new_keys_of_the_core(), keys_of_the_defence(), new_keys_of_the_pair()}) {
    keys.insert(keys.end(), group.begin(), group.end());
  }
  return keys;
}

}  // namespace

const std::vector<Key<Globals>>& global_keys() {
  static const std::vector<Key<Globals>> keys = all_keys();
  return keys;
}

const std::vector<Misplaced>& misplaced_keys() {
  constexpr auto kError = Severity::error;
  static const std::vector<Misplaced> words = {
      {"", "debug", kError,
       "no key of lvs.cf (Piranha's daemons stop here too): write debug_level"},
      {"", "ipchains", kError, "no key of lvs.cf (Piranha's daemons stop here too): remove it"},
      {"", "nmask", kError,
       "no key of lvs.cf (Piranha's daemons stop here too): write nat_nmask, or vip_nmask in a "
       "virtual block"},
      {"virtual", "expect_program", kError,
       "no key of lvs.cf (Piranha's daemons stop here too): write send_program and expect"},
      {"virtual", "deadtime", kError,
       "no key of a block (Piranha's daemons stop here too): deadtime is global"},
      {"virtual", "heartbeat", kError,
       "no key of a block (Piranha's daemons stop here too): heartbeat is global"},
      {"virtual", "method", kError,
       "no key of lvs.cf (Piranha's daemons stop here too): write forward, or network for all "
       "services"},
      {"server", "nmask", Severity::warning, "ignored: old configuration tools wrote it"},
  };
  return words;
}

}  // namespace lvs::config
