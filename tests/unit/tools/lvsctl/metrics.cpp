#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "tools/lvsctl/metrics/open_metrics.h"
#include "tools/lvsctl/metrics/page.h"

namespace lvs::lvsctl {
namespace {

using testing::HasSubstr;
using testing::Not;
using Type = OpenMetrics::Type;

Answer answer(const char* text) {
  return {boost::json::parse(text).as_object(), ""};
}
const Answer kAbsent{std::nullopt, "Connection refused"};

const Answer kPulse = answer(R"({"state":"active","term":3,"config_digest":"00000000000000ff",
  "able":true,"holding":true,"unserved":1,
  "held":{"by":"alice","since":1},"late_ms":1,"late_max_ms":1500,
  "each_address":[{"address":"192.0.2.10","device":"eth0","state":"held","error":""},
                  {"address":"10.0.0.1","device":"eth1","state":"foreign","error":"x"}],
  "peer":{"alive":true,"silent_ms":80,"role":"passive","able":false,"reasons":"held",
          "same_config":false,"unserved":2},
  "paths":[{"name":"public","alive":true,"silent_ms":80,"heard":100,"lost":2},
           {"name":"private","alive":false,"silent_ms":null,"heard":0,"lost":0}],
  "counters":{"beats_sent":7,"takeovers":1,"refused":{"replay":4}}})");

const Answer kLvsd = answer(R"({"ready":true,"armed":true,"serial":42,"core":"embedded",
  "reload_error":"","failing":[],"writes":9,"drifts":1,"repairs":2,"sysctl_repairs":0,
  "core_status":{"connections":5,"connections_max":1000,"repairs":3,"copies_lost":false,
                 "drops":{"no-route":6}},
  "services":[
   {"service":"TCP 192.0.2.10:80","name":"web","connections":10,"in_packets":100,"out_packets":90,
    "in_bytes":1000,"out_bytes":9000,"unserved":"","servers":[
    {"name":"a","address":"10.0.0.11:80","health":"up","standing":"up","latency_us":1500,
     "weight":1,"active":3,"inactive":1},
    {"name":"b","address":"10.0.0.12:80","health":"down","standing":"down","reason":"x"}]},
   {"service":"FWM 80 IPv6","name":"mark","connections":1,"in_packets":1,"out_packets":0,
    "in_bytes":60,"out_bytes":0,"unserved":"no way","servers":[
    {"name":"c","address":"[fd00::1]:0","health":"cut","has_way":false,"standing":"up","weight":2,
     "active":0,"inactive":0}]}]})");

TEST(OpenMetrics, AFamilyHasItsTypeUnitAndHelpBeforeItsSamples) {
  OpenMetrics out;
  out.family("a_bytes", Type::counter, "Help.", "bytes");
  out.sample({{"x", "1"}, {"y", "2"}}, int64_t{3});
  out.sample({}, 0.5);
  EXPECT_EQ(out.take(),
            "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes Help.\n"
            "a_bytes_total{x=\"1\",y=\"2\"} 3\na_bytes_total 0.5\n# EOF\n");
}

TEST(OpenMetrics, WhatWouldEndALabelIsEscaped) {
  OpenMetrics out;
  out.family("a", Type::info, "H");
  out.sample({{"x", "q\" b\\ n\n"}}, true);
  EXPECT_THAT(out.take(), HasSubstr("a_info{x=\"q\\\" b\\\\ n\\n\"} 1\n"));
}

