#include "tools/lvsctl/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

namespace lvs::lvsctl {
namespace {

using testing::HasSubstr;
using testing::Not;

Answer answer(const char* text) {
  return {boost::json::parse(text).as_object(), ""};
}
const Answer kAbsent{std::nullopt, "Connection refused"};

const Answer kPulse = answer(R"({"ok":true,"node":"primary","alone":false,"state":"active",
  "in_state_ms":12000,"reason":"peer-silent","term":3,"able":true,"reasons":"able","holding":true,
  "addresses":["192.0.2.10","10.0.0.1"],"lease_left_ms":2500,
  "peer":{"alive":true,"silent_ms":80,"role":"passive","able":true,"reasons":"able",
          "same_config":true},
  "paths":[{"name":"public","alive":true},{"name":"private","alive":true}]})");

const Answer kLvsd = answer(R"({"ok":true,"ready":true,"armed":true,"role":"active","serial":42,
  "core":"embedded","core_error":"","reload_error":"","marks_error":"","failing":[],"skipped":[],
  "services":[{"service":"TCP 192.0.2.10:80","name":"web","scheduler":"wlc","servers":[
    {"name":"a","address":"10.0.0.11:80","health":"up","reason":"","weight":1,"forward":"Masq",
     "active":3,"inactive":1},
    {"name":"b","address":"10.0.0.12:80","health":"up","reason":"","weight":1,"forward":"Masq",
     "active":2,"inactive":0}]}]})");

TEST(Status, AHealthyDirectorShowsItsPairServicesAndServers) {
  const StatusPage page = status_page(kPulse, kLvsd);
  EXPECT_EQ(page.condition, Condition::healthy);
  EXPECT_EQ(
      page.text,
      "pulse      active for 12 s, primary, term 3, because peer-silent\n"
      "peer       passive, heard 80 ms ago\n"
      "paths      public alive, private alive\n"
      "addresses  192.0.2.10 10.0.0.1, lease ends in 2 s\n"
      "lvsd       ready, armed, active, serial 42\n"
      "core       embedded\n"
      "\n"
      "SERVICE                      SERVER          HEALTH  WEIGHT  FORWARD  ACTIVE  INACTIVE  "
      "REASON\n"
      "web (TCP 192.0.2.10:80 wlc)  a 10.0.0.11:80  up      1       Masq     3       1\n"
      "                             b 10.0.0.12:80  up      1       Masq     2       0\n");
}

TEST(Status, AKeeperThatStandsStillIsToldOf) {
  Answer pulse = kPulse;
  (*pulse.status)["keeper"] = boost::json::object{{"pid", 7}, {"stopped", true}};
  const StatusPage page = status_page(pulse, kLvsd);
  EXPECT_EQ(page.condition, Condition::degraded);
  EXPECT_THAT(page.text, HasSubstr("! pulse's keeper (pid 7) is stopped by a signal: what ends "
                                   "here is not started again; kill -CONT 7"));
}

TEST(Status, WhoMayNotAskIsToldNothingUntrue) {
  const Answer refused{std::nullopt, "only root and the group lvs may ask", true};
  const StatusPage page = status_page(refused, refused);
  EXPECT_EQ(page.condition, Condition::unknown);
  EXPECT_EQ(page.text, "nothing is known: only root and the group lvs may ask\n");
  EXPECT_THAT(status_json(refused, refused, page.condition), HasSubstr(R"("unknown")"));
}

