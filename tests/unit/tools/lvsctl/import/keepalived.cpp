#include "tests/unit/tools/lvsctl/import/imported.h"

namespace lvs::lvsctl::foreign {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kPair = R"(! the first director
global_defs {
    router_id lb1
    lvs_timeouts tcp 1800 udp 60
}
vrrp_instance outside {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.5
    unicast_src_ip 192.0.2.1
    unicast_peer {
        192.0.2.2
    }
    virtual_ipaddress {
        192.0.2.10/24 dev eth0 label eth0:1
    }
}
vrrp_instance inside
{
    state MASTER
    interface eth1
    virtual_router_id 52
    unicast_src_ip 10.0.0.2
    unicast_peer { 10.0.0.3 }
    virtual_ipaddress { 10.0.0.1/24 }
}
virtual_server 192.0.2.10 80 {
    delay_loop 6
    lb_algo wrr
    lb_kind NAT
    persistence_timeout 50
    protocol TCP
    sorry_server 10.0.0.9 80
    real_server 10.0.0.11 8080 {
        weight 2
        inhibit_on_failure
        HTTP_GET {
            url {
                path /health
                status_code 200-204 301
                virtualhost www.example.com
            }
            connect_timeout 3
            retry 2
            delay_before_retry 6
        }
    }
    real_server 10.0.0.12 8080 {
        inhibit_on_failure
        HTTP_GET {
            url {
                path /health
                status_code 200-204 301
                virtualhost www.example.com
            }
            connect_timeout 3
            retry 2
            delay_before_retry 6
        }
    }
}
)";

TEST(ImportKeepalived, APairWithItsServicesIsCarriedOver) {
  const Outcome outcome = outcome_of(kPair);
  EXPECT_EQ(outcome.left, "");
  const auto& config = outcome.config;
  EXPECT_EQ(to_string(*config.primary) + " " + to_string(*config.backup), "192.0.2.1 192.0.2.2");
  EXPECT_EQ(to_string(*config.primary_private) + " " + to_string(*config.backup_private),
            "10.0.0.2 10.0.0.3");
  EXPECT_EQ(config.keepalive, 500ms);
  EXPECT_EQ(config.deadtime, 1500ms);
  EXPECT_TRUE(config.failback.enabled);
  EXPECT_EQ(config.tcp_timeout, 1800U);
  EXPECT_EQ(config.udp_timeout, 60U);
  EXPECT_EQ(to_string(config.nat_router->address) + " " + config.nat_router->label,
            "10.0.0.1 eth1");
  EXPECT_EQ(config.nat_router->prefix, 24U);
}

TEST(ImportKeepalived, AServiceWithItsCheckIsCarriedOver) {
  const Outcome outcome = outcome_of(kPair);
  const auto& web = outcome.service();
  EXPECT_EQ(web.address->label, "eth0:1");
  EXPECT_EQ(web.address->prefix, 24U);
  EXPECT_EQ(web.scheduler, "wrr");
  EXPECT_EQ(web.persistent, 50s);
  EXPECT_TRUE(web.quiesce_server);
  EXPECT_EQ(to_string(*web.sorry_server), "10.0.0.9");
  EXPECT_EQ(web.timeout, 3s);
  EXPECT_EQ(web.interval, 6s);
  EXPECT_EQ(web.fall, 3);
  EXPECT_EQ(web.rise, 1);
  const auto& http = std::get<config::HttpCheck>(*web.check);
  EXPECT_EQ(http.path + " " + http.host, "/health www.example.com");
  EXPECT_EQ(http.status, (std::vector<std::pair<int, int>>{{200, 204}, {301, 301}}));
  ASSERT_EQ(web.servers.size(), 2U);
  EXPECT_EQ(web.servers[0].port, 8080);
  EXPECT_EQ(web.servers[0].weight, 2);
}

TEST(ImportKeepalived, TheOtherDirectorsFileNamesTheSamePair) {
  std::string other = kPair;
  for (const auto& [from, to] : {std::pair{"state MASTER", "state BACKUP"},
                                 {"ip 192.0.2.1", "ip 192.0.2.9"},
                                 {"        192.0.2.2\n", "        192.0.2.1\n"},
                                 {"ip 192.0.2.9", "ip 192.0.2.2"}}) {
    for (size_t at = 0; (at = other.find(from, at)) != std::string::npos;) {
      other.replace(at, std::string(from).size(), to);
    }
  }
  const Outcome outcome = outcome_of(other);
  EXPECT_EQ(to_string(*outcome.config.primary), "192.0.2.1");
  EXPECT_EQ(to_string(*outcome.config.backup), "192.0.2.2");
}

