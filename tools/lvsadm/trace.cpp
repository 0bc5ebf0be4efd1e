#include "tools/lvsadm/trace.h"

#include <netinet/in.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <ctime>
#include <numeric>
#include <utility>

namespace lvs::lvsadm {
namespace {

namespace json = boost::json;
using namespace ipvs;

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kReplyPatienceNs = kSecond;  // For a reply that is slow.
constexpr size_t kServersMax = 16'384;

std::string name_of_protocol(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return "tcp";
    case IPPROTO_UDP:
      return "udp";
    case IPPROTO_SCTP:
      return "sctp";
    case IPPROTO_ICMP:
      return "icmp";
    case IPPROTO_ICMPV6:
      return "icmp6";
    default:
      return "protocol-" + std::to_string(protocol);
  }
}

bool is_icmp(uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

// As tcpdump has them.
std::string flags_of(uint8_t flags) {
  constexpr std::pair<uint8_t, char> kFlags[] = {{0x02, 'S'}, {0x01, 'F'}, {0x04, 'R'},
                                                 {0x08, 'P'}, {0x20, 'U'}, {0x10, '.'}};
  std::string text;
  for (const auto& [bit, letter] : kFlags) {
    if ((flags & bit) != 0) {
      text += letter;
    }
  }
  return text.empty() ? "none" : text;
}

std::string place(const Endpoint& endpoint) {
  return endpoint.port == 0 ? to_string(endpoint.address) : to_string(endpoint);
}

std::string time_of_day(uint64_t time_ns) {
  const auto seconds = static_cast<time_t>(time_ns / kSecond);
  tm parts{};
  char text[16] = "";
  char fraction[8] = "";
  ::localtime_r(&seconds, &parts);
  std::strftime(text, sizeof(text), "%H:%M:%S", &parts);
  std::snprintf(fraction, sizeof(fraction), ".%06u",
                static_cast<unsigned>(time_ns % kSecond / 1000));
  return std::string(text) + fraction;
}

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::forwarded:
      return "forwarded";
    case Verdict::to_self:
      return "to-self";
    case Verdict::waits:
      return "waits";
    case Verdict::left:
      return "left-to-stack";
    case Verdict::own:
      return "own";
    case Verdict::answered:
      return "answered";
    case Verdict::dropped:
      return "dropped";
    case Verdict::for_others:
      return "for-another-mac";
  }
  return "";
}

const char* name_of(TracedConnection connection) {
  switch (connection) {
    case TracedConnection::none:
      return "none";
    case TracedConnection::known:
      return "known";
    case TracedConnection::begun:
      return "new";
    case TracedConnection::ended:
      return "ended";
  }
  return "";
}

std::string join(const std::vector<std::string>& words) {
  return std::accumulate(words.begin(), words.end(), std::string(),
                         [](const std::string& all, const std::string& one) {
                           return all.empty() ? one : all + ", " + one;
                         });
}

std::string to_server(const TracedPacket& packet) {
  return packet.server ? " to " + place(*packet.server) + " (" + to_string(packet.forward) + ")"
                       : "";
}

std::string forwarded(const TracedPacket& packet) {
  const std::string way = packet.way.empty() ? "" : " by " + packet.way;
  return packet.service ? "forwarded to the client as " + place(*packet.service) + way
                        : "forwarded" + to_server(packet) + way;
}

std::string what_became_of(const TracedPacket& packet) {
  switch (packet.verdict) {
    case Verdict::forwarded:
      return forwarded(packet);
    case Verdict::to_self:
      return "forwarded" + to_server(packet) + ", this director";
    case Verdict::waits:
      return "forwarded" + to_server(packet) + " by ipvs1: its MAC is asked for";
    case Verdict::left:
      return "left to the stack";
    case Verdict::own:
      return "sent by the director itself";
    case Verdict::answered:
      return "answered by an ICMP error";
    case Verdict::dropped:
      return "dropped";
    case Verdict::for_others:
      return "left alone: its MAC is not this device's";
  }
  return "";
}

std::string about_connection(const TracedPacket& packet) {
  switch (packet.connection) {
    case TracedConnection::none:
      return packet.reasons.empty() && packet.verdict == Verdict::left ? ", no connection" : "";
    case TracedConnection::known:
      return ", known connection";
    case TracedConnection::begun:
      return ", new connection";
    case TracedConnection::ended:
      return ", its connection ended";
  }
  return "";
}

json::object endpoint_object(const Endpoint& endpoint) {
  return {{"address", to_string(endpoint.address)}, {"port", endpoint.port}};
}

}  // namespace

std::string trace_line(const TracedPacket& packet) {
  std::string text = time_of_day(packet.time_ns) + " " + packet.device +
                     (packet.is_incoming ? " in " : " out ") + name_of_protocol(packet.protocol) +
                     " " + place(packet.from) + " -> " + place(packet.to);
  if (packet.protocol == IPPROTO_TCP) {
    text += " [" + flags_of(packet.tcp_flags) + "]";
  }
  if (is_icmp(packet.protocol)) {
    text +=
        " type " + std::to_string(packet.icmp_type) + " code " + std::to_string(packet.icmp_code);
  }
  text += (packet.is_fragment ? " fragment, " : ", ") + std::to_string(packet.bytes) + " bytes: ";
  text += what_became_of(packet);
  text += packet.reasons.empty() ? "" : ": " + join(packet.reasons);
  return text + about_connection(packet) + "\n";
}

