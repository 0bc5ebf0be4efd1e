#include "common/monitor_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lvs {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::string every_byte() {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    all.push_back(static_cast<char>(i));
  }
  return all;
}

Monitor monitor_with(config::Check check) {
  Monitor monitor;
  monitor.target = {*Address::parse("10.0.0.2"), 80};
  monitor.check = std::move(check);
  monitor.interval = 2s;
  monitor.timeout = 1500us * 1000;
  monitor.rise = 3;
  monitor.fall = 2;
  return monitor;
}

std::string error_of(std::string_view packet) {
  const Result<MonitorOrder> order = decode_monitor_order(packet);
  return order ? "accepted" : order.error().what;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " not in " << text;
  return text.replace(at, from.size(), to);
}

TEST(MonitorCodec, EveryKindOfCheckComesBackAsItWas) {
  config::HttpCheck http;
  http.tls = true;
  http.host = "www.example.org";
  http.status = {{200, 204}, {301, 301}};
  http.body_regex = "^ok";
  http.verify = false;
  for (const config::Check& check : std::vector<config::Check>{
           config::TcpConnect{}, config::SendExpect{every_byte(), "\xff*", true}, http,
           config::ScriptCheck{"/usr/bin/check %h %p", "OK", true},
           config::NamedCheck{"smtp", {{"helo", "director"}, {"helo", "twice"}}}}) {
    const MonitorOrder order = SetMonitor{18'446'744'073'709'551'615U, monitor_with(check)};
    const Result<MonitorOrder> back = decode_monitor_order(encode(order));
    ASSERT_TRUE(back) << back.error().what;
    EXPECT_EQ(*back, order);
  }
}

TEST(MonitorCodec, AnIpv6UdpTargetComesBackAsItWas) {
  Monitor monitor = monitor_with(config::SendExpect{"\1", "*", false});
  monitor.target = {*Address::parse("2001:db8::5"), 53};
  monitor.protocol = ipvs::Protocol::udp;
  const MonitorOrder order = SetMonitor{0, monitor};
  EXPECT_EQ(*decode_monitor_order(encode(order)), order);
}

TEST(MonitorCodec, ARemovalAndAVerdictComeBackAsTheyWere) {
  EXPECT_EQ(*decode_monitor_order(encode(MonitorOrder{RemoveMonitor{9}})),
            MonitorOrder{RemoveMonitor{9}});
  for (const Health health : {Health::up, Health::down, Health::cut}) {
    for (const bool could_check : {true, false}) {
      const Verdict verdict{9, health, "status 503 \xe9", 1834211ns, !could_check, could_check};
      EXPECT_EQ(*decode_monitor_answer(encode(verdict)), MonitorAnswer{verdict});
    }
  }
}

TEST(MonitorCodec, APingAndAPongComeBackAsTheyWere) {
  constexpr uint64_t kLast = 18'446'744'073'709'551'615U;
  EXPECT_EQ(*decode_monitor_order(encode(MonitorOrder{Ping{kLast}})), MonitorOrder{Ping{kLast}});
  EXPECT_EQ(*decode_monitor_answer(encode(Pong{kLast})), MonitorAnswer{Pong{kLast}});
  EXPECT_FALSE(decode_monitor_answer(R"({"pong":1,"verdict":"up"})"));
}

TEST(MonitorCodec, ALongReasonIsCutByTheSender) {
  const Verdict verdict{9, Health::up, std::string(201, 'x'), 1ns};
  const auto back = std::get<Verdict>(*decode_monitor_answer(encode(verdict)));
  EXPECT_EQ(back.reason, std::string(200, 'x'));
}

TEST(MonitorCodec, AMissingFieldIsRefusedByName) {
  EXPECT_EQ(error_of(R"({"do":"remove"})"), "packet.id: missing");
  const std::string good = encode(SetMonitor{1, monitor_with(config::TcpConnect{})});
  EXPECT_EQ(error_of(replaced(good, R"("rise":3,)", "")), "packet.rise: missing");
}

TEST(MonitorCodec, AnUnknownFieldIsRefusedByName) {
  EXPECT_EQ(error_of(R"({"do":"remove","id":1,"force":true})"), "packet.force: unknown field");
  const std::string good = encode(SetMonitor{1, monitor_with(config::TcpConnect{})});
  EXPECT_EQ(error_of(replaced(good, R"("kind":"tcp")", R"("kind":"tcp","tls":true)")),
            "check.tls: unknown field");
}

TEST(MonitorCodec, NumbersOutOfRangeAreRefused) {
  const std::string good = encode(SetMonitor{1, monitor_with(config::TcpConnect{})});
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("port":80)", R"("port":65536)"},
           {R"("port":80)", R"("port":-1)"},
           {R"("rise":3)", R"("rise":0)"},
           {R"("fall":2)", R"("fall":10000001)"},
           {R"("fall":2)", R"("fall":1.5)"},
           {R"("fall":2)", R"("fall":"2")"},
           {R"("interval_ns":2000000000)", R"("interval_ns":999999)"},
           {R"("timeout_ns":1500000000)", R"("timeout_ns":86400000000001)"},
           {R"("id":1)", R"("id":-1)"}}) {
    EXPECT_THAT(error_of(replaced(good, from, to)), HasSubstr("expected a whole number")) << to;
  }
}

TEST(MonitorCodec, TextsAndListsHaveLimits) {
  const auto sized = [](size_t bytes) {
    return error_of(encode(
        SetMonitor{1, monitor_with(config::SendExpect{std::string(bytes, 'x'), "", false})}));
  };
  EXPECT_EQ(sized(kMonitorTextMax), "accepted");
  EXPECT_EQ(sized(kMonitorTextMax + 1), "check.send: longer than 10000 bytes");
  config::HttpCheck http;
  http.status.assign(kMonitorListMax + 1, {200, 200});
  EXPECT_THAT(error_of(encode(SetMonitor{1, monitor_with(http)})), HasSubstr("list of at most 64"));
  EXPECT_EQ(error_of(std::string(kMonitorPacketMax + 1, ' ')), "packet longer than 262144 bytes");
}

TEST(MonitorCodec, TextBeyondOneByteACharacterIsRefused) {
  EXPECT_THAT(error_of("{\"do\":\"remove\xc4\x80\",\"id\":1}"), HasSubstr("up to U+00FF"));
}

TEST(MonitorCodec, WhatIsNotAnObjectIsRefused) {
  for (const char* packet :
       {"", "[]", "null", "{", "{}x", "{\"do\":\"remove\",\"id\":1} {}", "\"\xff\""}) {
    EXPECT_NE(error_of(packet), "accepted") << packet;
  }
  EXPECT_FALSE(decode_monitor_answer(encode(MonitorOrder{RemoveMonitor{1}})));
  EXPECT_FALSE(decode_monitor_answer(R"({"verdict":"unknown","id":1,"reason":"","latency_ns":1})"));
}

}  // namespace
}  // namespace lvs