std::string service_with(const std::string& body, const std::string& head = "192.0.2.10 80") {
  return "vrrp_instance A {\n interface eth0\n virtual_ipaddress {\n 192.0.2.10\n 192.0.2.11\n"
         " 192.0.2.12\n}\n}\nvirtual_server " +
         head + " {\n" + body + "\n}\n";
}

config::Check check_of(const std::string& body) {
  const Outcome outcome = outcome_of(service_with("real_server 10.0.0.11 80 {\n" + body + "\n}"));
  return *outcome.service().check;
}

TEST(ImportKeepalived, EachKindOfCheckHasItsCounterpart) {
  EXPECT_EQ(check_of("TCP_CHECK { connect_timeout 3 }"), config::Check(config::TcpConnect{}));
  EXPECT_EQ(check_of(""), config::Check(config::NamedCheck{"none", {}}));
  EXPECT_EQ(check_of("SMTP_CHECK {\n helo_name lb.example.com\n}"),
            config::Check(config::NamedCheck{"smtp", {{"helo", "lb.example.com"}}}));
  EXPECT_EQ(check_of("DNS_CHECK {\n type A\n name example.com\n}"),
            config::Check(config::NamedCheck{"dns", {{"name", "example.com"}, {"type", "A"}}}));
  EXPECT_EQ(check_of("PING_CHECK {\n}"), config::Check(config::NamedCheck{"ping", {}}));
  const auto script_of = [&](const std::string& command) {
    return std::get<config::ScriptCheck>(
               check_of("MISC_CHECK {\n misc_path \"/bin/check " + command + "\"\n}"))
        .command;
  };
  EXPECT_EQ(script_of("10.0.0.99 80"), "/bin/check 10.0.0.99 80");
  EXPECT_EQ(script_of("10.0.0.11 80 -n 10.0.0.11"), "/bin/check %h %p -n %h")
      << "it is the one of every server";
  const auto https = std::get<config::HttpCheck>(check_of("SSL_GET {\n url {\n path /\n}\n}"));
  EXPECT_TRUE(https.tls);
  EXPECT_FALSE(https.verify);
}

TEST(ImportKeepalived, ADatagramThatMustBeAnsweredIsACheckOfUdp) {
  EXPECT_EQ(check_of("UDP_CHECK {\n payload 48 656c6C6f\n require_reply\n}"),
            config::Check(config::NamedCheck{"udp", {{"send", "Hello"}}}));
  const Outcome unanswered =
      outcome_of(service_with("real_server 10.0.0.11 80 {\nUDP_CHECK {\n}\n}"));
  EXPECT_FALSE(is_checked(unanswered.service()));
  EXPECT_THAT(unanswered.left, HasSubstr("11: UDP_CHECK (to line 12): without require_reply"));
  EXPECT_THAT(unanswered.left, HasSubstr("11: UDP_CHECK (to line 12): check = none is written"));
}

TEST(ImportKeepalived, ACheckOfAnUnknownKindIsNamedWithWhatIsWrittenInstead) {
  for (const std::string kind : {"SCRIPT_CHECK", "MYSQL_CHECK", "BFD_CHECK"}) {
    const Outcome outcome =
        outcome_of(service_with("real_server 10.0.0.11 80 {\n" + kind + " {\n}\n}"));
    EXPECT_FALSE(is_checked(outcome.service()));
    EXPECT_THAT(outcome.left, HasSubstr("11: " + kind + " (to line 12): there is no such check"));
    EXPECT_THAT(outcome.left, HasSubstr("11: " + kind + " (to line 12): check = none is written"));
  }
}

TEST(ImportKeepalived, APayloadThatCannotBeCarriedMakesNoCheck) {
  for (const std::string payload : {"4", "zz", "00 ff"}) {
    const Outcome outcome = outcome_of(service_with(
        "real_server 10.0.0.11 80 {\nUDP_CHECK {\n payload " + payload + "\n require_reply\n}\n}"));
    EXPECT_FALSE(is_checked(outcome.service())) << payload;
    EXPECT_THAT(outcome.left, HasSubstr("UDP_CHECK (to line 14): check = none is written"))
        << payload;
  }
}