TEST(Status, AHoldIsAWorryOnBothDirectors) {
  Answer held = kPulse;
  (*held.status)["held"] = boost::json::object{{"by", "alice"}, {"since", 1'700'000'000}};
  const StatusPage page = status_page(held, kLvsd);
  EXPECT_EQ(page.condition, Condition::degraded);
  EXPECT_THAT(page.text, HasSubstr("! held by alice since 2023-11-1"));
  Answer other = kPulse;
  other.status->at("peer").as_object()["able"] = false;
  other.status->at("peer").as_object()["reasons"] = "held";
  EXPECT_THAT(status_page(other, kLvsd).text,
              HasSubstr("! the peer is held: it would not take over\n"));
}

TEST(Status, ANameThatBothDaemonsMissIsToldOnce) {
  Answer pulse = kPulse, lvsd = kLvsd;
  for (Answer* each : {&pulse, &lvsd}) {
    (*each->status)["names_unresolved"] = boost::json::array{"b does not resolve"};
  }
  const std::string text = status_page(pulse, lvsd).text;
  EXPECT_EQ(text.find("! b does not resolve"), text.rfind("! b does not resolve"));
  EXPECT_THAT(text, HasSubstr("! b does not resolve"));
}

TEST(Status, TheEmbeddedCoreShowsHowFullItIs) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["core_status"] =
      boost::json::object{{"connections", 12}, {"templates", 3}, {"connections_max", 262144}};
  EXPECT_THAT(status_page(kPulse, lvsd).text,
              HasSubstr("core       embedded, 12 of 262144 connections, 3 of 262144 templates\n"));
}

TEST(Status, WhatTheStandbyOnIpvsDoesIsSaidAndNoWorry) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["core"] = "kernel";
  (*lvsd.status)["sync_daemons"] = {"backup on eth0, id 7"};
  (*lvsd.status)["held_back"] = {"TCP 192.0.2.10:80 waits"};
  const StatusPage page = status_page(kPulse, lvsd);
  EXPECT_EQ(page.condition, Condition::healthy);
  EXPECT_THAT(page.text, HasSubstr("kernel, sync daemon backup on eth0, id 7\n"));
  EXPECT_THAT(page.text, HasSubstr("! TCP 192.0.2.10:80 waits\n"));
}

TEST(Status, ADaemonThatIsDownIsSaidAndTheOtherShown) {
  const StatusPage page = status_page(kAbsent, kLvsd);
  EXPECT_EQ(page.condition, Condition::degraded);
  EXPECT_THAT(page.text, HasSubstr("pulse  not running\n"));
  EXPECT_THAT(page.text, HasSubstr("! pulse is not running: this director takes no part in "
                                   "failover; service pulse start\n"));
  EXPECT_THAT(page.text, HasSubstr("a 10.0.0.11:80"));
  EXPECT_EQ(status_page(kPulse, kAbsent).condition, Condition::degraded);
  EXPECT_EQ(status_page(kAbsent, kAbsent).condition, Condition::not_running);
}

