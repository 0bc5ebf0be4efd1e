#include "tests/unit/tools/lvsctl/import/imported.h"

namespace lvs::lvsctl::foreign {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kTable =
    "-A -t 192.0.2.10:80 -s wrr -p 300 -M 255.255.255.0\n"
    "-a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 3\n"
    "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 0 -x 100 -y 50\n"
    "-A -u 192.0.2.10:53 -s sh -b sh-port\n"
    "-a -u 192.0.2.10:53 -r 10.0.0.13:53 -g -w 1\n";

TEST(ImportIpvsadm, ATableIsCarriedOver) {
  const Outcome outcome = outcome_of(kTable);
  ASSERT_EQ(outcome.config.virtuals.size(), 2U);
  const auto& web = outcome.service(0);
  EXPECT_EQ(web.name, "192.0.2.10:80");
  EXPECT_EQ(to_string(web.address->address) + " " + web.address->label, "192.0.2.10 eth0");
  EXPECT_EQ(web.scheduler, "wrr");
  EXPECT_EQ(web.persistent, std::chrono::seconds{300});
  EXPECT_EQ(web.pmask_prefix, 24U);
  ASSERT_EQ(web.servers.size(), 2U);
  EXPECT_EQ(web.servers[0].port, 8080);
  EXPECT_EQ(web.servers[0].weight, 3);
  EXPECT_EQ(web.servers[1].weight, 0);
  EXPECT_EQ(web.servers[1].u_threshold, 100U);
  EXPECT_EQ(web.servers[1].l_threshold, 50U);
  EXPECT_EQ(web.check, config::Check(config::TcpConnect{}));
  const auto& dns = outcome.service(1);
  EXPECT_EQ(dns.protocol, ipvs::Protocol::udp);
  EXPECT_EQ(dns.sched_flags, std::vector<std::string>{"sh-port"});
  EXPECT_FALSE(is_checked(dns));
}

TEST(ImportIpvsadm, ServersOfSctpAreAskedForAnAssociation) {
  const Outcome outcome = outcome_of(
      "-A --sctp-service 192.0.2.10:3868 -s rr\n-a --sctp-service 192.0.2.10:3868 -r "
      "10.0.0.11:3868 "
      "-m\n");
  EXPECT_EQ(outcome.service().check, config::Check(config::NamedCheck{"sctp", {}}));
}

TEST(ImportIpvsadm, TheMethodOfMostIsTheNetworksAndOnlyOthersSayTheirs) {
  const Outcome outcome = outcome_of(kTable);
  EXPECT_EQ(outcome.config.network, ipvs::Forward::masq);
  EXPECT_EQ(outcome.service(0).forward, std::nullopt);
  EXPECT_EQ(outcome.service(1).forward, ipvs::Forward::direct);
  EXPECT_EQ(outcome.service(1).servers[0].forward, std::nullopt);
}

TEST(ImportIpvsadm, ADirectorThatNobodyNamedIsAPlaceholderAndTold) {
  const Outcome outcome = outcome_of(kTable);
  EXPECT_EQ(to_string(*outcome.config.primary), "192.0.2.1");
  EXPECT_THAT(outcome.left, HasSubstr("0: primary: nothing says which address"));
  Hints told = hints();
  told.primary = Address::parse("192.0.2.2");
  told.backup = Address::parse("192.0.2.3");
  told.device = "bond0";
  const Outcome known = outcome_of(kTable, told);
  EXPECT_EQ(known.left, "");
  EXPECT_EQ(to_string(*known.config.backup), "192.0.2.3");
  EXPECT_TRUE(known.config.backup_active);
  EXPECT_EQ(known.service().address->label, "bond0");
}

TEST(ImportIpvsadm, APlaceholderIsNoFloatingAddress) {
  const Outcome outcome = outcome_of("-A -t 192.0.2.1:80\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g\n");
  EXPECT_EQ(to_string(*outcome.config.primary), "198.51.100.1");
}

TEST(ImportIpvsadm, ThePersistenceEngineIsKeptWhereItCanServe) {
  const Outcome kept = outcome_of(
      "-A -u 192.0.2.10:5060 -s rr --pe sip -p 60\n-a -u 192.0.2.10:5060 -r 10.0.0.11:5060 -g\n");
  EXPECT_EQ(kept.service().persistence_engine, "sip");
  EXPECT_THAT(kept.left, Not(HasSubstr("persistence_engine")));
  const Outcome left = outcome_of(
      "-A -t 192.0.2.10:5060 -s rr --pe sip -p 60\n-a -t 192.0.2.10:5060 -r 10.0.0.11:5060 -g\n");
  EXPECT_EQ(left.service().persistence_engine, "");
  EXPECT_THAT(left.left, HasSubstr("persistence_engine: expected protocol = udp as well"));
}

TEST(ImportIpvsadm, NamesAreLookedUpAndMarksKept) {
  const Outcome outcome = outcome_of(
      "ipvsadm -A -t www.example.com:http -s rr\n"
      "-A -f 7 -s rr\n"
      "-a -f 7 -r 10.0.0.11:0 -i\n");
  EXPECT_EQ(outcome.service(0).name, "192.0.2.10:80");
  EXPECT_EQ(outcome.service(1).fwmark, 7U);
  EXPECT_EQ(outcome.service(1).servers[0].port, 0);
}

TEST(ImportIpvsadm, AMarkOfIpv6IsOfTheFamilyOfItsServers) {
  const Outcome outcome = outcome_of(
      "-A -f 7 -6 -s rr -p 300 -M 64\n"
      "-a -f 7 -6 -r [fd00::1]:80 -g\n"
      "-A -f 7 -s rr\n"
      "-a -f 7 -r 10.0.0.11:80 -g\n"
      "-A -f 8 -6 -s rr\n");
  ASSERT_EQ(outcome.config.virtuals.size(), 3U);
  EXPECT_EQ(outcome.service(0).name + " " + outcome.service(1).name, "fwmark-7-v6 fwmark-7");
  EXPECT_EQ(outcome.service(0).pmask_prefix, 64U);
  EXPECT_EQ(config::family_of(outcome.service(0)), Family::v6);
  EXPECT_EQ(config::family_of(outcome.service(1)), Family::v4);
  EXPECT_THAT(outcome.left, HasSubstr("5: fwmark 8: it is of IPv6, which its servers do not say"));
  EXPECT_THAT(outcome.left, Not(HasSubstr("it is of IPv4")));
}

TEST(ImportIpvsadm, WhatACoreLacksIsTheKernels) {
  std::string table = "-A -t 192.0.2.10:80 -s rr\n";
  for (int i = 0; i <= 1024; ++i) {
    table += "-a -t 192.0.2.10:80 -r 10.0." + std::to_string(i / 250) + "." +
             std::to_string(1 + i % 250) + ":80 -m\n";
  }
  const Outcome outcome = outcome_of(table);
  EXPECT_EQ(outcome.config.core, config::CoreKind::kernel);
  EXPECT_THAT(outcome.notes, HasSubstr("core = kernel is written"));
}

TEST(ImportIpvsadm, LinesThatCannotBeCarriedOverAreNamed) {
  const Outcome outcome = outcome_of(
      "-A -t 192.0.2.10:80 -s rr --pe sip -p\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.11:80 -i --tun-type gre\n"
      "-a -t 192.0.2.10:80 -r 2001:db8::1 -m\n"
      "-a -t 192.0.2.99:80 -r 10.0.0.11:80 -m\n"
      "-A -t 192.0.2.10:0 -s rr\n"
      "-C\n"
      "-a -t 192.0.2.10:80 -r 192.0.2.10:80 -g\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m\n"
      "-a -t 192.0.2.10:80 -r 10.0.0.12:80 -m\n"
      "what\n");
  EXPECT_THAT(outcome.left, HasSubstr("1: "));
  EXPECT_THAT(outcome.left, HasSubstr("2: --tun-type gre: the only tunnels of lvs.cf are IPIP"));
  EXPECT_THAT(outcome.left, HasSubstr("3: "));
  EXPECT_THAT(outcome.left, HasSubstr("4: there is no service TCP 192.0.2.99:80 above"));
  EXPECT_THAT(outcome.left, HasSubstr("5: "));
  EXPECT_THAT(outcome.left, HasSubstr("6: "));
  EXPECT_THAT(outcome.left, HasSubstr("7: the server 192.0.2.10:80: address: expected the server"));
  EXPECT_THAT(outcome.left, HasSubstr("9: 10.0.0.12:80 is a server of this service already"));
  EXPECT_THAT(outcome.left, HasSubstr("10: what: such a table has lines of -A, -a and --set only"));
  EXPECT_THAT(outcome.left, Not(HasSubstr("8: ")));
  ASSERT_EQ(outcome.config.virtuals.size(), 1U);
  ASSERT_EQ(outcome.service().servers.size(), 2U);
  EXPECT_EQ(outcome.service().servers[0].forward, ipvs::Forward::tunnel);
}

TEST(Import, WhatItIsIsRecognised) {
  EXPECT_EQ(recognise("# a table\n-A -t 1.2.3.4:80\n"), Source::ipvsadm);
  EXPECT_EQ(recognise("ipvsadm -A -t 1.2.3.4:80\n"), Source::ipvsadm);
  EXPECT_EQ(recognise("! x\nglobal_defs {\n"), Source::keepalived);
  EXPECT_EQ(recognise("  vrrp_instance A\n{\n"), Source::keepalived);
  EXPECT_EQ(recognise("checktimeout=3\nvirtual = 1.2.3.4:80\n"), Source::ldirectord);
  EXPECT_EQ(recognise("virtual web {\n"), std::nullopt);
  EXPECT_EQ(recognise(""), std::nullopt);
}

TEST(Import, WithoutAServiceNothingIsWritten) {
  const Import made = import_text("vrrp_instance A {\n}\n", std::nullopt, hints());
  ASSERT_FALSE(made.text);
  EXPECT_EQ(made.text.error().what, "there is no service in it that an lvs.cf could serve");
  EXPECT_FALSE(import_text("primary = 192.0.2.1\n", std::nullopt, hints()).text);
  const Import listing =
      import_text("IP Virtual Server version 1.2.1 (size=4096)\nTCP  192.0.2.10:80 rr\n",
                  std::nullopt, hints());
  EXPECT_THAT(listing.text.error().what, HasSubstr("write the table by ipvsadm -S -n"));
}

TEST(Import, LinesTooLongOrNotOfTextAreLeftOut) {
  const Outcome outcome = outcome_of("-A -t 192.0.2.10:80\n# " + std::string(kLineMax, 'x') +
                                     "\n-A -t 192.0.2.11:80 \x01\n-A -t 192.0.2.12:80\n");
  EXPECT_THAT(outcome.left, HasSubstr("2: longer than a line may be\n"));
  EXPECT_THAT(outcome.left, HasSubstr("3: there are control characters in it\n"));
  EXPECT_EQ(outcome.config.virtuals.size(), 2U);
}

TEST(Import, ARemarkNamesItsFileAndLine) {
  const std::vector<Remark> remarks = {{0, Carried::yes, "a"}, {3, Carried::no, "b"}};
  EXPECT_EQ(to_text(remarks, "x.conf"), "x.conf: note: a\nx.conf:3: not carried over: b\n");
  EXPECT_FALSE(is_whole(remarks));
  EXPECT_TRUE(is_whole({remarks.front()}));
}

}  // namespace
}  // namespace lvs::lvsctl::foreign
