#include "tests/unit/tools/lvsctl/import/imported.h"

namespace lvs::lvsctl::foreign {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* kFile = R"(# Global
checktimeout=3
checkinterval=1
fallback=127.0.0.1:80 gate
autoreload=yes
emailalert="admin@example.com"

virtual=192.0.2.10:http
	real=10.0.0.11:80 gate
	real=10.0.0.12->10.0.0.14:80 masq 5
	service=http
	request="index.html"
	receive="Test Page"
	virtualhost=www.example.com
	scheduler=rr
	persistent=600
	netmask=255.255.255.0
	protocol=tcp
	checktype=negotiate
	failurecount=3
	negotiatetimeout=4

virtual=192.0.2.10:25
	real=10.0.0.21:25 ipip 2
	quiescent=no
	checktype=connect

virtual=7
	real=10.0.0.31 gate
	checktype=ping
)";

TEST(ImportLdirectord, AFileIsCarriedOver) {
  const Outcome outcome = outcome_of(kFile);
  ASSERT_EQ(outcome.config.virtuals.size(), 3U);
  const auto& web = outcome.service(0);
  EXPECT_EQ(web.port, 80);
  EXPECT_EQ(web.scheduler, "rr");
  EXPECT_EQ(web.persistent, 600s);
  EXPECT_EQ(web.pmask_prefix, 24U);
  EXPECT_EQ(web.fall, 3);
  EXPECT_EQ(web.timeout, 4s);
  EXPECT_EQ(web.interval, 1s);
  EXPECT_TRUE(web.quiesce_server);
  EXPECT_EQ(to_string(*web.sorry_server), "127.0.0.1");
  const auto& http = std::get<config::HttpCheck>(*web.check);
  EXPECT_EQ(http.path + " " + http.host + " " + http.body_regex,
            "/index.html www.example.com Test Page");
  ASSERT_EQ(web.servers.size(), 4U);
  EXPECT_EQ(to_string(web.servers[3].address), "10.0.0.14");
  EXPECT_EQ(web.servers[3].weight, 5);
  EXPECT_EQ(web.servers[0].forward, ipvs::Forward::direct);
  const auto& mail = outcome.service(1);
  EXPECT_EQ(mail.scheduler, "wrr");
  EXPECT_FALSE(mail.quiesce_server);
  EXPECT_EQ(mail.check, config::Check(config::TcpConnect{}));
  EXPECT_EQ(mail.timeout, 3s);
  EXPECT_EQ(outcome.service(2).fwmark, 7U);
}

TEST(ImportLdirectord, WhatIsLeftIsNamedByItsLine) {
  const Outcome outcome = outcome_of(kFile);
  EXPECT_THAT(outcome.left, HasSubstr("6: emailalert: no mail is sent"));
  EXPECT_THAT(outcome.left, HasSubstr("4: fallback: it is asked at the service's own port, 25"));
  EXPECT_THAT(outcome.left, HasSubstr("0: primary: "));
  const Outcome other = outcome_of(
      "virtual=192.0.2.10:80\n"
      "\treal=10.0.0.11:80 masq 1 \"a\", \"b\"\n"
      "\treal=nowhere.example.com:80 gate\n"
      "\tchecktype=external\n"
      "\tcheckcommand=\"/usr/bin/test $1\"\n"
      "\tcheckport=81\n"
      "\tno_such_key=1\n"
      "nonsense\n");
  EXPECT_THAT(other.left, HasSubstr("2: real: the servers of a service share one check"));
  EXPECT_THAT(other.left, HasSubstr("3: real: expected an address"));
  EXPECT_THAT(other.left, HasSubstr("5: checkcommand: /usr/bin/test $1: commands are run"));
  EXPECT_THAT(other.left, HasSubstr("6: checkport = 81: with masq"));
  EXPECT_THAT(other.left, HasSubstr("7: no_such_key: "));
  EXPECT_THAT(other.left, HasSubstr("8: expected key = value, not nonsense"));
}

// Which port is asked is the server's own there; the kernel sends clients to that of the service.
TEST(ImportLdirectord, TheCheckPortOfAServerByDirectRoutingIsItsPort) {
  const Outcome outcome = outcome_of(
      "virtual=1\n"
      "\treal=10.0.0.11 gate\n"
      "\treal=10.0.0.12 ipip\n"
      "\tservice=https\n"
      "\tcheckport=443\n");
  ASSERT_EQ(outcome.service().servers.size(), 2U) << outcome.left;
  EXPECT_EQ(outcome.service().servers[0].port, 443);
  EXPECT_EQ(outcome.service().servers[1].port, 443);
  EXPECT_EQ(outcome.left.find("checkport"), std::string::npos);
}

config::Check check_of(const std::string& lines, const std::string& place = "192.0.2.10:80") {
  return *outcome_of("virtual=" + place + "\n\treal=10.0.0.11 gate\n" + lines).service().check;
}

TEST(ImportLdirectord, EachCheckHasItsCounterpart) {
  EXPECT_EQ(check_of("\tchecktype=on\n"), config::Check(config::NamedCheck{"none", {}}));
  EXPECT_EQ(check_of("", "192.0.2.10:25"), config::Check(config::NamedCheck{"smtp", {}}));
  EXPECT_EQ(check_of("\tlogin=\"joe\"\n", "192.0.2.10:21"),
            config::Check(config::NamedCheck{"ftp", {{"user", "joe"}}}));
  EXPECT_EQ(check_of("\tprotocol=udp\n\trequest=\"example.com\"\n", "192.0.2.10:53"),
            config::Check(config::NamedCheck{"dns", {{"name", "example.com"}}}));
  EXPECT_EQ(check_of("\tservice=simpletcp\n\trequest=\"PING\"\n\treceive=\"PONG\"\n"),
            config::Check(config::SendExpect{"PING", "PONG", true}));
  EXPECT_EQ(check_of("\tchecktype=external\n\tcheckcommand=/usr/local/bin/check\n"),
            config::Check(
                config::ScriptCheck{"/usr/local/bin/check 192.0.2.10 80 %h %p", "", false, ""}));
}