// One thing wrong at a time: each must be noticed.
TEST(Status, WhatNeedsAttentionDegradesIt) {
  const auto with = [](Answer daemon, const char* field, const char* value) {
    (*daemon.status)[field] = boost::json::parse(value);
    return daemon;
  };
  const auto condition_of = [](const Answer& pulse, const Answer& lvsd, const char* words) {
    const StatusPage page = status_page(pulse, lvsd);
    EXPECT_THAT(page.text, HasSubstr(words));
    return page.condition;
  };
  const auto degraded = Condition::degraded;
  EXPECT_EQ(
      condition_of(with(with(with(kPulse, "able", "false"), "links_down", R"(["eth1"])"), "reasons",
                        R"("link-down,no-witness")"),
                   kLvsd, "! this director is not able to serve: link-down,no-witness, down: eth1"),
      degraded);
  const Answer silent = with(kPulse, "peer", R"({"alive":false,"silent_ms":5000})");
  const Answer stopped = with(kPulse, "peer", R"({"alive":false,"stopped":true,"silent_ms":5000})");
  EXPECT_EQ(condition_of(stopped, kLvsd, "! the peer has stopped: nobody would take over"),
            degraded);
  EXPECT_EQ(condition_of(silent, kLvsd, "! the peer is not heard: nobody would take over"),
            degraded);
  const Answer passive = with(silent, "holding", "false");
  EXPECT_EQ(condition_of(passive, kLvsd, "! the peer is not heard: nobody serves"), degraded);
  EXPECT_EQ(condition_of(with(passive, "doubt", R"("peer-holds-address")"), kLvsd,
                         "! the peer is not heard: this director leaves the service to it"),
            degraded);
  EXPECT_EQ(
      condition_of(with(kPulse, "peer", R"({"alive":true,"able":false,"reasons":"lvsd-away"})"),
                   kLvsd, "! the peer is not able to serve: lvsd-away"),
      degraded);
  EXPECT_EQ(condition_of(with(kPulse, "peer", R"({"alive":false,"not_believed":"bad-hmac",
                              "advice":"copy the key"})"),
                         kLvsd, "! the peer is heard but not believed (bad-hmac): copy the key"),
            degraded);
  EXPECT_EQ(condition_of(with(kPulse, "reload_errors", R"(["lvs.cf:3: x"])"), kLvsd,
                         "! pulse runs with an older configuration: lvs.cf:3: x"),
            degraded);
  EXPECT_EQ(
      condition_of(with(kPulse, "each_address",
                        R"([{"address":"192.0.2.10","state":"failed","error":"no such device"}])"),
                   kLvsd, "! the address 192.0.2.10 is not held (failed): no such device"),
      degraded);
  EXPECT_EQ(condition_of(with(kPulse, "paths", R"([{"name":"private","alive":false}])"), kLvsd,
                         "! the heartbeat path private is silent"),
            degraded);
  EXPECT_EQ(condition_of(kPulse, with(kLvsd, "ready", "false"), "! lvsd is not ready"), degraded);
  EXPECT_EQ(condition_of(kPulse, with(kLvsd, "reload_error", R"("lvs.cf:3: x")"), "! lvs.cf:3: x"),
            degraded);
  EXPECT_EQ(condition_of(kPulse, with(kLvsd, "deny_error", R"("deny 192.0.2.0/24: no room")"),
                         "! deny 192.0.2.0/24: no room"),
            degraded);
  EXPECT_EQ(condition_of(kPulse, with(kLvsd, "failing", R"([{"what":"w","error":"e"}])"),
                         "! cannot set w: e"),
            degraded);
  EXPECT_EQ(
      condition_of(kPulse, with(kLvsd, "services", R"([{"name":"web","service":"TCP x","servers":[
                              {"name":"a","address":"x","health":"down","reason":"refused"}]}])"),
                   "! 1 of 1 servers of web is down"),
      degraded);
}

TEST(Status, WhoCanServeFewerServicesIsNamedOnBothDirectors) {
  const auto page_of = [](int here, int there) {
    Answer pulse = kPulse;
    (*pulse.status)["unserved"] = boost::json::value(here);
    (*pulse.status)["peer"].as_object()["unserved"] = boost::json::value(there);
    return status_page(pulse, kLvsd);
  };
  EXPECT_THAT(page_of(2, 0).text,
              HasSubstr("! this director cannot serve 2 of its services, the peer 0: "));
  EXPECT_EQ(page_of(2, 0).condition, Condition::degraded);
  EXPECT_THAT(page_of(1, 2).text,
              HasSubstr("! the peer cannot serve 2 of its services, this director 1: "));
  EXPECT_THAT(page_of(2, 2).text, Not(HasSubstr("cannot serve")));
}

TEST(Status, ServicesInDoubtAreNamed) {
  const auto page_of = [](const char* in_doubt) {
    Answer lvsd = kLvsd;
    (*lvsd.status)["in_doubt"] = boost::json::parse(in_doubt);
    return status_page(kPulse, lvsd);
  };
  const StatusPage page = page_of(R"({"count":3,"services":[
      {"service":"TCP x","name":"web","why":"fails"},
      {"service":"UDP y","name":"dns","why":"cannot be checked"}]})");
  EXPECT_EQ(page.condition, Condition::healthy);
  EXPECT_THAT(page.text, HasSubstr("\nin doubt   3 services: web (fails), dns (cannot be checked) "
                                   "and 1 more\n"));
  EXPECT_THAT(page_of(R"({"count":0,"services":[]})").text, Not(HasSubstr("doubt")));
}

