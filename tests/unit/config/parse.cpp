#include "common/config/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "common/config/write.h"

namespace lvs::config {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> said(const Diagnostics& diagnostics, Severity severity) {
  std::vector<std::string> texts;
  for (const auto& d : diagnostics) {
    if (d.severity == severity) {
      texts.push_back(to_string(d));
    }
  }
  return texts;
}

Config good(const std::string& text) {
  const Parsed parsed = parse(text, "lvs.cf");
  EXPECT_THAT(said(parsed.diagnostics, Severity::error), IsEmpty()) << text;
  return parsed.config.value_or(Config{});
}

const std::string kPrimary = "primary = 192.0.2.2\n";

std::string service(
    const std::string& body,
    const std::string& servers = "server a {\naddress = 10.0.0.11\nactive = 1\n}\n") {
  return "virtual web {\nactive = 1\naddress = 192.0.2.10 eth0:1\n" + body + servers + "}\n";
}

VirtualService good_service(const std::string& body) {
  const Config config = good(kPrimary + service(body));
  return config.virtuals.empty() ? VirtualService{} : config.virtuals[0];
}

TEST(Golden, AFileOfTheConfigurationToolLoadsWithoutAWord) {
  const Parsed parsed = parse(contents("data/golden/gui-nat.cf"), "lvs.cf");
  EXPECT_THAT(parsed.diagnostics, IsEmpty());
  ASSERT_TRUE(parsed.config);
  const Config& config = *parsed.config;
  EXPECT_EQ(config.serial_no, 42);
  EXPECT_EQ(config.keepalive, 6s);
  EXPECT_EQ(config.deadtime, 18s);
  EXPECT_EQ(config.rsh_command, "ssh");
  EXPECT_EQ(config.monitor_links, 1);
  ASSERT_TRUE(config.nat_router);
  EXPECT_EQ(config.nat_router->label, "eth1:1");
  EXPECT_EQ(config.nat_router->device, "eth1");
  EXPECT_EQ(config.nat_router->prefix, 24U);
  ASSERT_EQ(config.virtuals.size(), 1U);
  const VirtualService& http = config.virtuals[0];
  EXPECT_EQ(http.timeout, 6s);
  EXPECT_EQ(http.reentry, 15s);
  ASSERT_EQ(http.servers.size(), 2U);
  EXPECT_EQ(http.servers[1].weight, 3);
  EXPECT_EQ(http.servers[1].port, 80);
  EXPECT_EQ(effective_check(http), Check(SendExpect{"GET / HTTP/1.0\r\n\r\n", "HTTP", false}));
  EXPECT_THAT(parsed.not_in_effect, IsEmpty());
}

TEST(Golden, WhatStandsInTheWildLoads) {
  const Parsed parsed = parse(contents("data/golden/wild-direct.cf"), "lvs.cf");
  ASSERT_TRUE(parsed.config);
  EXPECT_EQ(parsed.config->virtuals[0].name, "[server_name]");
  EXPECT_FALSE(parsed.config->virtuals[0].active);
  EXPECT_EQ(parsed.config->virtuals[1].servers[0].name, "158");
  EXPECT_EQ(parsed.config->virtuals[1].pmask_prefix, 24U);
  EXPECT_EQ(parsed.config->virtuals[2].port, 53);
  EXPECT_EQ(effective_check(parsed.config->virtuals[2]),
            Check(ScriptCheck{"/usr/local/bin/dns-check %h", "OK", false, "lvs-check"}));
  EXPECT_EQ(said(parsed.diagnostics, Severity::strict),
            std::vector<std::string>{"lvs.cf:64: nmask: strict: unknown command"});
}

TEST(Golden, AllFilesReadBackEqualAfterWriting) {
  for (const char* name : {"gui-nat", "wild-direct"}) {
    const Config config = good(contents(std::string("data/golden/") + name + ".cf"));
    EXPECT_EQ(good(write(config)), config) << name;
  }
}

TEST(Parse, DefaultsAreThoseOfPiranha) {
  const Config config = good(kPrimary + service(""));
  Config expected;
  expected.primary = Address::parse("192.0.2.2");
  VirtualService web;
  web.name = "web";
  web.active = true;
  web.address = FloatingAddress{*Address::parse("192.0.2.10"), "eth0", "eth0:1", {}};
  RealServer server;
  server.name = "a";
  server.active = true;
  server.address = *Address::parse("10.0.0.11");
  server.port = 80;
  web.servers = {server};
  expected.virtuals = {web};
  EXPECT_EQ(config, expected);
}

TEST(Parse, AServerWithoutPortGetsItsServicesWhereverThatStands) {
  const Parsed parsed =
      parse(kPrimary +
                "virtual web {\nserver a {\naddress = 10.0.0.11\nactive = 1\n}\nport = 8080\n"
                "active = 1\naddress = 192.0.2.10 eth0:1\n}\n",
            "lvs.cf");
  ASSERT_TRUE(parsed.config);
  EXPECT_EQ(parsed.config->virtuals[0].servers[0].port, 8080);
  EXPECT_THAT(said(parsed.diagnostics, Severity::strict),
              ElementsAre("lvs.cf:3: server: strict: the service's port stands below: this server "
                          "would get port 80"));
}

TEST(Parse, APortBelowItsServersThatIs80AllTheSameIsNoTrap) {
  const Parsed parsed =
      parse(kPrimary + service("", "server a {\naddress = 10.0.0.11\nactive = 1\n}\nport = 80\n"),
            "lvs.cf");
  EXPECT_THAT(said(parsed.diagnostics, Severity::strict), IsEmpty());
}

TEST(Parse, TheMaskMayStandBeforeItsAddress) {
  const Config config = good(kPrimary + "nat_nmask = 255.255.255.0\nnat_router = 10.0.0.1 eth1\n" +
                             service("vip_nmask = 0.0.0.0\n"));
  EXPECT_EQ(config.nat_router->prefix, 24U);
  EXPECT_EQ(config.nat_router->device, "eth1");
  EXPECT_EQ(config.virtuals[0].address->prefix, std::nullopt);
}

TEST(Parse, TheLastOfTwoValuesCounts) {
  const Parsed parsed = parse(kPrimary + "keepalive = 1\nkeepalive = 2\n" + service(""), "lvs.cf");
  EXPECT_EQ(parsed.config.value().keepalive, 2s);
  EXPECT_THAT(said(parsed.diagnostics, Severity::warning),
              ElementsAre("lvs.cf:3: keepalive: warning: given before in line 2: this one counts"));
}

TEST(Parse, NumbersFollowTheRulesOfC) {
  EXPECT_EQ(good_service("fwmark = 0x50\n").fwmark, 80U);
  const Parsed octal = parse(kPrimary + "network = direct\n" + service("fwmark = 010\n"), "lvs.cf");
  EXPECT_EQ(octal.config.value().virtuals[0].fwmark, 8U);
  EXPECT_THAT(
      said(octal.diagnostics, Severity::warning),
      ElementsAre("lvs.cf:6: fwmark: warning: a number that begins with 0 is octal: this is 8"));
}

TEST(Parse, NamesOfHostsGoThroughTheResolver) {
  const auto resolve = [](std::string_view name) {
    return name == "director-a" ? Address::parse("192.0.2.2") : std::nullopt;
  };
  const Parsed parsed = parse("primary = director-a\n" + service(""), "lvs.cf", resolve);
  ASSERT_TRUE(parsed.config);
  EXPECT_EQ(parsed.config->primary, Address::parse("192.0.2.2"));
  EXPECT_FALSE(parse("primary = 192.0.2.300\n" + service(""), "lvs.cf", resolve).config)
      << "an address that was mistyped is no name";
  EXPECT_FALSE(parse("primary = director-b\n" + service(""), "lvs.cf").config)
      << "without a resolver";
}

TEST(Parse, WhoTheDirectorsAreFollowsPiranhasRules) {
  const Config alone = good(kPrimary + "backup_active = 1\nbackup = 0.0.0.0\n" + service(""));
  EXPECT_FALSE(alone.backup_active);
  EXPECT_EQ(alone.backup, std::nullopt);
  const Config one_path = good(kPrimary + "backup_private = 10.0.0.3\n" + service(""));
  EXPECT_EQ(one_path.backup_private, std::nullopt);
}

TEST(Parse, NewKeysOfTheGlobals) {
  const Config config = good(
      kPrimary +
      "keepalive = 100ms\ndeadtime = 300ms\ncore = kernel\nfirst_packet = express\n"
      "interfaces = eth0 eth1\nheartbeat_key = none\nheartbeat_format = legacy\nfailback = 5m\n"
      "witness = 192.0.2.1 2001:db8::1\nlvsd_grace = 3\nmanage_sysctls = 0\n"
      "standby_monitoring = 0\nsplit_guard = 0\n" +
      service(""));
  EXPECT_EQ(config.keepalive, 100ms);
  EXPECT_EQ(config.core, CoreKind::kernel);
  EXPECT_EQ(config.first_packet, FirstPacket::express);
  EXPECT_THAT(config.interfaces, ElementsAre("eth0", "eth1"));
  EXPECT_EQ(config.heartbeat_key, std::nullopt);
  EXPECT_EQ(config.heartbeat_format, HeartbeatFormat::legacy);
  EXPECT_EQ(config.failback, (Failback{true, 5min}));
  EXPECT_EQ(config.witness.size(), 2U);
  EXPECT_EQ(config.lvsd_grace, 3s);
  EXPECT_FALSE(config.manage_sysctls || config.standby_monitoring || config.split_guard);
}

TEST(Parse, SwitchesOfTheDefence) {
  const Config none = good(kPrimary + service(""));
  EXPECT_EQ(none.drop_entry, std::nullopt) << "left alone";
  const Config config = good(kPrimary +
                             "drop_entry = 0\ndrop_packet = 1\nsecure_tcp = 3\n"
                             "am_droprate = 20\namemthresh = 4096\n" +
                             service(""));
  EXPECT_EQ(config.drop_entry, 0U);
  EXPECT_EQ(config.drop_packet, 1U);
  EXPECT_EQ(config.secure_tcp, 3U);
  EXPECT_EQ(config.am_droprate, 20U);
  EXPECT_EQ(config.amemthresh, 4096U);
  for (const char* bad : {"drop_entry = 2\n", "secure_tcp = 4\n", "am_droprate = 0\n",
                          "amemthresh = -1\n", "amemthresh = 2147483648\n"}) {
    EXPECT_FALSE(parse(kPrimary + bad + service(""), "f").config) << bad;
  }
}

TEST(Parse, FailbackIsNeverAtOnceOrAfterAWhile) {
  const auto failback = [](const std::string& value) {
    return good(kPrimary + "failback = " + value + "\n" + service("")).failback;
  };
  EXPECT_EQ(failback("0"), (Failback{false, 0s}));
  EXPECT_EQ(failback("1"), (Failback{true, 0s}));
  EXPECT_EQ(failback("1s"), (Failback{true, 1s}));
  EXPECT_EQ(failback("30"), (Failback{true, 30s}));
}

TEST(Parse, NewKeysOfAService) {
  const VirtualService web = good_service(
      "fwmark = 80\nmark_ports = tcp/80,443 udp/500 esp tcp/10000:20000\nforward = nat\n"
      "scheduler = sh\nsched_flags = sh-port sh-fallback\ninterval = 500ms\nrise = 3\nfall = 2\n"
      "quorum = 1\ndrain = 1m\nops = 1\n");
  ASSERT_EQ(web.mark_ports.size(), 4U);
  EXPECT_EQ(web.mark_ports[0], (MarkPorts{"tcp", {{80, 80}, {443, 443}}}));
  EXPECT_EQ(web.mark_ports[2], (MarkPorts{"esp", {}}));
  EXPECT_EQ(web.mark_ports[3], (MarkPorts{"tcp", {{10000, 20000}}}));
  EXPECT_EQ(web.forward, ipvs::Forward::masq);
  EXPECT_THAT(web.sched_flags, ElementsAre("sh-port", "sh-fallback"));
  EXPECT_TRUE(web.ops);
  EXPECT_EQ(effective_interval(web), 500ms);
  EXPECT_EQ(effective_rise(web), 3);
  EXPECT_EQ(web.drain, 1min);
}

TEST(Checks, AreNamedAndTakeOptions) {
  EXPECT_EQ(good_service("check = tcp\n").check, Check(TcpConnect{}));
  EXPECT_EQ(good_service("check = tcp expect=\"a.*\" send=\"x\\r\\n\" regex=1\n").check,
            Check(SendExpect{"x\r\n", "a.*", true}));
  HttpCheck http;
  http.tls = true;
  http.path = "/health";
  http.host = "www.example.com";
  http.method = "OPTIONS";
  http.status = {{200, 299}, {301, 301}};
  http.body_regex = "All (is )?well";
  http.verify = false;
  EXPECT_EQ(good_service("check = https path=/health host=www.example.com method=OPTIONS "
                         "status=200-299,301 body=\"All (is )?well\" verify=0\n")
                .check,
            Check(http));
  EXPECT_EQ(good_service("check = script command=\"/bin/check %h\"\n").check,
            Check(ScriptCheck{"/bin/check %h", ""}));
  EXPECT_EQ(good_service("check = dns name=example.com\n").check,
            Check(NamedCheck{"dns", {{"name", "example.com"}}}));
  EXPECT_FALSE(is_checked(good_service("check = none\n")));
  EXPECT_TRUE(is_checked(good_service("check = tcp\n")));
}

TEST(Checks, WhatGoesIntoAProtocolIsOneWord) {
  for (const auto& [check, complaint] :
       std::map<std::string, std::string>{{"dns name=\"a b\"", "expected name=NAME"},
                                          {"http method=HEAD body=ok", "the answer has no body"},
                                          {"dns name=a type=ANY", "expected type=A, AAAA"},
                                          {"smtp helo=\"a\\r\\nDATA\"", "expected helo=NAME"},
                                          {"ftp user=\"a b\"", "expected user=NAME"}}) {
    EXPECT_THAT(
        said(parse(service("check = " + check + "\n"), "lvs.cf").diagnostics, Severity::error),
        testing::Contains(testing::HasSubstr(complaint)))
        << check;
  }
}

TEST(Checks, WithoutOneTheOldKeysDecide) {
  EXPECT_EQ(effective_check(good_service("")),
            Check(SendExpect{"GET / HTTP/1.0\r\n\r\n", "HTTP", false}));
  EXPECT_EQ(effective_check(good_service("port = 25\n")), Check(TcpConnect{}));
  EXPECT_EQ(effective_check(good_service("port = 25\nexpect = \"220\"\n")),
            Check(SendExpect{"", "220", false}));
  EXPECT_EQ(effective_check(good_service("send = \"x\"\nsend_program = \"/bin/c %h\"\nexpect = OK\n"
                                         "script_user = root\n")),
            Check(ScriptCheck{"/bin/c %h", "OK", false, "root"}));
}

TEST(Checks, ReentryCountsInPauses) {
  EXPECT_EQ(effective_rise(good_service("timeout = 6\nreentry = 15\n")), 2);
  EXPECT_EQ(effective_rise(good_service("timeout = 6\nreentry = 5\n")), 1);
  EXPECT_EQ(effective_rise(good_service("timeout = 6\ninterval = 1\nreentry = 15\n")), 15);
  EXPECT_EQ(effective_rise(good_service("")), 18);
}

TEST(Write, KeepsTheOrderAndIndentsOfTheConfigurationTool) {
  const std::string text = write(good(contents("data/golden/gui-nat.cf")));
  EXPECT_LT(text.find("backup = "), text.find("keepalive = "));
  EXPECT_LT(text.find("network = nat\n"), text.find("nat_router = 10.0.0.1 eth1:1\n"));
  EXPECT_NE(text.find("virtual http {\n     active = 1\n     address = 192.168.3.110 eth0:1\n"),
            std::string::npos);
  EXPECT_NE(text.find("     server web1 {\n         address = 10.0.0.11\n"), std::string::npos);
}

TEST(Warnings, SayWhatIsProbablyNotMeant) {
  const auto warnings = [](const std::string& text) {
    return said(parse(text, "f").diagnostics, Severity::warning);
  };
  const std::string direct = kPrimary + "network = direct\n";
  EXPECT_THAT(warnings(kPrimary + "keepalive = 3\ndeadtime = 6\n" + service("")),
              ElementsAre("f:2: keepalive: warning: a late heartbeat would be a takeover: expected "
                          "less than half of deadtime; heartbeats are sent every 2000 ms, a third "
                          "of it"));
  EXPECT_THAT(
      warnings(direct + service("port = 21\nserver a {\naddress = 10.0.0.1\nport = 22\n"
                                "active = 1\n}\n",
                                "")),
      ElementsAre("f:6: port: warning: expected persistent as well: the data connections of "
                  "ftp must reach the same server",
                  "f:9: port: warning: direct and tunnel leave the port as it is: only the "
                  "checks go to this one"));
  EXPECT_THAT(warnings(kPrimary + service("fwmark = 1\nmark_ports = ah esp\n")),
              ElementsAre("f:6: mark_ports: warning: ah does not survive nat: use forward = direct",
                          "f:6: mark_ports: warning: esp survives nat in tunnel mode only, not in "
                          "transport mode"));
  EXPECT_THAT(
      warnings(kPrimary + service("fwmark = 1\nops = 1\n")),
      ElementsAre("f:6: ops: warning: the answers of nat servers belong to no connection and "
                  "keep the servers' addresses: use forward = direct or tunnel"));
  EXPECT_THAT(warnings(direct + service("fwmark = 1\nops = 1\n")), IsEmpty());
  EXPECT_THAT(warnings(direct + service("fwmark = 1\npersistent = 60\n"
                                        "persistence_engine = sip\n")),
              IsEmpty());
  EXPECT_THAT(warnings(kPrimary + service("pmask = rubbish\n")),
              ElementsAre("f:5: pmask: warning: expected a netmask: ignored, as Piranha does"));
}

TEST(Warnings, APairThatTranslatesWantsAnAddressForTheWayBack) {
  const auto said_of = [](const std::string& text) {
    return said(parse(kPrimary + text, "f").diagnostics, Severity::warning);
  };
  const std::string pair = "backup_active = 1\nbackup = 192.0.2.3\n";
  const auto is_told =
      testing::Contains(testing::HasSubstr("no nat_router that moves with the services"));
  EXPECT_THAT(said_of(pair + service("")), is_told);
  EXPECT_THAT(said_of(pair + "nat_router = 10.0.0.1 eth1:1\n" + service("")),
              testing::Not(is_told));
  EXPECT_THAT(said_of(pair + "network = direct\n" + service("")), testing::Not(is_told));
  EXPECT_THAT(said_of("backup_active = 0\n" + service("")), testing::Not(is_told));
}

// What is said of a file, without the words that all of it begins with.
std::vector<std::string> not_in_effect_in(const std::string& text) {
  std::vector<std::string> said;
  for (const auto& d : parse(kPrimary + text, "lvs.cf").not_in_effect) {
    EXPECT_EQ(d.severity, Severity::warning);
    EXPECT_GT(d.line, 0);
    const std::string begin = "not in effect yet: ";
    EXPECT_EQ(d.text.substr(0, begin.size()), begin);
    said.push_back(d.key + ": " + d.text.substr(begin.size()));
  }
  return said;
}

TEST(NotInEffect, IsSaidForWhatWasAskedForAndNothingElse) {
  EXPECT_THAT(not_in_effect_in(service("load_monitor = uptime\n") + "failover f {\n}\n"),
              ElementsAre("load_monitor: weights do not follow the load",
                          "failover: failover services are not run"));
  EXPECT_THAT(not_in_effect_in(service("")), IsEmpty());
}

TEST(NotInEffect, IsNotSaidForWhatWorks) {
  EXPECT_THAT(not_in_effect_in(service("quorum = 2\ndrain = 60\ncheck = udp send=x\n"
                                       "server s {\naddress = 10.0.0.9\nactive = 1\n"
                                       "u_threshold = 9\nl_threshold = 5\n}\n")),
              IsEmpty());
}

TEST(NotInEffect, TheKernelsCoreSynchronisesAsAsked) {
  const std::string text = "syncdaemon = 1\nsyncd_iface = eth1\nsyncd_id = 7\n" + service("");
  EXPECT_THAT(not_in_effect_in("core = kernel\n" + text), IsEmpty());
  EXPECT_THAT(not_in_effect_in(text), SizeIs(3));
}

const std::string kNamed =
    "primary = director-a\nvirtual web {\nactive = 1\naddress = 192.0.2.10 eth0:1\nserver a "
    "{\naddress = rs1.example.com\nactive = 1\n}\nserver b {\naddress = 10.0.0.12\n"
    "active = 1\n}\n}\n";

std::optional<Address> never(std::string_view) {
  return std::nullopt;
}

TEST(HostNames, OneWithoutAnAddressWaitsAndHoldsNothingElseUp) {
  const Parsed parsed = parse(kNamed, "f", never);
  EXPECT_THAT(
      said(parsed.diagnostics, Severity::warning),
      ElementsAre("f:1: primary: warning: director-a has no address yet: what is to be done "
                  "with it waits",
                  "f:6: address: warning: rs1.example.com has no address yet: what is to be "
                  "done with it waits"));
  ASSERT_TRUE(parsed.config);
  const auto& servers = parsed.config->virtuals[0].servers;
  EXPECT_TRUE(servers[0].active);
  EXPECT_FALSE(servers[0].in_use());
  EXPECT_TRUE(servers[1].in_use());
}

TEST(HostNames, AServiceWaitsForTheNameOfItsAddress) {
  const Parsed parsed = parse(
      kPrimary + "virtual v {\nactive = 1\naddress = vip.example.com eth0:1\n}\n" + service(""),
      "f", never);
  ASSERT_TRUE(parsed.config);
  EXPECT_FALSE(parsed.config->virtuals[0].in_use());
  EXPECT_THAT(floating_addresses(*parsed.config), SizeIs(1));
}

// A reader that needs no server's address needs no resolver.
TEST(HostNames, OfServersLoadWithoutAResolver) {
  const std::string text = kPrimary + kNamed.substr(kNamed.find("virtual"));
  EXPECT_TRUE(parse(text, "f").config);
  EXPECT_FALSE(parse(kNamed, "f").config);
}

TEST(HostNames, AreWrittenAsNames) {
  const auto resolve = [](std::string_view) { return Address::parse("10.0.0.77"); };
  for (const Resolver& resolver : {Resolver(never), Resolver(resolve)}) {
    const std::string written = write(*parse(kNamed, "f", resolver).config);
    EXPECT_NE(written.find("primary = director-a\n"), std::string::npos) << written;
    EXPECT_NE(written.find("address = rs1.example.com\n"), std::string::npos) << written;
  }
}

TEST(HostNames, OfWitnessesAndOfTheNatRouterWaitAndAreWrittenAsNames) {
  const std::string text = kPrimary + "witness = 192.0.2.254 gw.example.com\n" +
                           "nat_router = inner.example.com eth1:1\n" + service("");
  const Parsed parsed = parse(text, "f", never);
  ASSERT_TRUE(parsed.config);
  EXPECT_THAT(witnesses(*parsed.config), ElementsAre(Address::parse("192.0.2.254")));
  EXPECT_THAT(floating_addresses(*parsed.config), SizeIs(1));
  const std::string written = write(*parsed.config);
  EXPECT_NE(written.find("witness = 192.0.2.254 gw.example.com\n"), std::string::npos) << written;
  EXPECT_NE(written.find("nat_router = inner.example.com eth1:1\n"), std::string::npos) << written;
  EXPECT_FALSE(parse(kPrimary + "witness = 0.0.0.0\n" + service(""), "f", never).config);
}

TEST(FloatingAddresses, AreThoseOfActiveServicesOnceEachAndTheNatRouter) {
  const std::string text = kPrimary + "nat_router = 10.0.0.1 eth1:1\n" + service("") +
                           service("port = 443\n") +
                           "virtual off {\naddress = 192.0.2.11 eth0:2\n}\n";
  const auto list = floating_addresses(good(text));
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].label, "eth1:1") << "first: without it no server's answer finds the way back";
  EXPECT_EQ(list[1].label, "eth0:1");
  EXPECT_EQ(floating_addresses(good("network = direct\n" + text)).size(), 1U);
  EXPECT_EQ(
      floating_addresses(good("nat_router = 0.0.0.0 eth1:1\n" + kPrimary + service(""))).size(),
      1U);
}