TEST(ImportKeepalived, ServersOfSctpAreAskedForAnAssociation) {
  const Outcome outcome = outcome_of(
      "virtual_server 192.0.2.10 3868 {\nprotocol SCTP\nreal_server 10.0.0.11 3868 {\n"
      "TCP_CHECK {\n}\n}\n}\n");
  EXPECT_EQ(outcome.service().check, config::Check(config::NamedCheck{"sctp", {}}));
  EXPECT_THAT(outcome.left, Not(HasSubstr("TCP_CHECK"))) << "a note";
}

TEST(ImportKeepalived, ACheckAtNoPortIsLeftOut) {
  const Outcome outcome = outcome_of(
      "virtual_server 192.0.2.10 0 {\npersistence_timeout 60\nreal_server 10.0.0.11 0 {\n"
      "TCP_CHECK {\n}\n}\n}\n");
  EXPECT_FALSE(is_checked(outcome.service()));
  EXPECT_THAT(outcome.left, HasSubstr("check: expected a port to check at"));
}

TEST(ImportKeepalived, ACheckThatCannotBeWrittenIsNamedWithWhatIsWrittenInstead) {
  const auto left_of = [](const std::string& check) {
    return outcome_of(service_with("real_server 10.0.0.11 80 {\n" + check + "\n}")).left;
  };
  EXPECT_THAT(left_of("MISC_CHECK {\n}"),
              testing::AllOf(HasSubstr("11: MISC_CHECK: misc_path is missing"),
                             HasSubstr("11: MISC_CHECK (to line 12): check = none is written")));
  EXPECT_THAT(left_of("DNS_CHECK {\n type ANY\n}"),
              HasSubstr("11: DNS_CHECK: expected type=A, AAAA,"));
}

TEST(ImportKeepalived, AnotherPortIsCheckedWhereItIsNotThatOfConnections) {
  const std::string server =
      "real_server 10.0.0.11 80 {\nTCP_CHECK {\nconnect_port 81\n}\n}\nprotocol TCP\n";
  const Outcome direct = outcome_of(service_with("lb_kind DR\n" + server));
  EXPECT_EQ(direct.service().servers[0].port, 81);
  EXPECT_EQ(direct.service().port, 80);
  EXPECT_EQ(direct.left.find("connect_port"), std::string::npos);
  const Outcome nat = outcome_of(service_with("lb_kind NAT\n" + server));
  EXPECT_EQ(nat.service().servers[0].port, 80);
  EXPECT_THAT(nat.left, HasSubstr("connect_port 81: with NAT checks go to the server's own port"));
}

TEST(ImportKeepalived, ATunnelOfAnotherKindIsWrittenAsIpipAndNamed) {
  const Outcome outcome =
      outcome_of(service_with("lvs_method TUN type gue port 6080\nreal_server 10.0.0.11 80 {\n}"));
  EXPECT_EQ(outcome.config.network, ipvs::Forward::tunnel);
  EXPECT_THAT(outcome.left, HasSubstr("10: lvs_method TUN type gue: the only tunnels of lvs.cf"));
}

TEST(ImportKeepalived, ASorryServerOfTheOtherFamilyLeavesTheServiceAsItIs) {
  const Outcome outcome =
      outcome_of(service_with("sorry_server fd00::9 80\nreal_server 10.0.0.11 80 {\n}"));
  EXPECT_FALSE(outcome.service().sorry_server);
  EXPECT_THAT(outcome.left, HasSubstr("10: 192.0.2.10:80: sorry_server: expected"));
}

TEST(ImportKeepalived, AGroupBecomesServicesOfEachOfItsAddresses) {
  const Outcome outcome =
      outcome_of("virtual_server_group G {\n 192.0.2.10-11 80\n 192.0.2.12 443\n fwmark 5\n}\n" +
                 service_with("protocol TCP\nreal_server 10.0.0.11 80 {\n weight 1\n}", "group G"));
  std::string names;
  for (const auto& service : outcome.config.virtuals) {
    names += service.name + " ";
  }
  EXPECT_EQ(names, "192.0.2.10:80 192.0.2.11:80 192.0.2.12:443 fwmark-5 ");
}

