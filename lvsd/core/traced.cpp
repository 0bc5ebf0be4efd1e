#include "lvsd/core/traced.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <netinet/in.h>

#include <cstring>

#include "lvsd/core/drops.h"
#include "lvsd/core/layout.h"

namespace lvs::core {

namespace {

using ipvs::TracedConnection;
using ipvs::TracedPacket;
using ipvs::Verdict;

bool is_icmp(uint8_t protocol) {
  return protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
}

Endpoint endpoint(const uint32_t (&address)[4], uint16_t port, uint8_t family) {
  return {address_in(address, family), ntohs(port)};
}

bool is_same(const lvs_trace_packet& one, const lvs_trace_packet& other) {
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

bool is_known(const lvs_trace_event& event) {
  return (event.flags & LVS_TRACE_IS_KNOWN) != 0;
}

bool is_to_self(const lvs_trace_event& event) {
  return is_known(event) && event.direction == LVS_TO_SERVER &&
         (event.flow_flags & LVS_FLOW_TO_SELF) != 0;
}

// From the devices of the pair a packet goes back to the stack by a device, with a mark.
bool is_given_back(const lvs_trace_event& event) {
  const bool is_at_pair =
      event.hook == LVS_TRACE_IPVS0_EGRESS || event.hook == LVS_TRACE_IPVS1_INGRESS;
  return is_at_pair && (event.mark == LVS_MARK_LOCAL || event.mark == LVS_MARK_FORWARDED);
}

Verdict sent_on(const lvs_trace_event& event) {
  if (is_icmp(event.after.protocol) && !is_icmp(event.before.protocol)) {
    return Verdict::answered;
  }
  if (is_given_back(event)) {
    return is_to_self(event) && event.mark == LVS_MARK_LOCAL ? Verdict::to_self : Verdict::left;
  }
  const bool is_cold = event.hook == LVS_TRACE_IPVS0_EGRESS && is_known(event) && event.way == 0 &&
                       is_same(event.before, event.after);
  return is_cold ? Verdict::waits : Verdict::forwarded;
}

Verdict passed_on(const lvs_trace_event& event) {
  if (event.hook == LVS_TRACE_NIC_INGRESS) {
    const bool is_delivered = is_to_self(event) && event.priority == LVS_PRIORITY_LOCAL;
    return event.packet_type == PACKET_OTHERHOST ? Verdict::for_others
           : is_delivered                        ? Verdict::to_self
                                                 : Verdict::left;
  }
  if (event.hook != LVS_TRACE_NIC_EGRESS) {
    return Verdict::left;
  }
  // On its way already; the reply of a real server that is the director was translated.
  return is_same(event.before, event.after) ? Verdict::own : Verdict::forwarded;
}

Verdict verdict_of(const lvs_trace_event& event) {
  switch (event.verdict) {
    case TC_ACT_SHOT:
      return Verdict::dropped;
    case TC_ACT_REDIRECT:
      return sent_on(event);
    default:
      return passed_on(event);
  }
}

TracedConnection connection_of(const lvs_trace_event& event) {
  if (is_known(event)) {
    return (event.flags & LVS_TRACE_IS_NEW) != 0 ? TracedConnection::begun
                                                 : TracedConnection::known;
  }
  return (event.flags & LVS_TRACE_WAS_KNOWN) != 0 ? TracedConnection::ended
                                                  : TracedConnection::none;
}

// With one-packet scheduling there is no entry: what was translated tells itself.
void describe_server(const lvs_trace_event& event, TracedPacket& packet) {
  const bool is_on_its_way = packet.verdict == Verdict::forwarded ||
                             packet.verdict == Verdict::to_self || packet.verdict == Verdict::waits;
  if (is_known(event) && packet.is_reply) {
    packet.service = endpoint(event.address, event.port, event.before.family);
  } else if (is_known(event) && event.server_family != 0) {
    packet.server = endpoint(event.server, event.port, event.server_family);
  } else if (is_on_its_way && event.before.family == event.after.family &&
             std::memcmp(event.before.daddr, event.after.daddr, sizeof(event.after.daddr)) != 0) {
    packet.server = endpoint(event.after.daddr, event.after.dport, event.after.family);
  }
}

}  // namespace

lvs_trace_filter to_map(const ipvs::TraceFilter& filter) {
  lvs_trace_filter to{};
  if (filter.clients) {
    const auto& [prefix, length] = *filter.clients;
    uint8_t mask[sizeof(to.mask)] = {};
    for (unsigned bit = 0; bit < length; ++bit) {
      mask[bit / 8] = static_cast<uint8_t>(mask[bit / 8] | 0x80U >> bit % 8);
    }
    std::memcpy(to.mask, mask, sizeof(mask));
    std::memcpy(to.client, prefix.masked(length).bytes(), prefix.size());
    to.client_family = static_cast<uint8_t>(prefix.af());
  }
  if (filter.service) {
    const Address& address = filter.service->address;
    std::memcpy(to.service, address.bytes(), address.size());
    to.service_family = static_cast<uint8_t>(address.af());
    to.port = htons(filter.service->port);
  }
  to.protocol = filter.protocol ? static_cast<uint8_t>(*filter.protocol) : 0;
  to.only_with_reason = filter.only_drops ? 1 : 0;
  return to;
}

TracedPacket traced_packet(const lvs_trace_event& event, int64_t since_1970,
                           const std::function<std::string(uint32_t ifindex)>& device) {
  const lvs_trace_packet& before = event.before;
  TracedPacket packet{
      .time_ns = event.time + static_cast<uint64_t>(since_1970),
      .device = device(event.ifindex),
      .is_incoming = event.hook == LVS_TRACE_NIC_INGRESS || event.hook == LVS_TRACE_IPVS1_INGRESS,
      .protocol = before.protocol,
      .from = endpoint(before.saddr, before.sport, before.family),
      .to = endpoint(before.daddr, before.dport, before.family),
      .tcp_flags = before.tcp_flags,
      .icmp_type = before.icmp_type,
      .icmp_code = before.icmp_code,
      .is_fragment = before.is_fragment != 0,
      .bytes = event.bytes,
      .verdict = verdict_of(event),
      .connection = connection_of(event),
      .is_reply = event.direction == LVS_TO_CLIENT,
      .forward = static_cast<ipvs::Forward>(event.forward),
  };
  describe_server(event, packet);
  if (packet.verdict == Verdict::forwarded && event.way != 0) {
    packet.way = device(event.way);
  }
  for (uint32_t reason = 0; reason < LVS_DROPS; ++reason) {
    if ((event.reasons & 1U << reason) != 0) {
      packet.reasons.emplace_back(kDropNames[reason]);
    }
  }
  return packet;
}

}  // namespace lvs::core