TEST(Status, ANannyThatWasReplacedIsShownWithTheCause) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["nanny"] = {
      {"pid", 77}, {"restarts", 2}, {"last_end", "frozen: killed"}, {"pings_unanswered", 1}};
  const StatusPage calm = status_page(kPulse, lvsd);
  EXPECT_EQ(calm.condition, Condition::healthy);
  EXPECT_THAT(calm.text,
              HasSubstr("nanny      running as pid 77, ended 2 times, the last one: frozen: "
                        "killed\n"));
  (*lvsd.status)["nanny"] = {
      {"pid", 77}, {"restarts", 0}, {"last_end", ""}, {"pings_unanswered", 3}};
  const StatusPage silent = status_page(kPulse, lvsd);
  EXPECT_EQ(silent.condition, Condition::degraded);
  EXPECT_THAT(silent.text, HasSubstr("! nanny has not answered the last 3 pings"));
}

TEST(Status, ANannyWithoutAUserOfItsOwnIsRemarkedUpon) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["nanny"] = {{"pid", 77}, {"restarts", 0}, {"user", "nobody"}};
  const StatusPage page = status_page(kPulse, lvsd);
  EXPECT_EQ(page.condition, Condition::healthy);
  EXPECT_THAT(page.text, HasSubstr("! nanny runs as nobody"));
  (*lvsd.status)["nanny"] = {{"pid", 77}, {"restarts", 0}, {"user", "nanny"}};
  EXPECT_THAT(status_page(kPulse, lvsd).text, Not(HasSubstr("! nanny")));
}

// Three things that ask for three deeds.
TEST(Status, ADaemonThatStartsOrStandsStillIsNotCalledNotRunning) {
  const auto page_of = [](const SilentDaemon& silent) {
    const Answer lvsd{std::nullopt, "no answer", false, silent};
    EXPECT_EQ(status_page(kPulse, lvsd).condition, Condition::degraded);
    const auto json = boost::json::parse(status_json(kPulse, lvsd, Condition::degraded));
    return status_page(kPulse, lvsd).text + "why " +
           std::string(json.at("lvsd").at("why").as_string());
  };
  const std::string starting = page_of({Silence::starting, 7});
  EXPECT_THAT(starting, HasSubstr("lvsd       starting (pid 7)\n"));
  EXPECT_THAT(starting, HasSubstr("! lvsd is starting (pid 7): the table is not kept; connections "
                                  "are forwarded as before; ask again in a moment\n"));
  EXPECT_THAT(starting, HasSubstr("why starting"));
  const std::string frozen = page_of({Silence::silent, 7, true});
  EXPECT_THAT(frozen, HasSubstr("lvsd       does not answer (pid 7, stopped by a signal)\n"));
  EXPECT_THAT(frozen, HasSubstr("; kill -CONT 7 lets it go on; pulse starts it anew within "
                                "seconds, else: service pulse restart\n"));
  EXPECT_THAT(frozen, HasSubstr("why no answer"));
  EXPECT_THAT(page_of({}), HasSubstr("lvsd       not running\n"));
  EXPECT_THAT(page_of({}), HasSubstr("; service pulse start\n"));
  const Answer silent{std::nullopt, "no answer", false, {Silence::silent, 7}};
  EXPECT_EQ(status_page(silent, silent).condition, Condition::degraded) << "both are there";
}

TEST(Status, WhatBecomesOfClientsWithoutLvsdIsSaidAsItIs) {
  const Answer away{std::nullopt, "Connection refused"};
  constexpr const char* kAsBefore = "connections are forwarded as before";
  EXPECT_THAT(status_page(kPulse, away, CoreHere::yes).text, HasSubstr(kAsBefore));
  const auto said = [&](const Answer& pulse, CoreHere core, const char* words) {
    const std::string text = status_page(pulse, away, core).text;
    EXPECT_THAT(text, HasSubstr(words));
    EXPECT_THAT(text, Not(HasSubstr("as before")));
  };
  said(kPulse, CoreHere::no, "! lvsd is not running: there is no core here, and nothing is served");
  Answer standby = kPulse;
  (*standby.status)["holding"] = false;
  said(standby, CoreHere::yes,
       "! lvsd is not running: this director holds no address of a service: it serves nobody, and "
       "could not take over");
  said(kPulse, CoreHere::idle, "the core here has let go: it begins no new connection");
  said(away, CoreHere::yes, "without pulse the addresses of the services leave this director");
  const Answer frozen{std::nullopt, "no answer", false, {Silence::silent, 7}};
  EXPECT_THAT(status_page(frozen, away, CoreHere::yes).text, HasSubstr(kAsBefore))
      << "nobody knows better";
}

