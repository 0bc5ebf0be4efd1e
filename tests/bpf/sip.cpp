// Persistence by the Call-ID of SIP messages, on single packets: which calls share a server, what
// is read of a message that comes in parts, what is listed and what is left when templates end.
#include "common/time.h"
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

const ipvs::ServiceKey kCalls =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("192.0.2.100"), 5060};
const ipvs::ServiceKey kCalls6 =
    ipvs::AddressKey{ipvs::Protocol::udp, *Address::parse("2001:db8::100"), 5060};
constexpr uint16_t kFirstFragment = 0x2000;

ipvs::Service by_call(uint32_t prefix = 32) {
  return {.scheduler = "rr",
          .flags = ipvs::kPersistent,
          .timeout = 60,
          .prefix = prefix,
          .persistence_engine = "sip"};
}

std::string message(const std::string& headers,
                    const std::string& first = "INVITE sip:1@b SIP/2.0") {
  return first + "\r\n" + headers + "\r\n\r\n";
}

struct Sip : PacketPath {
  uint16_t port = 20000;
  // Who gets a message that belongs to no flow: "" for nobody.
  std::string server_of(const std::string& text, const Packet& from = {}, uint32_t mark = 0) {
    Packet packet = from;
    packet.protocol = 17;
    packet.dport = from.dport == 80 ? 5060 : from.dport;
    packet.sport = port++;
    packet.payload = text;
    const auto out = first(packet, mark);
    return out.verdict == TC_ACT_REDIRECT && out.packet ? out.packet->to : "";
  }
  std::vector<std::string> call_ids() {
    std::vector<std::string> all;
    for (const auto& one : connections()) {
      if (one.is_template) {
        EXPECT_EQ(one.persistence_engine, "sip");
        EXPECT_EQ(one.client.port, 0);
        all.push_back(one.persistence_data);
      }
    }
    std::sort(all.begin(), all.end());
    return all;
  }
};

TEST_F(Sip, MessagesOfACallGoToOneServerFromWhateverPort) {
  balance(kCalls, by_call(), 3);
  const auto one = server_of(message("Call-ID: one@b"));
  const auto two = server_of(message("Call-ID: two@b"));
  EXPECT_NE(one, "");
  EXPECT_NE(one, two);
  EXPECT_EQ(server_of(message("Via: SIP/2.0/UDP a\r\ni:one@b")), one);
  EXPECT_EQ(server_of(message("CALL-ID: two@b", "SIP/2.0 200 OK")), two);
  EXPECT_EQ(call_ids(), (std::vector<std::string>{"one@b", "two@b"}));
  EXPECT_EQ(
      servers(kCalls)[0].persistent + servers(kCalls)[1].persistent + servers(kCalls)[2].persistent,
      2U);
}

TEST_F(Sip, ClientsOfOneNetworkShareACallAndOthersDoNot) {
  balance(kCalls, by_call(24), 2);
  const auto one = server_of(message("Call-ID: x"), {.from = "192.0.2.2"});
  EXPECT_EQ(server_of(message("Call-ID: x"), {.from = "192.0.2.77"}), one);
  EXPECT_NE(server_of(message("Call-ID: x"), {.from = "198.51.100.2"}), one);
  EXPECT_EQ(templates(), 2U);
}

TEST_F(Sip, TheHeaderMayStandAnywhereInTheMessage) {
  balance(kCalls, by_call(), 2);
  for (size_t before : {0, 30, 31, 32, 33, 40, 41, 60, 64, 100, 128, 700, 1200}) {
    const std::string id = "call-" + std::to_string(before);
    const auto padding = "Subject: " + std::string(before, 's') + "\r\n";
    EXPECT_NE(server_of(message(padding + "Call-ID: " + id)), "") << before;
    const auto listed = call_ids();
    EXPECT_TRUE(std::find(listed.begin(), listed.end(), id) != listed.end()) << before;
  }
}

TEST_F(Sip, AMessageWithoutACallIsDroppedAndCounted) {
  balance(kCalls, by_call(), 2);
  const std::string none[] = {"",
                              "x",
                              std::string(1400, '\n'),
                              message("To: b"),
                              message("Call-ID: one@b x"),
                              "INVITE sip:1@b SIP/2.0\r\nCall-ID: one@b",
                              message("Call-ID: " + std::string(256, 'x'))};
  for (const auto& text : none) {
    EXPECT_EQ(server_of(text), "") << text;
  }
  EXPECT_EQ(drops(), (std::map<std::string, uint64_t>{{"no-call-id", std::size(none)}}));
  EXPECT_EQ(templates(), 0U);
  EXPECT_NE(server_of(message("Call-ID: " + std::string(255, 'x'))), "");
  EXPECT_EQ(call_ids(), std::vector<std::string>{std::string(255, 'x')});
}

