// What two snapshots of a packet, before and behind a program, say about what it did.
#include "lvsd/core/traced.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>

#include <algorithm>
#include <cstring>

namespace lvs::core {
namespace {

using ipvs::TracedConnection;
using ipvs::TracedPacket;
using ipvs::TraceFilter;
using ipvs::Verdict;

lvs_trace_packet headers(const char* from, uint16_t sport, const char* to, uint16_t dport) {
  lvs_trace_packet packet{};
  inet_pton(AF_INET, from, packet.saddr);
  inet_pton(AF_INET, to, packet.daddr);
  packet.sport = htons(sport);
  packet.dport = htons(dport);
  packet.family = AF_INET;
  packet.protocol = 6;
  return packet;
}

const lvs_trace_packet kAsked = headers("192.0.2.2", 40000, "192.0.2.100", 80);
const lvs_trace_packet kTranslated = headers("192.0.2.2", 40000, "10.0.0.2", 8080);

// Of a known connection, that nobody touched.
lvs_trace_event event_of(lvs_trace_hook hook, int verdict) {
  lvs_trace_event event{};
  event.hook = hook;
  event.verdict = verdict;
  event.before = event.after = kAsked;
  event.ifindex = 2;
  event.flags = LVS_TRACE_WAS_KNOWN | LVS_TRACE_IS_KNOWN;
  event.server_family = AF_INET;
  inet_pton(AF_INET, "10.0.0.2", event.server);
  event.port = htons(8080);
  return event;
}

TracedPacket told(const lvs_trace_event& event) {
  return traced_packet(event, 1000,
                       [](uint32_t ifindex) { return "dev" + std::to_string(ifindex); });
}

TEST(Traced, time_and_devices) {
  auto event = event_of(LVS_TRACE_NIC_INGRESS, TC_ACT_REDIRECT);
  event.time = 5;
  event.way = 3;
  const auto packet = told(event);
  EXPECT_EQ(packet.time_ns, 1005U);
  EXPECT_EQ(packet.device, "dev2");
  EXPECT_EQ(packet.way, "dev3");
  EXPECT_TRUE(packet.is_incoming);
  EXPECT_FALSE(told(event_of(LVS_TRACE_IPVS0_EGRESS, TC_ACT_SHOT)).is_incoming);
  EXPECT_FALSE(told(event_of(LVS_TRACE_NIC_EGRESS, TC_ACT_SHOT)).is_incoming);
  EXPECT_TRUE(told(event_of(LVS_TRACE_IPVS1_INGRESS, TC_ACT_SHOT)).is_incoming);
}

TEST(Traced, a_verdict_is_what_the_program_said_and_did) {
  const auto verdict = [](lvs_trace_hook hook, int said, auto change) {
    auto event = event_of(hook, said);
    change(event);
    return told(event).verdict;
  };
  const auto as_it_is = [](lvs_trace_event&) {};
  const auto translated = [](lvs_trace_event& event) { event.after = kTranslated; };
  EXPECT_EQ(verdict(LVS_TRACE_NIC_INGRESS, TC_ACT_SHOT, as_it_is), Verdict::dropped);
  EXPECT_EQ(verdict(LVS_TRACE_NIC_INGRESS, TC_ACT_UNSPEC, as_it_is), Verdict::left);
  EXPECT_EQ(verdict(LVS_TRACE_NIC_INGRESS, TC_ACT_REDIRECT, as_it_is), Verdict::forwarded);
  EXPECT_EQ(verdict(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT, translated), Verdict::forwarded);
  EXPECT_EQ(verdict(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT, as_it_is), Verdict::waits);
  EXPECT_EQ(verdict(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT,
                    [](lvs_trace_event& event) { event.way = 3; }),
            Verdict::forwarded)
      << "direct routing changes no headers";
  EXPECT_EQ(verdict(LVS_TRACE_NIC_EGRESS, TC_ACT_UNSPEC, as_it_is), Verdict::own);
  EXPECT_EQ(verdict(LVS_TRACE_IPVS0_EGRESS, TC_ACT_UNSPEC, translated), Verdict::left);
  EXPECT_EQ(verdict(LVS_TRACE_NIC_EGRESS, TC_ACT_UNSPEC, translated), Verdict::forwarded);
  EXPECT_EQ(verdict(LVS_TRACE_NIC_INGRESS, TC_ACT_UNSPEC,
                    [](lvs_trace_event& event) { event.packet_type = PACKET_OTHERHOST; }),
            Verdict::for_others);
  EXPECT_EQ(verdict(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT,
                    [](lvs_trace_event& event) { event.after.protocol = IPPROTO_ICMP; }),
            Verdict::answered);
  EXPECT_EQ(verdict(LVS_TRACE_NIC_INGRESS, TC_ACT_REDIRECT,
                    [](lvs_trace_event& event) {
                      event.before.protocol = event.after.protocol = IPPROTO_ICMP;
                    }),
            Verdict::forwarded)
      << "an error that came in";
}

TEST(Traced, a_mark_takes_a_packet_back_to_the_stack_from_the_pair_alone) {
  auto event = event_of(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT);
  event.mark = LVS_MARK_LOCAL;
  EXPECT_EQ(told(event).verdict, Verdict::left);
  event.flow_flags = LVS_FLOW_TO_SELF;
  EXPECT_EQ(told(event).verdict, Verdict::to_self);
  event.mark = LVS_MARK_FORWARDED;
  EXPECT_EQ(told(event).verdict, Verdict::left);
  event.hook = LVS_TRACE_NIC_INGRESS;
  EXPECT_EQ(told(event).verdict, Verdict::forwarded);
  event.verdict = TC_ACT_UNSPEC;
  EXPECT_EQ(told(event).verdict, Verdict::left);
  event.priority = LVS_PRIORITY_LOCAL;
  EXPECT_EQ(told(event).verdict, Verdict::to_self);
}

TEST(Traced, the_other_end_is_a_server_or_who_it_speaks_for) {
  auto event = event_of(LVS_TRACE_NIC_INGRESS, TC_ACT_REDIRECT);
  const Endpoint server{*Address::parse("10.0.0.2"), 8080};
  EXPECT_EQ(told(event).server, server);
  EXPECT_EQ(told(event).service, std::nullopt);
  event.direction = LVS_TO_CLIENT;
  inet_pton(AF_INET, "192.0.2.100", event.address);
  event.port = htons(80);
  EXPECT_EQ(told(event).service, (Endpoint{*Address::parse("192.0.2.100"), 80}));
  EXPECT_EQ(told(event).server, std::nullopt);
  event = event_of(LVS_TRACE_IPVS0_EGRESS, TC_ACT_REDIRECT);
  event.flags = 0;
  EXPECT_EQ(told(event).server, std::nullopt);
  event.after = kTranslated;
  EXPECT_EQ(told(event).server, server) << "one-packet scheduling leaves no entry";
  event.verdict = TC_ACT_SHOT;
  EXPECT_EQ(told(event).server, std::nullopt);
}

TEST(Traced, connections) {
  auto event = event_of(LVS_TRACE_NIC_INGRESS, TC_ACT_REDIRECT);
  EXPECT_EQ(told(event).connection, TracedConnection::known);
  event.flags |= LVS_TRACE_IS_NEW;
  EXPECT_EQ(told(event).connection, TracedConnection::begun);
  event.flags = LVS_TRACE_WAS_KNOWN;
  EXPECT_EQ(told(event).connection, TracedConnection::ended);
  event.flags = 0;
  EXPECT_EQ(told(event).connection, TracedConnection::none);
}

TEST(Traced, reasons_have_the_names_of_drops) {
  auto event = event_of(LVS_TRACE_IPVS0_EGRESS, TC_ACT_SHOT);
  event.reasons = 1U << LVS_DROP_MALFORMED | 1U << LVS_DROP_PACKET;
  EXPECT_EQ(told(event).reasons, (std::vector<std::string>{"malformed", "drop-packet"}));
}

TEST(Traced, a_filter_in_the_order_of_the_wire) {
  const auto to = to_map({.clients = TraceFilter::Clients{*Address::parse("10.1.2.200"), 25},
                          .service = Endpoint{*Address::parse("2001:db8::1"), 443},
                          .protocol = ipvs::Protocol::udp,
                          .only_drops = true});
  EXPECT_EQ(to.client[0], htonl(0x0a010280));
  EXPECT_EQ(to.mask[0], htonl(0xffffff80));
  EXPECT_EQ(to.mask[1] | to.mask[3] | to.client[1], 0U);
  EXPECT_EQ(to.client_family, AF_INET);
  EXPECT_EQ(to.service_family, AF_INET6);
  EXPECT_EQ(to.service[3], htonl(1));
  EXPECT_EQ(to.port, htons(443));
  EXPECT_EQ(to.protocol, 17);
  EXPECT_EQ(to.only_with_reason, 1);
  const auto whole = to_map({.clients = TraceFilter::Clients{*Address::parse("2001:db8::9"), 128}});
  EXPECT_EQ(whole.mask[3], 0xffffffffU);
  const auto nothing = to_map({});
  const lvs_trace_filter zeros{};
  EXPECT_EQ(std::memcmp(&nothing, &zeros, sizeof(zeros)), 0);
}

}  // namespace
}  // namespace lvs::core