TEST(Metrics, TheTableHasTheNamesAndLabelsOfNodeExporter) {
  const std::string page = metrics_page(kAbsent, kLvsd);
  EXPECT_THAT(page, HasSubstr("\nnode_ipvs_connections_total 11\n"));
  EXPECT_THAT(page, HasSubstr("\nnode_ipvs_incoming_packets_total 101\n"));
  EXPECT_THAT(page, HasSubstr("\nnode_ipvs_outgoing_bytes_total 9000\n"));
  EXPECT_THAT(page, HasSubstr("\nnode_ipvs_backend_connections_active{local_address=\"192.0.2.10\","
                              "local_port=\"80\",local_mark=\"\",remote_address=\"10.0.0.11\","
                              "remote_port=\"80\",proto=\"TCP\"} 3\n"));
  EXPECT_THAT(page, HasSubstr("\nnode_ipvs_backend_weight{local_address=\"\",local_port=\"0\","
                              "local_mark=\"00000050\",remote_address=\"fd00::1\","
                              "remote_port=\"0\",proto=\"FWM\"} 2\n"));
  EXPECT_THAT(page, Not(HasSubstr("remote_address=\"10.0.0.12\""))) << "it is not in the table";
}

TEST(Metrics, HealthIsGivenForEachServer) {
  const std::string page = metrics_page(kAbsent, kLvsd);
  const std::string a =
      "{service=\"web\",key=\"TCP 192.0.2.10:80\",server=\"a\",address=\"10.0.0.11:80\"} ";
  const std::string b =
      "{service=\"web\",key=\"TCP 192.0.2.10:80\",server=\"b\",address=\"10.0.0.12:80\"} ";
  EXPECT_THAT(page, HasSubstr("\nlvs_server_up" + a + "1\n"));
  EXPECT_THAT(page, HasSubstr("\nlvs_server_up" + b + "0\n"));
  EXPECT_THAT(page, HasSubstr("\nlvs_server_check_latency_seconds" + a + "0.0015\n"));
  EXPECT_THAT(page, HasSubstr("server=\"c\",address=\"[fd00::1]:0\"} 1\n")) << "unreachable";
  EXPECT_THAT(page,
              HasSubstr("\nlvs_service_servers_up{service=\"web\",key=\"TCP 192.0.2.10:80\"} 1\n"));
}

TEST(Metrics, AServiceThatServesNobodyIsTold) {
  const std::string page = metrics_page(kAbsent, kLvsd);
  EXPECT_THAT(page,
              HasSubstr("\nlvs_service_unserved{service=\"web\",key=\"TCP 192.0.2.10:80\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\nlvs_service_unserved{service=\"mark\",key=\"FWM 80 IPv6\"} 1\n"));
}

// Who takes connections is who is in the table with a weight, whatever is known of its health.
TEST(Metrics, ServersThatTakeConnectionsAreCounted) {
  const auto up = [](const std::string& server) {
    Answer lvsd = kLvsd;
    (*lvsd.status)["services"] = boost::json::parse(
        R"([{"name":"s","service":"TCP 192.0.2.1:1","servers":[)" + server + "]}]");
    const std::string page = metrics_page(kAbsent, lvsd);
    const std::string line = "\nlvs_service_servers_up{service=\"s\",key=\"TCP 192.0.2.1:1\"} ";
    return page.substr(page.find(line) + line.size(), 1);
  };
  EXPECT_EQ(up(R"({"name":"a","standing":"up","health":"up","weight":2})"), "1");
  EXPECT_EQ(up(R"({"name":"a","standing":"up","health":"up","weight":0})"), "0");
  EXPECT_EQ(up(R"({"name":"a","standing":"unknown","health":"unknown"})"), "0");
  EXPECT_EQ(up(R"({"name":"a","standing":"unknown","health":"unknown","weight":1})"), "1");
  EXPECT_EQ(up(R"({"name":"","standing":"sorry","health":"unchecked","weight":1})"), "0");
}

TEST(Metrics, AServerThatNoCheckCouldBeMadeOfIsTold) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["services"] = boost::json::parse(
      R"([{"name":"s","service":"TCP 192.0.2.1:1","servers":[
           {"name":"a","health":"unknown"},{"name":"b","health":"up"},
           {"name":"c","health":"unchecked"}]}])");
  const std::string page = metrics_page(kAbsent, lvsd);
  EXPECT_THAT(page, HasSubstr("server=\"a\",address=\"\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("server=\"b\",address=\"\"} 0\n"));
  EXPECT_THAT(page, Not(HasSubstr("server=\"c\""))) << "nobody asked for checks";
}