std::string trace_json(const TracedPacket& packet) {
  json::object object{{"time_ns", packet.time_ns},
                      {"device", packet.device},
                      {"direction", packet.is_incoming ? "in" : "out"},
                      {"protocol", name_of_protocol(packet.protocol)},
                      {"from", endpoint_object(packet.from)},
                      {"to", endpoint_object(packet.to)},
                      {"bytes", packet.bytes},
                      {"fragment", packet.is_fragment},
                      {"verdict", name_of(packet.verdict)},
                      {"connection", name_of(packet.connection)},
                      {"reply", packet.is_reply},
                      {"reasons", json::array(packet.reasons.begin(), packet.reasons.end())}};
  if (packet.protocol == IPPROTO_TCP) {
    object["tcp_flags"] = flags_of(packet.tcp_flags);
  }
  if (is_icmp(packet.protocol)) {
    object["icmp_type"] = packet.icmp_type;
    object["icmp_code"] = packet.icmp_code;
  }
  if (packet.server) {
    json::object server = endpoint_object(*packet.server);
    server["forward"] = to_string(packet.forward);
    object["server"] = std::move(server);
  }
  if (packet.service) {
    object["virtual"] = endpoint_object(*packet.service);
  }
  if (!packet.way.empty()) {
    object["way"] = packet.way;
  }
  return json::serialize(object) + "\n";
}

void TraceSummary::count(const TracedPacket& packet) {
  ++verdicts_[packet.verdict];
  if (packet.is_reply) {
    answered_.insert(packet.from);
  } else {
    count_request(packet);
  }
  for (const std::string& reason : packet.reasons) {
    ++reasons_[reason];
  }
}

// What waits for a MAC is told of once more.
void TraceSummary::count_request(const TracedPacket& packet) {
  const bool is_request =
      packet.server && !is_icmp(packet.protocol) && packet.verdict == Verdict::forwarded;
  if (!is_request || (asked_.size() >= kServersMax && !asked_.contains(*packet.server))) {
    return;
  }
  Asked& asked = asked_[*packet.server];
  asked.since_ns = asked.requests == 0 ? packet.time_ns : asked.since_ns;
  asked.forward = packet.forward;
  ++asked.requests;
  const bool is_syn = packet.protocol == IPPROTO_TCP && (packet.tcp_flags & 0x12) == 0x02;
  asked.repeated += is_syn && packet.connection == TracedConnection::known ? 1 : 0;
}

// Replies of direct routing and tunnels do not come by here: there only the client tells.
std::string TraceSummary::unanswered(uint64_t now_ns) const {
  std::string text;
  for (const auto& [server, asked] : asked_) {
    const bool is_nat = asked.forward == Forward::masq;
    if (is_nat && !answered_.contains(server) && now_ns >= asked.since_ns + kReplyPatienceNs) {
      text += std::to_string(asked.requests) + " requests to " + place(server) +
              " (Masq) and no reply of it came back: its way to the client must lead through this "
              "director.\n  There: ip route get CLIENT is to name this director's address "
              "(nat_router of lvs.cf) as gateway; ss -ltn whether it listens.\n";
    } else if (!is_nat && asked.repeated != 0) {
      text += std::to_string(asked.repeated) + " SYNs to " + place(server) + " (" +
              to_string(asked.forward) +
              ") were repeated: the client got no answer of it.\n  There: the virtual address on "
              "lo or a tunnel device, net.ipv4.conf.all.arp_ignore=1 and arp_announce=2, a socket "
              "on that address (ss -ltn), a route to the client.\n";
    }
  }
  return text.empty() ? "" : text + "  More: WITHOUT A REPLY in lvsadm(8)\n";
}

uint64_t TraceSummary::packets() const {
  return std::accumulate(verdicts_.begin(), verdicts_.end(), uint64_t{0},
                         [](uint64_t sum, const auto& one) { return sum + one.second; });
}

std::string TraceSummary::text(uint64_t lost, bool has_filter, uint64_t now_ns) const {
  std::string text = std::to_string(packets()) + " packets shown";
  for (const auto& [verdict, packets] : verdicts_) {
    text += std::string(", ") + name_of(verdict) + " " + std::to_string(packets);
  }
  text += "\n";
  for (const auto& [reason, packets] : reasons_) {
    text += "  " + reason + " " + std::to_string(packets) + "\n";
  }
  if (lost != 0) {
    text += std::to_string(lost) + " packets not shown: they came faster than they were read\n";
  }
  if (packets() == 0 && lost == 0) {
    text += has_filter ? "No such packet came to the core. tcpdump shows whether it comes to this "
                         "machine at all.\n"
                       : "No packet came to the core.\n";
  }
  return text + unanswered(now_ns);
}

}  // namespace lvs::lvsadm