TEST(Parse, DeniedPrefixesOfBothFamilies) {
  const auto parsed = parse(
      kPrimary + "deny = 192.0.2.0/24 198.51.100.7 2001:db8::/32 198.51.100.7/32\n" + service(""),
      "f");
  ASSERT_TRUE(parsed.config);
  EXPECT_THAT(parsed.config->deny,
              ElementsAre(*Prefix::parse("192.0.2.0/24"), *Prefix::parse("198.51.100.7"),
                          *Prefix::parse("2001:db8::/32")));
  EXPECT_THAT(said(parsed.diagnostics, Severity::warning),
              ElementsAre(testing::HasSubstr("198.51.100.7/32 is given twice")));
  EXPECT_NE(write(*parsed.config).find("deny = 192.0.2.0/24 198.51.100.7 2001:db8::/32\n"),
            std::string::npos);
}

TEST(Parse, WhatIsNotClearlyAPrefixIsNotDenied) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"192.0.2.77/24",
       "192.0.2.77/24 has bits behind its length: write 192.0.2.0/24 for all of them, or "
       "192.0.2.77 for the one"},
      {"0.0.0.0/0", "0.0.0.0/0 is everybody: expected a prefix of at least 1 bit"},
      {"::/0", "::/0 is everybody: expected a prefix of at least 1 bit"},
      {"10.0.0.0/33",
       "10.0.0.0/33: expected a prefix or an address, as 192.0.2.0/24, 198.51.100.7 or "
       "2001:db8::/32"},
  };
  for (const auto& [word, text] : wrong) {
    const auto parsed = parse(kPrimary + "deny = 198.51.100.7 " + word + "\n" + service(""), "f");
    EXPECT_FALSE(parsed.config) << word;
    EXPECT_THAT(said(parsed.diagnostics, Severity::error), ElementsAre("f:2: deny: " + text));
  }
}

TEST(Parse, ADenyListHasAnEnd) {
  const auto list = [](int prefixes) {
    std::string words;
    for (int i = 0; i < prefixes; ++i) {
      words += " 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24";
    }
    return kPrimary + "deny =" + words + "\n" + service("");
  };
  EXPECT_TRUE(parse(list(1024), "f").config);
  EXPECT_THAT(said(parse(list(1025), "f").diagnostics, Severity::error),
              ElementsAre("f:2: deny: expected at most 1024 prefixes, not 1025"));
}

}  // namespace
}  // namespace lvs::config