TEST(Metrics, ThePairIsTold) {
  const std::string page = metrics_page(kPulse, kLvsd);
  for (const std::string line :
       {"lvs_daemon_up{daemon=\"pulse\"} 1",
        "lvs_director_state{state=\"active\"} 1",
        "lvs_director_state{state=\"standby\"} 0",
        "lvs_director_held 1",
        "lvs_director_term 3",
        "lvs_director_unserved_services 1",
        "lvs_peer_unserved_services 2",
        "lvs_director_lateness_max_seconds 1.5",
        "lvs_addresses{state=\"foreign\"} 1",
        "lvs_address_held{address=\"192.0.2.10\",device=\"eth0\"} 1",
        "lvs_peer_heard 1",
        "lvs_peer_active 0",
        "lvs_peer_held 1",
        "lvs_peer_same_configuration 0",
        "lvs_path_alive{path=\"private\"} 0",
        "lvs_path_silence_seconds{path=\"public\"} 0.08",
        "lvs_path_heartbeats_total{path=\"public\"} 100",
        "lvs_path_heartbeats_lost_total{path=\"public\"} 2",
        "lvs_takeovers_total 1",
        "lvs_heartbeats_refused_total{reason=\"replay\"} 4",
        "lvs_configuration_info{serial=\"42\",digest=\"00000000000000ff\"} 1",
        "lvs_repairs_total{what=\"core\"} 3",
        "lvs_core_drops_total{reason=\"no-route\"} 6",
        "lvs_core_copies_lost 0",
        "lvs_core_info{core=\"embedded\"} 1"}) {
    EXPECT_THAT(page, HasSubstr("\n" + line + "\n"));
  }
  EXPECT_THAT(page, Not(HasSubstr("lvs_path_silence_seconds{path=\"private\"}")));
  EXPECT_THAT(page, Not(HasSubstr("alice"))) << "people are no labels";
}

TEST(Metrics, ADaemonThatDoesNotAnswerIsAMetricToo) {
  EXPECT_EQ(metrics_page(kAbsent, kAbsent),
            "# TYPE lvs_daemon_up gauge\n"
            "# HELP lvs_daemon_up Whether the daemon answers, if it may be asked.\n"
            "lvs_daemon_up{daemon=\"pulse\"} 0\nlvs_daemon_up{daemon=\"lvsd\"} 0\n"
            "# TYPE lvs_daemon_may_ask gauge\n"
            "# HELP lvs_daemon_may_ask Whether these metrics may ask the daemon: as root, or in "
            "group lvs.\n"
            "lvs_daemon_may_ask{daemon=\"pulse\"} 1\nlvs_daemon_may_ask{daemon=\"lvsd\"} 1\n"
            "# EOF\n");
}

TEST(Metrics, ADirectorAloneHasNoPeer) {
  Answer alone = kPulse;
  (*alone.status)["alone"] = true;
  const std::string page = metrics_page(alone, kLvsd);
  EXPECT_THAT(page, Not(HasSubstr("lvs_peer_")));
  EXPECT_THAT(page, Not(HasSubstr("lvs_path_")));
}

TEST(Metrics, WhoMayNotAskDoesNotSayThatTheDaemonIsDown) {
  const Answer refused{std::nullopt, "Permission denied", true};
  const std::string page = metrics_page(refused, kAbsent);
  EXPECT_THAT(page, Not(HasSubstr("lvs_daemon_up{daemon=\"pulse\"}")));
  EXPECT_THAT(page, HasSubstr("lvs_daemon_up{daemon=\"lvsd\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("lvs_daemon_may_ask{daemon=\"pulse\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("lvs_daemon_may_ask{daemon=\"lvsd\"} 1\n"));
}

}  // namespace
}  // namespace lvs::lvsctl
