// A traced packet as a line, and what they come to.
#include "tools/lvsadm/trace.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace lvs::lvsadm {
namespace {

using namespace ipvs;

TracedPacket request() {
  ::setenv("TZ", "UTC", 1);
  return {.time_ns = 1'000'000'000'123'456'789,
          .device = "eth0",
          .protocol = 6,
          .from = {*Address::parse("192.0.2.9"), 4000},
          .to = {*Address::parse("192.0.2.1"), 80},
          .tcp_flags = 0x02,
          .bytes = 60,
          .verdict = Verdict::forwarded,
          .connection = TracedConnection::begun,
          .server = Endpoint{*Address::parse("10.0.0.2"), 8080},
          .way = "eth1"};
}

TEST(TraceLine, a_request_and_its_reply) {
  auto packet = request();
  EXPECT_EQ(trace_line(packet),
            "01:46:40.123456 eth0 in tcp 192.0.2.9:4000 -> 192.0.2.1:80 [S], 60 bytes: forwarded "
            "to 10.0.0.2:8080 (Masq) by eth1, new connection\n");
  packet.tcp_flags = 0x12;
  packet.is_reply = true;
  packet.from = *std::exchange(packet.server, std::nullopt);
  packet.to = {*Address::parse("192.0.2.9"), 4000};
  packet.service = Endpoint{*Address::parse("192.0.2.1"), 80};
  packet.connection = TracedConnection::known;
  EXPECT_EQ(trace_line(packet),
            "01:46:40.123456 eth0 in tcp 10.0.0.2:8080 -> 192.0.2.9:4000 [S.], 60 bytes: forwarded "
            "to the client as 192.0.2.1:80 by eth1, known connection\n");
}

TEST(TraceLine, every_verdict_in_words) {
  auto packet = request();
  packet.server = std::nullopt;
  packet.connection = TracedConnection::none;
  packet.reasons = {"no-destination"};
  const auto ends_with = [&](Verdict verdict) {
    packet.verdict = verdict;
    const std::string line = trace_line(packet);
    return line.substr(line.find("bytes: ") + 7);
  };
  EXPECT_EQ(ends_with(Verdict::dropped), "dropped: no-destination\n");
  EXPECT_EQ(ends_with(Verdict::answered), "answered by an ICMP error: no-destination\n");
  packet.reasons = {"passed-no-service"};
  EXPECT_EQ(ends_with(Verdict::left), "left to the stack: passed-no-service\n");
  packet.reasons.clear();
  EXPECT_EQ(ends_with(Verdict::left), "left to the stack, no connection\n");
  EXPECT_EQ(ends_with(Verdict::for_others), "left alone: its MAC is not this device's\n");
  EXPECT_EQ(ends_with(Verdict::own), "sent by the director itself\n");
  packet.server = Endpoint{*Address::parse("10.0.0.2"), 8080};
  EXPECT_EQ(ends_with(Verdict::waits),
            "forwarded to 10.0.0.2:8080 (Masq) by ipvs1: its MAC is asked for\n");
  EXPECT_EQ(ends_with(Verdict::to_self), "forwarded to 10.0.0.2:8080 (Masq), this director\n");
}

TEST(TraceLine, icmp_fragments_and_datagrams) {
  auto packet = request();
  packet.protocol = 1;
  packet.from.port = packet.to.port = 0;
  packet.icmp_type = 3;
  packet.icmp_code = 4;
  EXPECT_NE(trace_line(packet).find("icmp 192.0.2.9 -> 192.0.2.1 type 3 code 4, 60 bytes"),
            std::string::npos);
  packet.protocol = 17;
  packet.is_fragment = true;
  EXPECT_NE(trace_line(packet).find("udp 192.0.2.9 -> 192.0.2.1 fragment, 60 bytes"),
            std::string::npos);
}

TEST(TraceLine, for_programs_each_is_one_object) {
  auto packet = request();
  EXPECT_EQ(trace_json(packet),
            R"({"time_ns":1000000000123456789,"device":"eth0","direction":"in","protocol":"tcp",)"
            R"("from":{"address":"192.0.2.9","port":4000},"to":{"address":"192.0.2.1","port":80},)"
            R"("bytes":60,"fragment":false,"verdict":"forwarded","connection":"new","reply":false,)"
            R"("reasons":[],"tcp_flags":"S",)"
            R"("server":{"address":"10.0.0.2","port":8080,"forward":"Masq"},"way":"eth1"})"
            "\n");
  packet.verdict = Verdict::dropped;
  packet.reasons = {"race", "no-route"};
  EXPECT_NE(trace_json(packet).find(R"("reasons":["race","no-route"])"), std::string::npos);
}

TEST(TraceSummary, names_what_was_seen_and_what_was_not) {
  TraceSummary summary;
  EXPECT_EQ(summary.text(0, true, 0),
            "0 packets shown\nNo such packet came to the core. tcpdump shows whether it comes to "
            "this machine at all.\n");
  EXPECT_EQ(summary.text(0, false, 0), "0 packets shown\nNo packet came to the core.\n");
  auto packet = request();
  summary.count(packet);
  summary.count(packet);
  packet.verdict = Verdict::dropped;
  packet.reasons = {"no-route"};
  summary.count(packet);
  EXPECT_EQ(summary.packets(), 3U);
  EXPECT_EQ(summary.text(7, true, 0),
            "3 packets shown, forwarded 2, dropped 1\n  no-route 1\n"
            "7 packets not shown: they came faster than they were read\n");
}

TEST(TraceSummary, tells_of_a_server_by_nat_that_never_answers) {
  TraceSummary summary;
  const auto packet = request();
  summary.count(packet);
  const uint64_t later = packet.time_ns + 2'000'000'000;
  EXPECT_EQ(summary.text(0, true, packet.time_ns + 1000).find("no reply"), std::string::npos)
      << "it may be on its way";
  EXPECT_NE(summary.text(0, true, later)
                .find("1 requests to 10.0.0.2:8080 (Masq) and no reply of it came back: its way to "
                      "the client must lead through this director.\n  There: ip route get CLIENT"),
            std::string::npos);
  auto reply = packet;
  reply.is_reply = true;
  reply.from = *std::exchange(reply.server, std::nullopt);
  summary.count(reply);
  EXPECT_EQ(summary.text(0, true, later).find("no reply"), std::string::npos);
}

TEST(TraceSummary, tells_of_a_server_by_direct_routing_whose_clients_repeat_their_syn) {
  TraceSummary summary;
  auto packet = request();
  packet.forward = Forward::direct;
  const uint64_t later = packet.time_ns + 5'000'000'000;
  summary.count(packet);
  EXPECT_EQ(summary.text(0, true, later).find("There:"), std::string::npos)
      << "replies do not come by here anyway";
  packet.connection = TracedConnection::known;
  packet.tcp_flags = 0x10;
  summary.count(packet);
  EXPECT_EQ(summary.text(0, true, later).find("There:"), std::string::npos);
  packet.tcp_flags = 0x02;
  summary.count(packet);
  EXPECT_NE(summary.text(0, true, later)
                .find("1 SYNs to 10.0.0.2:8080 (Route) were repeated: the client got no answer of "
                      "it.\n  There: the virtual address on lo"),
            std::string::npos);
}

}  // namespace
}  // namespace lvs::lvsadm