TEST(Status, ServersToWhichThereIsNoWayAreToldAsTheDirectorsTrouble) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["services"] = boost::json::parse(
      R"([{"name":"web","service":"TCP x","servers":[
          {"name":"a","address":"x","health":"cut","has_way":false,"standing":"up",
           "reason":"not checked: no route: Network is unreachable"}]}])");
  const StatusPage page = status_page(kPulse, lvsd);
  EXPECT_EQ(page.condition, Condition::degraded);
  EXPECT_THAT(page.text, HasSubstr("not checked: no route"));
  EXPECT_THAT(page.text,
              HasSubstr("! this director has no way to 1 of 1 servers of web: REASON says"));
}

TEST(Status, ADeviceThatIsGoneIsNotCalledDown) {
  Answer pulse = kPulse;
  (*pulse.status)["able"] = false;
  (*pulse.status)["reasons"] = "no-service-link";
  (*pulse.status)["links_down"] = {"bond0", "eth1"};
  (*pulse.status)["links_missing"] = {"bond0"};
  EXPECT_THAT(status_page(pulse, kLvsd).text,
              HasSubstr("not able to serve: no-service-link, down: eth1, no such device here: "
                        "bond0\n"));
  (*pulse.status)["links_down"] = {"bond0"};
  EXPECT_THAT(status_page(pulse, kLvsd).text,
              HasSubstr("not able to serve: no-service-link, no such device here: bond0\n"));
}

TEST(Status, OfABadFileNoMoreIsShownThanIsRead) {
  Answer pulse = kPulse, lvsd = kLvsd;
  boost::json::array errors;
  std::string lines;
  for (int line = 1; line <= 50; ++line) {
    const std::string error = "lvs.cf:" + std::to_string(line) + ": x";
    errors.emplace_back(error);
    lines += (lines.empty() ? "" : "\n") + error;
  }
  (*pulse.status)["reload_errors"] = errors;
  (*lvsd.status)["reload_error"] = lines;
  const auto said = [](const StatusPage& page) {
    EXPECT_EQ(page.condition, Condition::degraded);
    return page.text.substr(page.text.find("\n! ") + 1);
  };
  const std::string both = said(status_page(pulse, lvsd));
  EXPECT_EQ(std::count(both.begin(), both.end(), '\n'), 22) << both;
  EXPECT_THAT(both, HasSubstr("\n! and 30 more: lvsctl check has them all\n"));
  EXPECT_THAT(both, HasSubstr("! lvsd runs with an older configuration as well\n"));
  const std::string one = said(status_page(kPulse, lvsd));
  EXPECT_EQ(std::count(one.begin(), one.end(), '\n'), 21) << one;
  EXPECT_THAT(one, testing::StartsWith("! lvs.cf:1: x\n! lvs.cf:2: x\n"));
}

TEST(Status, AServiceThatServesNobodyIsNotHealthy) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["services"] = boost::json::parse(
      R"([{"name":"web","service":"TCP x","unserved":"no server was ever checked: no such user",
           "servers":[{"name":"a","address":"x","health":"unknown","standing":"unknown",
                       "in_table":false,"reason":"not checked: no such user"}]}])");
  const StatusPage page = status_page(kPulse, lvsd);
  EXPECT_EQ(page.condition, Condition::degraded);
  EXPECT_THAT(page.text,
              HasSubstr("! web serves nobody: no server was ever checked: no such user\n"));
  EXPECT_THAT(page.text, Not(HasSubstr("could not be checked"))) << "once is enough";
}

