// The keys of virtual, failover and server blocks.
#include <algorithm>
#include <array>

#include "common/config/check_syntax.h"
#include "common/config/forms.h"
#include "common/config/schema.h"
#include "common/ipvs/capabilities.h"

namespace lvs::config {

namespace {

using namespace std::chrono_literals;
using V = VirtualService;

constexpr auto kNew = Since::caribe;
constexpr auto kAlways = Written::always;
constexpr Duration kDay = 24h;
constexpr Duration kMostPersistence = 24h * 365;
constexpr long long kMostMark = 0xffffffff;
constexpr long long kMostWeight = 65535;
constexpr long long kMostConnections = 0xffffffff;
constexpr long long kMostChecks = 1000;

const std::array<std::string, 5> kSchedulersSince = {"sed", "nq", "fo", "ovf", "mh"};

template <size_t size>
bool contains(const std::array<std::string, size>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<Choice<std::string>> schedulers() {
  std::vector<Choice<std::string>> choices;
  for (const auto& scheduler : ipvs::kSchedulers) {
    const bool is_new = contains(kSchedulersSince, scheduler.name);
    choices.push_back({scheduler.name, scheduler.name, is_new ? kNew : Since::piranha});
  }
  return choices;
}

std::vector<Choice<ipvs::Protocol>> protocols() {
  std::vector<Choice<ipvs::Protocol>> choices;
  for (const auto& protocol : ipvs::kProtocols) {
    const bool is_new = protocol.protocol == ipvs::Protocol::sctp;
    choices.push_back({protocol.name, protocol.protocol, is_new ? kNew : Since::piranha});
  }
  return choices;
}

template <typename T>
Later<V> later_if_changed(T V::*member, std::string text) {
  return [=](const V& service, CoreKind) {
    return service.*member != V{}.*member ? text : std::string();
  };
}

// What clients see.
std::vector<Key<V>> service_face_keys() {
  return {
      key("active", &V::active, boolean(),
          {"0", "Whether the service is switched on.", "1", {}, kAlways}),
      key("address", &V::address, floating_address("vip_nmask"),
          {"", "The floating address of the service, and its device or label.",
           "192.0.2.10 eth0:1"}),
      key("sorry_server", &V::sorry_server, address(),
          {"",
           "The server that gets the connections while fewer than quorum others work. It is not "
           "checked. A service that has only it left serves its clients with it, but counts as one "
           "that the director cannot serve where the two are compared (pulse(8))."}),
      netmask_key("vip_nmask", &V::address,
                  {"",
                   "The netmask of address, or the length of its prefix (IPv6: 64); 0.0.0.0 counts "
                   "as not given.",
                   "255.255.255.0"}),
      key("fwmark", &V::fwmark, integer<uint32_t>(0, kMostMark),
          {"0",
           "Other than 0: the service consists of the packets that carry this firewall mark."}),
      key("port", &V::port, port(),
          {"80",
           "The service's port, and that of servers that name none. 0 means any port and needs "
           "persistent.",
           "80",
           {},
           kAlways}),
      key("persistent", &V::persistent, whole_seconds(kMostPersistence),
          {"0",
           "How long a client stays with its server after its last connection; 0: not at all."}),
      key("pmask", &V::pmask_prefix, persistence_mask(),
          {"255.255.255.255",
           "Clients whose addresses agree under this mask count as one client for persistent. "
           "IPv6: "
           "the length of their prefix; all of it unless given."}),
  };
}

// How its servers are checked and chosen.
std::vector<Key<V>> server_choice_keys() {
  return {
      key("send", &V::send, quoted_text(),
          {"", "What a check sends. Knows the escapes of the section on checks.",
           R"("GET / HTTP/1.0\r\n\r\n")"}),
      key("expect", &V::expect, quoted_text(),
          {"",
           "How the answer must begin, * for any answer; with send_program, what the program must "
           "print.",
           R"("HTTP")"}),
      key("use_regex", &V::use_regex, boolean(),
          {"0",
           "Whether expect is an extended regular expression that the answer must contain. Not for "
           "send_program."}),
      key("send_program", &V::send_program, quoted_text(),
          {"",
           "A program that checks a server instead of send; %h and %p become its address and "
           "port."}),
      key("load_monitor", &V::load_monitor, word_text(),
          {"none", "none, or rup, ruptime, uptime or a command that tells a server's load."},
          later_if_changed(&V::load_monitor, "weights do not follow the load")),
      key("scheduler", &V::scheduler, one_of(schedulers()),
          {"wlc", "How a server is chosen for a new connection.", "wlc", {}, kAlways}),
      key("protocol", &V::protocol, choice(protocols()),
          {"tcp", "The service's protocol.", "tcp", {}, kAlways}),
      key("timeout", &V::timeout, duration_between(10ms, kDay),
          {"10",
           "The limit of each step of a check, and the pause between checks unless interval is "
           "given.",
           "6",
           {},
           kAlways}),
      key("reentry", &V::reentry, duration_between(0s, kDay),
          {"180",
           "How long a failed server must pass its checks before it is used again: so many checks "
           "in a row as the pause (interval, else timeout) goes into it, without a rest and at "
           "least one; one that fails begins the count anew. What the checks take comes on top. "
           "With rise it is not used. While no other server of the service has done so and it has "
           "no sorry_server, each that passes is used at once, and taken out again when it fails "
           "as many checks as fall says; one that failed so waits where another serves, until all "
           "have failed. The first check of a server (new, or after a start) decides alone, and "
           "one to which this director itself had no way (route, carrier) is used again at once.",
           "15",
           {},
           kAlways}),
      key("quiesce_server", &V::quiesce_server, boolean(),
          {"0",
           "Whether a failed server stays in the table with weight 0 instead of being removed. The "
           "connections that it has stay with it, a UDP client that keeps its port too: lvsadm "
           "--kill ends them.",
           "0",
           {},
           kAlways}),
      key("client_monitor", &V::client_monitor, word_text(),
          {"", "Accepted and ignored: one nanny runs all checks."}),
      key("start_cmd", &V::start_cmd, word_text(), {"", "Starts the service of a failover block."}),
      key("stop_cmd", &V::stop_cmd, word_text(), {"", "Stops the service of a failover block."}),
      ignored_key<V>("master", "an address", "Accepted and ignored."),
      ignored_key<V>("dirs", "a list in brackets", "Accepted and ignored."),
  };
}

std::vector<Key<V>> new_keys() {
  return {
      key("mark_ports", &V::mark_ports, mark_ports_form(),
          {"",
           "The protocols and ports at address whose packets get fwmark; the firewall rules are "
           "made from it.",
           "", kNew}),
      key("sched_flags", &V::sched_flags, schedule_flags(),
          {"", "Options of the scheduler.", "", kNew}),
      key("ops", &V::ops, boolean(),
          {"0",
           "One-packet scheduling: whether each datagram finds a server anew, whatever port it "
           "comes from. For udp, and the udp of a fwmark. With nat the answers come from the real "
           "server's address, since they belong to no connection, unless a firewall rule of the "
           "director translates their source (lvsadm(8), --ops): use direct or tunnel.",
           "", kNew}),
      key("persistence_engine", &V::persistence_engine, one_of({{"sip", "sip", kNew}}),
          {"",
           "What stays with its server for persistent: sip, each call of a client, by the Call-ID "
           "of "
           "its messages; by default the client itself. For udp, and the udp of a fwmark. A packet "
           "that begins a flow and has no Call-ID is dropped. With ops each message finds the "
           "server of its call, from whatever port it comes.",
           "", kNew}),
      key("forward", &V::forward, forward_method(),
          {"", "How packets reach this service's servers; by default as network says.", "", kNew}),
      key("check", &V::check, check_form(),
          {"", "How a server is checked; by default what send, expect and send_program say.", "",
           kNew}),
      key("interval", &V::interval, duration_between(10ms, kDay),
          {"", "The pause between two checks of a server; by default timeout.", "", kNew}),
      key("rise", &V::rise, integer<int>(1, kMostChecks, "checks"),
          {"",
           "How many checks a failed server must pass; by default reentry divided by the pause.",
           "", kNew}),
      key("fall", &V::fall, integer<int>(1, kMostChecks, "checks"),
          {"1", "How many checks a server must fail to be taken out.", "", kNew}),
      key("quorum", &V::quorum, integer<int>(1, kMostChecks, "servers"),
          {"1",
           "How many servers of a weight above 0 must work before sorry_server steps aside; "
           "without one it has no meaning. Fewer are none where directors are compared (pulse(8)).",
           "", kNew}),
      key("drain", &V::drain, duration_between(0s, kDay),
          {"0", "How long a removed server keeps its connections.", "", kNew}),
      key("script_legacy", &V::script_legacy, boolean(),
          {"0",
           "Whether a send_program that fails or takes too long counts as passed, as it did in "
           "Piranha.",
           "", kNew}),
      key("script_user", &V::script_user, word_text(),
          {"lvs-check",
           "The user that check scripts run as; root only where a script cannot do without.", "",
           kNew}),
  };
}

std::vector<Key<V>> all_service_keys() {
  std::vector<Key<V>> keys = service_face_keys();
  for (const auto& group : {server_choice_keys(), new_keys()}) {
    keys.insert(keys.end(), group.begin(), group.end());
  }
  return keys;
}

Key<RealServer> server_port_key() {
  auto made = key("port", &RealServer::port, port_number(),
                  {"", "The server's port; by default the service's. Only nat can change it."});
  made.read = [read = made.read](const std::vector<Word>& words, RealServer& server,
                                 const Notes& notes) {
    server.port_given = read(words, server, notes);
    return server.port_given;
  };
  made.print = [](const RealServer& server) {
    return server.port_given ? std::to_string(server.port) : std::string();
  };
  return made;
}

std::vector<Key<RealServer>> all_server_keys() {
  using S = RealServer;
  return {
      key("address", &S::address, address(),
          {"0.0.0.0",
           "The server's address; 127.0.0.1 is this director itself, whose program then listens on "
           "the address and port of the service (or on all addresses), whatever forward says.",
           "10.0.0.11",
           {},
           kAlways}),
      key("active", &S::active, boolean(),
          {"0", "Whether the server is used and checked.", "1", {}, kAlways}),
      server_port_key(),
      key("weight", &S::weight, integer<int>(0, kMostWeight),
          {"1",
           "Its share of the connections; 0: no new ones. Such a one is checked all the same, and "
           "serves nobody where directors are compared (pulse(8)).",
           "1",
           {},
           kAlways}),
      key("forward", &S::forward, forward_method(),
          {"", "How packets reach this server; by default as the service says.", "", kNew}),
      key("u_threshold", &S::u_threshold, integer<uint32_t>(0, kMostConnections, "connections"),
          {"0", "At this number of connections the server gets no new ones; 0: no limit.", "",
           kNew}),
      key("l_threshold", &S::l_threshold, integer<uint32_t>(0, kMostConnections, "connections"),
          {"0", "Below this number it gets new ones again; 0: three quarters of u_threshold.", "",
           kNew}),
  };
}

}  // namespace

const std::vector<Key<VirtualService>>& service_keys() {
  static const std::vector<Key<VirtualService>> keys = all_service_keys();
  return keys;
}

const std::vector<Key<RealServer>>& server_keys() {
  static const std::vector<Key<RealServer>> keys = all_server_keys();
  return keys;
}

}  // namespace lvs::config