TEST_F(Sip, WhatPadsAFrameIsNotRead) {
  balance(kCalls, by_call());
  Frame frame = build(Packet{.dport = 5060, .protocol = 17, .payload = "INVITE\r\nCall-ID: one"});
  frame.insert(frame.end(), {'\r', '\n', '\r', '\n'});
  EXPECT_EQ(run_frame(core->ipvs0_egress_fd(), frame).verdict, static_cast<uint32_t>(TC_ACT_SHOT));
  EXPECT_EQ(drops()["no-call-id"], 1U);
}

TEST_F(Sip, OfADatagramInFragmentsTheFirstIsRead) {
  balance(kCalls, by_call(), 2);
  EXPECT_NE(server_of(message("Call-ID: one"), {.fragment = kFirstFragment}), "");
  EXPECT_EQ(server_of("INVITE\r\nCall-ID: on", {.fragment = kFirstFragment}), "");
  EXPECT_EQ(call_ids(), std::vector<std::string>{"one"});
}

TEST_F(Sip, OfAMarkNothingButDatagramsOfSipIsServed) {
  balance(kMark, by_call(), 2, 0);
  const auto one = server_of(message("Call-ID: x"), {}, 7);
  EXPECT_NE(one, "");
  EXPECT_EQ(server_of(message("Call-ID: x"), {.dport = 5070}, 7), one);
  EXPECT_EQ(first({}, 7).verdict, static_cast<uint32_t>(TC_ACT_SHOT)) << "TCP";
  EXPECT_EQ(drops()["no-call-id"], 1U);
}

TEST_F(Sip, EachDatagramOfOnePacketSchedulingGoesByItsCall) {
  auto service = by_call();
  service.flags |= ipvs::kOnePacket;
  balance(kCalls, service, 2);
  const Packet packet{.sport = 5060, .dport = 5060, .protocol = 17};
  const auto ask_for = [&](const std::string& id) {
    Packet one = packet;
    one.payload = message("Call-ID: " + id);
    return first(one).packet->to;
  };
  const auto one = ask_for("one");
  EXPECT_NE(ask_for("two"), one);
  EXPECT_EQ(ask_for("one"), one);
  EXPECT_NE(ask_for("two"), one);
  EXPECT_EQ(connections().size(), 2U) << "the templates alone";
}

TEST_F(Sip, TheEngineIsForgottenWhenItIsSwitchedOff) {
  balance(kCalls, by_call(), 2);
  server_of(message("Call-ID: one"));
  auto by_client = by_call();
  by_client.persistence_engine = "";
  ask(ipvs::SetService{kCalls, by_client});
  const auto all = server_of("x");
  EXPECT_NE(all, "");
  EXPECT_EQ(server_of(message("Call-ID: two")), all);
  EXPECT_EQ(templates(), 2U);
}

TEST_F(Sip, ACallsEndTakesItsCallIdAlong) {
  balance(kCalls, by_call(), 2);
  auto found = core::find_attached();
  ASSERT_TRUE(found);
  const int ids = (*found)[static_cast<size_t>(core::Map::call_ids)].get();
  lvs_key key{};
  server_of(message("Call-ID: one"));
  ASSERT_EQ(bpf_map_get_next_key(ids, nullptr, &key), 0);
  ask(ipvs::KillConnections{*Address::parse("0.0.0.0"), 0});
  EXPECT_NE(bpf_map_get_next_key(ids, nullptr, &key), 0);
  EXPECT_EQ(templates(), 0U);
}

TEST_F(Sip, NoOtherEngineIsKnown) {
  auto other = by_call();
  other.persistence_engine = "nosuch";
  const auto answer = core->handle(ipvs::NewService{kCalls, other});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ENOENT);
}

TEST_F(Sip, OverIpv6) {
  ask(ipvs::NewService{kCalls6, by_call(64)});
  const auto say = [&](const std::string& from, const std::string& headers) {
    Packet6 packet{.from = from, .sport = port++, .dport = 5060, .protocol = 17};
    packet.payload = message(headers);
    run_frame(core->ipvs0_egress_fd(), build(packet));
  };
  ask(ipvs::NewDest{kCalls6, {*Address::parse("fd00::2"), 5060}, {}});
  say("2001:db8::2", "Call-ID: one");
  say("2001:db8::3", "i: one");
  say("2001:db8::3", "i: two");
  say("2001:db8::3", "To: b");
  EXPECT_EQ(call_ids(), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(drops()["no-call-id"], 1U);
}

}  // namespace
}  // namespace lvs::test