TEST(Status, AServerThatIsLeftOutSinceItCannotBeCheckedIsAWorry) {
  const auto page_of = [](const char* reason, bool in_table) {
    Answer lvsd = kLvsd;
    (*lvsd.status)["services"] = boost::json::parse(
        R"([{"name":"web","service":"TCP x","unserved":"","servers":[
            {"name":"a","address":"x","health":"up","standing":"up"},
            {"name":"b","address":"y","health":"unknown","standing":"unknown","reason":")" +
        std::string(reason) + R"(","in_table":)" + (in_table ? "true" : "false") + "}]}]");
    return status_page(kPulse, lvsd);
  };
  EXPECT_THAT(page_of("not checked: no descriptors", false).text,
              HasSubstr("! 1 of 2 servers of web could not be checked and are not used: REASON"));
  EXPECT_EQ(page_of("not checked: no descriptors", false).condition, Condition::degraded);
  EXPECT_EQ(page_of("not checked: no descriptors", true).condition, Condition::healthy)
      << "it serves as before";
  EXPECT_EQ(page_of("no check has ended yet", false).condition, Condition::healthy)
      << "a moment after a start";
}

TEST(Status, AnotherConfigurationOfThePeerIsToldWithBothSerials) {
  const auto said = [](int serial, const Answer& lvsd) {
    Answer pulse = kPulse;
    auto& peer = (*pulse.status)["peer"].as_object();
    peer["same_config"] = false;
    peer["config_serial"] = serial;
    return status_page(pulse, lvsd).text;
  };
  EXPECT_THAT(said(41, kLvsd), HasSubstr("! the peer runs another lvs.cf: its serial is 41, that "
                                         "of this director 42\n"));
  EXPECT_THAT(
      said(42, kLvsd),
      HasSubstr("! the peer runs another lvs.cf, though its serial is 42 as well: compare"));
  EXPECT_THAT(said(41, kAbsent), HasSubstr("! the peer runs another lvs.cf, of serial 41\n"));
}

TEST(Status, TheSorryServerIsNotCountedAmongTheServers) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["services"] = boost::json::parse(
      R"([{"name":"web","service":"TCP x","servers":[
          {"name":"a","address":"x","health":"down","standing":"down","reason":"refused"},
          {"name":"b","address":"y","health":"down","standing":"down","reason":"refused"},
          {"name":"","address":"z","health":"","standing":"sorry","reason":""}]}])");
  EXPECT_THAT(status_page(kPulse, lvsd).text, HasSubstr("! 2 of 2 servers of web are down\n"));
}

TEST(Status, RemarksAreShownAndDoNotDegrade) {
  Answer lvsd = kLvsd;
  (*lvsd.status)["remarks"] = boost::json::array{"core: not in effect yet"};
  (*lvsd.status)["mark_warnings"] = boost::json::array{"web (fwmark 80): no rule"};
  const StatusPage page = status_page(kPulse, lvsd);
  EXPECT_EQ(page.condition, Condition::healthy);
  EXPECT_THAT(page.text, HasSubstr("\n! core: not in effect yet\n"));
  EXPECT_THAT(page.text, HasSubstr("\n! web (fwmark 80): no rule\n"));
}

TEST(Status, AnswersOfAnotherVersionAreShownAsFarAsKnown) {
  const StatusPage page = status_page(answer(R"({"state":7,"peer":[],"paths":{}})"),
                                      answer(R"({"services":[1,{"servers":[2]}]})"));
  EXPECT_THAT(page.text, HasSubstr("pulse      7\n"));
}

TEST(Status, JsonPassesEverythingOn) {
  const auto value =
      boost::json::parse(status_json(kPulse, kAbsent, Condition::degraded)).as_object();
  EXPECT_EQ(value.at("condition").as_string(), "degraded");
  EXPECT_EQ(value.at("pulse").as_object().at("term").as_int64(), 3);
  EXPECT_EQ(value.at("lvsd").as_object().at("error").as_string(), "Connection refused");
}

}  // namespace
}  // namespace lvs::lvsctl