TEST(ImportLdirectord, AFallbackOfTheOtherFamilyLeavesTheServiceAsItIs) {
  const Outcome outcome = outcome_of(
      "virtual=192.0.2.10:80\n"
      "\treal=10.0.0.11:80 gate\n"
      "\tfallback=[fd00::5]:80\n"
      "virtual6=[fd00::10]:80\n"
      "\treal6=[fd00::11]:80 gate\n"
      "\tfallback=127.0.0.1:80\n"
      "\tfallback6=[fd00::6]:80\n");
  ASSERT_EQ(outcome.config.virtuals.size(), 2U);
  EXPECT_FALSE(outcome.service(0).sorry_server);
  EXPECT_EQ(to_string(outcome.service(1).sorry_server.value_or(Address{})), "fd00::6");
  EXPECT_THAT(outcome.left, HasSubstr("3: 192.0.2.10:80: sorry_server: expected an address of the "
                                      "same family as the service's, not fd00::5: none is"));
}

TEST(ImportLdirectord, OpsOfTcpLeavesTheServiceAsItIs) {
  const Outcome outcome =
      outcome_of("virtual=192.0.2.10:80\n\treal=10.0.0.11:80 gate\n\tops=yes\n\tpersistent=60\n");
  EXPECT_FALSE(outcome.service().ops);
  EXPECT_EQ(outcome.service().persistent, 60s);
  EXPECT_THAT(outcome.left, HasSubstr("3: 192.0.2.10:80: ops: expected protocol = udp"));
}

TEST(ImportLdirectord, ATunnelOfAnotherKindIsWrittenAsIpipAndNamed) {
  const Outcome outcome = outcome_of("virtual=192.0.2.10:80\n\treal=10.0.0.11:80 gue\n");
  ASSERT_EQ(outcome.service().servers.size(), 1U);
  EXPECT_EQ(outcome.config.network, ipvs::Forward::tunnel);
  EXPECT_THAT(outcome.left, HasSubstr("2: real: gue: the only tunnels of lvs.cf are IPIP"));
}

TEST(ImportLdirectord, WhatStandsInForACheckIsNamed) {
  const auto left_of = [](const std::string& lines) {
    return outcome_of("virtual=192.0.2.10:53\n\treal=10.0.0.11 gate\n" + lines).left;
  };
  EXPECT_THAT(left_of("\tchecktype=external\n\tcheckcommand=/bin/a | b\n"),
              HasSubstr("3: checktype: external: check = tcp is written"));
  EXPECT_THAT(left_of("\tprotocol=udp\n\tchecktype=external\n\tcheckcommand=/bin/a | b\n"),
              testing::AllOf(HasSubstr("5: checkcommand: /bin/a | b: commands are run without"),
                             HasSubstr("4: checktype: external: check = none is written")));
  EXPECT_THAT(left_of("\tprotocol=udp\n"), HasSubstr("1: request: dns: no name to ask for"));
}

TEST(ImportLdirectord, WhatIsAskedOfAProtocolThatIsOnlyGreetedIsNamed) {
  const Outcome outcome = outcome_of(
      "autoreload=yes\nvirtual=192.0.2.10:21\n\treal=10.0.0.11 gate\n\trequest=\"/a\"\n"
      "\treceive=\"b\"\n");
  EXPECT_THAT(outcome.left, HasSubstr("1: autoreload: a file that changes is read when"));
  EXPECT_THAT(outcome.left, HasSubstr("4: request: of ftp the greeting is looked at, and no more"));
  EXPECT_THAT(outcome.left, HasSubstr("5: receive: of ftp the greeting is looked at, and no more"));
  EXPECT_THAT(outcome_of("execute=\"two.cf\"\nvirtual=192.0.2.10:21\n\treal=10.0.0.11 gate\n").left,
              HasSubstr("1: execute: it starts one more ldirectord"));
  EXPECT_THAT(outcome_of("autoreload=no\nvirtual=192.0.2.10:21\n\treal=10.0.0.11 gate\n").left,
              testing::Not(HasSubstr("autoreload")));
}

TEST(ImportLdirectord, ServersOfSctpAreAskedForAnAssociation) {
  const config::Check sctp = config::NamedCheck{"sctp", {}};
  EXPECT_EQ(check_of("\tprotocol=sctp\n\tchecktype=connect\n"), sctp);
  EXPECT_EQ(check_of("\tprotocol=sctp\n\tservice=simpletcp\n\trequest=\"a\"\n"), sctp);
  EXPECT_THAT(outcome_of("virtual=192.0.2.10:80\n\treal=10.0.0.11 gate\n\tprotocol=sctp\n"
                         "\tservice=simpletcp\n\trequest=\"a\"\n")
                  .left,
              HasSubstr("check = sctp is written: an association is tried"));
}

TEST(ImportLdirectord, AServiceThatIsOffIsWrittenSwitchedOff) {
  const Outcome outcome =
      outcome_of(std::string(kFile) + "virtual=192.0.2.11:80\n\tchecktype=off\n");
  EXPECT_FALSE(outcome.config.virtuals[3].active);
}

}  // namespace
}  // namespace lvs::lvsctl::foreign