TEST(ImportKeepalived, WhatHasNoCounterpartIsNamedByItsLine) {
  const Outcome outcome = outcome_of(
      "include /etc/keepalived/conf.d/*.conf\n"
      "$VIP=192.0.2.10\n"
      "global_defs {\n"
      "    smtp_server 192.0.2.25\n"
      "    brand_new_word\n"
      "}\n"
      "vrrp_script check { script \"/bin/true\" }\n"
      "virtual_server 192.0.2.10 80 {\n"
      "    lb_algo rr\n"
      "    quorum_up \"/bin/up\"\n"
      "    real_server 10.0.0.11 80 {\n"
      "        notify_down \"/bin/down\"\n"
      "        MISC_CHECK {\n"
      "            misc_path \"test -e /x && exit 0\"\n"
      "        }\n"
      "    }\n"
      "    real_server 10.0.0.12 80 {\n"
      "        TCP_CHECK {\n"
      "            connect_port 81\n"
      "        }\n");
  EXPECT_THAT(outcome.left, HasSubstr("1: include: other files are not read"));
  EXPECT_THAT(outcome.left, HasSubstr("2: $VIP=192.0.2.10: variables are not followed"));
  EXPECT_THAT(outcome.left, HasSubstr("4: smtp_server: no mail is sent"));
  EXPECT_THAT(outcome.left, HasSubstr("5: brand_new_word: has no counterpart"));
  EXPECT_THAT(outcome.left, HasSubstr("7: vrrp_script: no script decides who serves"));
  EXPECT_THAT(outcome.left, HasSubstr("8: 192.0.2.10 is no virtual_ipaddress: it is put on eth0"));
  EXPECT_THAT(outcome.left, HasSubstr("10: quorum_up: "));
  EXPECT_THAT(outcome.left, HasSubstr("12: notify_down: "));
  EXPECT_THAT(outcome.left,
              HasSubstr("14: misc_path: test -e /x && exit 0: commands are run without"));
  EXPECT_THAT(outcome.left, HasSubstr("19: connect_port 81: "));
  EXPECT_THAT(outcome.left, HasSubstr("17: real_server: its } is missing"));
  EXPECT_THAT(outcome.left, Not(HasSubstr("\n9: ")));
  EXPECT_EQ(outcome.service().servers.size(), 2U);
}

TEST(ImportKeepalived, WhatIsCutShortIsCarriedOverAndDoubted) {
  const Import made = import_text("virtual_server 192.0.2.10 80 {\nreal_server 10.0.0.11 80 {\n}\n",
                                  std::nullopt, hints());
  ASSERT_TRUE(made.text);
  EXPECT_THAT(*made.text, HasSubstr("address = 10.0.0.11"));
  EXPECT_THAT(to_text(made.remarks, "f"),
              HasSubstr("f:1: doubtful: virtual_server: its } is missing: what stands in it is "
                        "read as if it were whole: is the file?"));
  EXPECT_FALSE(is_whole(made.remarks));
}

TEST(ImportKeepalived, TheFamilyOfAMarkIsThatOfItsServersOrNamed) {
  const auto left_of = [](const std::string& family) {
    return outcome_of("virtual_server fwmark 7 {\nip_family " + family +
                      "\nreal_server fd00::1 80 {\n}\n}\n")
        .left;
  };
  EXPECT_THAT(left_of("inet6"), Not(HasSubstr("ip_family")));
  EXPECT_THAT(left_of("inet"), HasSubstr("1: fwmark-7-v6: ip_family: "));
}

TEST(ImportKeepalived, AServiceByMarkTakesTheOnlyAddressThatIsLeft) {
  const std::string mark = "virtual_server fwmark 7 {\nreal_server 10.0.0.11 80 {\n}\n}\n";
  const Outcome one = outcome_of(
      "vrrp_instance A {\ninterface eth3\nvirtual_ipaddress {\n192.0.2.10/24\n}\n}\n" + mark);
  EXPECT_EQ(to_string(one.service().address->address) + " " + one.service().address->label,
            "192.0.2.10 eth3");
  EXPECT_THAT(one.left, Not(HasSubstr("192.0.2.10 belongs to no service")));
  EXPECT_THAT(one.notes, HasSubstr("7: fwmark 7: its address is 192.0.2.10 of line 4, the only"));
  const Outcome other = outcome_of(
      "vrrp_instance A {\ninterface eth3\nvirtual_ipaddress {\nfd00::9/64\n}\n}\n" + mark);
  EXPECT_EQ(other.service().address, std::nullopt) << "its servers are of IPv4";
  const Outcome many = outcome_of(service_with("", "192.0.2.10 80") + mark);
  EXPECT_EQ(many.service(1).address, std::nullopt);
  EXPECT_THAT(many.left, HasSubstr("192.0.2.11 belongs to no service"));
  EXPECT_THAT(many.left, HasSubstr("fwmark 7: nothing says which address floats with it"));
}

TEST(ImportKeepalived, ServersThatFailOtherwiseAreTold) {
  const Outcome outcome = outcome_of(service_with(
      "real_server 10.0.0.11 80 {\ninhibit_on_failure\n}\nreal_server 10.0.0.12 80 {\n}"));
  EXPECT_TRUE(outcome.service().quiesce_server);
  EXPECT_THAT(outcome.left, HasSubstr("11: inhibit_on_failure: of all servers"));
}

TEST(ImportKeepalived, ServersThatAreCheckedOtherwiseAreTold) {
  const Outcome outcome =
      outcome_of(service_with("real_server 10.0.0.11 80 {\nTCP_CHECK {\n}\n}\n"
                              "real_server 10.0.0.12 80 {\nPING_CHECK {\n}\n}\n"
                              "real_server 10.0.0.13 80 {\n}"));
  EXPECT_THAT(outcome.left, HasSubstr("15: the servers of a service share one check: that of "
                                      "line 11 is written"));
  EXPECT_THAT(outcome.left, HasSubstr("18: it has no check"));
}

TEST(ImportKeepalived, TimesOutOfRangeAreBroughtIntoIt) {
  const Outcome outcome = outcome_of(
      service_with("delay_loop 99999999\nreal_server 10.0.0.11 80 {\nweight 100000\nTCP_CHECK {\n"
                   "connect_timeout 0\nretry 0\n}\n}"));
  EXPECT_EQ(outcome.service().interval, 24h);
  EXPECT_EQ(outcome.service().timeout, 10ms);
  EXPECT_EQ(outcome.service().servers[0].weight, 65535);
  EXPECT_THAT(outcome.left,
              HasSubstr("10: delay_loop: 99999999 is out of range: 86400 is written"));
}

TEST(ImportKeepalived, AddressesThatNoDirectorCanHaveAreNotWritten) {
  std::string same = kPair;
  same.replace(same.find("{ 10.0.0.3 }"), 12, "{ 10.0.0.2 }");
  const Outcome outcome = outcome_of(same);
  EXPECT_EQ(outcome.config.primary_private, std::nullopt);
  EXPECT_EQ(outcome.config.backup_private, std::nullopt);
  const Outcome local = outcome_of(service_with("") +
                                   "vrrp_instance B {\nunicast_src_ip fe80::1\n"
                                   "unicast_peer {\nfe80::2\n}\n}\n");
  EXPECT_FALSE(local.config.backup_active);
  EXPECT_THAT(local.left, HasSubstr("backup: fe80::1 is no address to send to"));
}

TEST(ImportKeepalived, AControlCharacterOfACommandIsNotCarriedOver) {
  const Outcome outcome =
      outcome_of(service_with("") + "vrrp_instance B {\r\n" + "notify_master \"/bin/a\rb\"\n}\n");
  EXPECT_EQ(outcome.config.active_cmd, "");
  EXPECT_THAT(outcome.left, HasSubstr("13: there are control characters in it"));
}

TEST(ImportKeepalived, BlocksWithinBlocksHaveALimit) {
  std::string deep;
  for (int i = 0; i < 3000; ++i) {
    deep += "a {\n";
  }
  const Outcome outcome = outcome_of(service_with("") + deep);
  EXPECT_THAT(outcome.left, HasSubstr("blocks within more than 16 others"));
}

}  // namespace
}  // namespace lvs::lvsctl::foreign
