// What is said of one service whose keys do not go together: of FTP, of where checks go, of SCTP.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/parse.h"

namespace lvs::config {
namespace {

using testing::HasSubstr;

constexpr const char* kServer = "server a {\naddress = 10.0.0.11\nactive = 1\n}\n";

// Line 5 is the first of `keys`.
std::string said(const std::string& keys, const std::string& servers = kServer) {
  const std::string text =
      "primary = 192.0.2.2\nvirtual v {\nactive = 1\naddress = 192.0.2.10 eth0:1\n" + keys +
      servers + "}\n";
  const Parsed parsed = parse(text, "f");
  std::string all;
  for (const auto& diagnostics : {parsed.diagnostics, parsed.not_in_effect}) {
    for (const auto& each : diagnostics) {
      all += each.severity == Severity::strict ? "" : to_string(each) + "\n";
    }
  }
  return all;
}

TEST(Ftp, ByNatItNeedsPort21) {
  EXPECT_EQ(said("port = 21\ncheck = ftp\n"), "");
  EXPECT_THAT(said("port = 2121\ncheck = ftp\n"),
              HasSubstr("f:5: port: warning: expected 21: with nat the data connections of ftp"));
  EXPECT_EQ(said("port = 2121\n"), "") << "nothing says that it is FTP";
  EXPECT_EQ(said("port = 21\nprotocol = udp\ncheck = ping\n"), "");
}

TEST(Ftp, WithoutNatItNeedsPersistenceAndPort21) {
  const std::string remark =
      "port: warning: expected persistent as well: the data connections of ftp";
  EXPECT_THAT(said("port = 21\nforward = direct\n"), HasSubstr("f:5: " + remark));
  EXPECT_THAT(
      said("port = 21\n", "server a {\naddress = 10.0.0.11\nactive = 1\nforward = direct\n}\n"),
      HasSubstr(remark))
      << "one server that says so itself";
  EXPECT_EQ(said("port = 21\nforward = direct\npersistent = 60\n"), "");
  EXPECT_THAT(said("port = 2121\nforward = tunnel\npersistent = 60\ncheck = ftp\n"),
              HasSubstr("f:5: port: warning: expected 21, or a fwmark for all its ports"));
}

TEST(Ftp, ByMarkWithoutNatItNeedsTheDataPortsAndPersistence) {
  const std::string mark = "fwmark = 5\nport = 21\n";
  EXPECT_EQ(said(mark + "mark_ports = tcp/21\n"), "") << "with nat it is enough";
  EXPECT_EQ(said(mark + "forward = direct\npersistent = 60\nmark_ports = tcp/20,21,1024:65535\n"),
            "");
  EXPECT_EQ(said(mark + "forward = direct\nmark_ports = tcp/80 udp/21\n"), "") << "no FTP";
  const std::string bare = said(mark + "forward = direct\nmark_ports = tcp/21\n");
  EXPECT_THAT(bare, HasSubstr("f:8: mark_ports: warning: expected the ports of ftp's data"));
  EXPECT_THAT(bare, HasSubstr("f:5: fwmark: warning: expected persistent as well"));
  EXPECT_THAT(said(mark + "forward = direct\ncheck = ftp\n"),
              HasSubstr("f:5: fwmark: warning: expected persistent as well"))
      << "marked by rules that nobody shows";
}

TEST(Checks, OfAMarkGoToItsPort) {
  EXPECT_THAT(
      said("fwmark = 5\nmark_ports = tcp/21\ncheck = ftp\n"),
      HasSubstr("f:7: check: warning: asks the servers at port 80, the default: say by port "
                "where it is to ask, as in port = 21"));
  EXPECT_THAT(said("fwmark = 5\ncheck = smtp\n"), HasSubstr("as in port = 25"));
  const std::string mark = "fwmark = 5\nforward = direct\n";
  EXPECT_EQ(said(mark + "check = smtp\nport = 25\n"), "");
  EXPECT_EQ(said(mark + "check = http\n"), "");
  EXPECT_EQ(
      said(mark + "check = smtp\n", "server a {\naddress = 10.0.0.11\nport = 25\nactive = 1\n}\n"),
      "");
}

std::string server_at(const std::string& last, const std::string& keys) {
  return "server " + last + " {\naddress = 10.0.0." + last + "\nactive = 1\n" + keys + "}\n";
}

TEST(Marks, OfSeveralPortsDoNotGoToOnePortOfAServer) {
  const std::string mark = "fwmark = 80\nmark_ports = tcp/80,443\n";
  EXPECT_EQ(said(mark + "scheduler = sh\n", server_at("1", "") + server_at("2", "")), "");
  EXPECT_EQ(
      said(mark, server_at("1", "port = 80\n")),
      "f:10: port: warning: with nat whatever carries the mark goes to this one, the packets of "
      "each of tcp/80,443 to 80: leave it out, and each keeps its port; what port says in the "
      "virtual block is where checks go\n");
  EXPECT_EQ(said(mark + "persistent = 60\n", server_at("1", "port = 80\n")), "")
      << "a persistent service leaves ports as they are";
  EXPECT_EQ(said(mark + "forward = direct\n", server_at("1", "port = 80\n")), "");
  EXPECT_EQ(said("fwmark = 80\nmark_ports = tcp/80\n", server_at("1", "port = 8080\n")), "");
  EXPECT_EQ(
      said("fwmark = 53\nmark_ports = tcp/53 udp/53\nport = 53\n", server_at("1", "port = 5353\n")),
      "");
}

TEST(Marks, OfPersistentServicesKeepTheirPorts) {
  EXPECT_EQ(
      said("fwmark = 80\nmark_ports = tcp/80\npersistent = 60\n", server_at("1", "port = 8080\n")),
      "f:11: port: warning: packets with a mark keep their port in a persistent service: "
      "only the checks go to 8080\n");
}

TEST(Marks, WhosePortsNobodyNamesMayBeSeveral) {
  const std::string warning =
      "f:5: fwmark: warning: with nat whatever carries the mark goes to port 80 of the servers: "
      "where it is the mark of several ports, name them, as in mark_ports = tcp/80,443, and each "
      "keeps its port\n";
  EXPECT_EQ(said("fwmark = 80\n"), warning);
  EXPECT_EQ(said("fwmark = 80\n", server_at("1", "port = 80\n") + server_at("2", "")), warning);
  EXPECT_EQ(said("fwmark = 80\npersistent = 60\n"), "");
  EXPECT_EQ(said("fwmark = 80\nforward = tunnel\n"), "");
}

TEST(Marks, OfSeveralPortsWantPersistenceWhereItMatters) {
  const std::string two = server_at("1", "") + server_at("2", "");
  const std::string mark = "fwmark = 80\nmark_ports = tcp/80,443\n";
  const std::string warning =
      "f:5: fwmark: warning: a client's connections to the ports of the mark may go to different "
      "servers: persistent = 300 keeps them together\n";
  EXPECT_EQ(said(mark, two), warning);
  EXPECT_EQ(said("fwmark = 80\nmark_ports = udp/500 esp\nforward = direct\n", two), warning);
  EXPECT_EQ(said(mark + "scheduler = sh\nsched_flags = sh-port\n", two), warning);
  EXPECT_EQ(said(mark, server_at("1", "")), "") << "there is one server";
  EXPECT_EQ(said(mark + "persistent = 60\n", two), "");
  EXPECT_EQ(said(mark + "scheduler = mh\n", two), "") << "a client has its server by its address";
  EXPECT_EQ(said("fwmark = 53\nmark_ports = tcp/53 udp/53\nport = 53\n", two), "");
}

TEST(Checks, WithAPatternThatIsNotUsedAsOneAreTold) {
  for (const char* pattern : {"^220", "HTTP/1\\.[01] (200|302)", "[0-9]+ OK", "ok.*done"}) {
    EXPECT_THAT(said("expect = \"" + std::string(pattern) + "\"\n"),
                HasSubstr("f:5: expect: warning: looks like a regular expression"));
    EXPECT_EQ(said("expect = \"" + std::string(pattern) + "\"\nuse_regex = 1\n"), "");
  }
  for (const char* text : {"HTTP", "*", "220 mail.example.com (ready)", "+OK", "$ ", "[ok]"}) {
    EXPECT_EQ(said("expect = \"" + std::string(text) + "\"\n"), "") << text;
  }
  EXPECT_EQ(said("use_regex = 1\n"), "f:5: use_regex: warning: has no meaning without expect\n");
}

TEST(Checks, ByCommandsOfAShellAreTold) {
  const std::string two = server_at("1", "") + server_at("2", "");
  EXPECT_EQ(said("send_program = \"/bin/dig @%h a | grep -c NOERROR\"\nexpect = \"1\"\n"),
            "f:5: send_program: warning: no shell runs it, | is one more argument: put the line "
            "into a script and name that\n");
  EXPECT_THAT(said("check = script command=\"/bin/a %h 2>&1\"\n"), HasSubstr("f:5: check: "));
  EXPECT_THAT(said("check = script command=\"/bin/a %h && true\"\n"), HasSubstr("no shell"));
  EXPECT_THAT(said("send_program = \"/bin/a $h\"\n", two),
              HasSubstr("is the same for each server: %h, a word of its own"));
  EXPECT_EQ(said("send_program = \"/bin/a %h %p -e a|b -x>y\"\n", two), "");
  EXPECT_THAT(said("send_program = \"/bin/a %h\"\nexpect = \"a\"\nuse_regex = 1\n"),
              HasSubstr("f:7: use_regex: warning: is not used with send_program"));
}

TEST(FloatingAddresses, AtAnEndOfTheirNetworkAreTold) {
  const auto said_of = [](const std::string& address, const std::string& mask) {
    const Parsed parsed =
        parse("primary = 192.0.2.2\nvirtual v {\nactive = 1\naddress = " + address +
                  " eth0:1\nvip_nmask = " + mask + "\n" + kServer + "}\n",
              "f", {}, Severity::warning);
    return parsed.diagnostics.size();
  };
  EXPECT_EQ(said_of("192.0.2.255", "255.255.255.0"), 1U);
  EXPECT_EQ(said_of("192.0.2.64", "255.255.255.224"), 1U);
  EXPECT_EQ(said_of("192.0.2.255", "255.255.255.255"), 0U);
  EXPECT_EQ(said_of("192.0.2.255", "255.255.254.0"), 0U) << "amid 192.0.2.0/23";
}

TEST(Directors, OfWhomTheSecondIsNotSwitchedOnAreTold) {
  const std::string text =
      "primary = 192.0.2.2\nbackup = 192.0.2.3\nvirtual v {\nactive = 1\n"
      "address = 192.0.2.10 eth0:1\n" +
      std::string(kServer) + "}\n";
  const Parsed parsed = parse(text, "f", {}, Severity::warning);
  ASSERT_EQ(parsed.diagnostics.size(), 1U);
  EXPECT_EQ(to_string(parsed.diagnostics[0]),
            "f:2: backup: warning: not used without backup_active = 1: a director serves alone");
  EXPECT_TRUE(parse("backup_active = 0\n" + text, "f", {}, Severity::warning).diagnostics.empty());
}

TEST(NotSwitchedOn, IsSaidOfWhatLacksTheKey) {
  const std::string text =
      "primary = 192.0.2.2\nvirtual v {\nactive = 1\naddress = 192.0.2.10 "
      "eth0:1\n" +
      std::string(kServer) +
      "server b {\naddress = 10.0.0.12\n}\nserver c {\nactive = 0\n}\n}\n"
      "virtual w {\naddress = 192.0.2.11 eth0:1\nserver d {\n}\n}\n"
      "virtual x {\nactive = 0\nserver e {\n}\n}\n";
  std::string all;
  for (const auto& each : parse(text, "f").not_in_effect) {
    all += to_string(each) + "\n";
  }
  EXPECT_EQ(all,
            "f:9: server: warning: not in effect: b is not used without active = 1\n"
            "f:16: virtual: warning: not in effect: w is not served without active = 1\n");
}

TEST(Checks, OfSctpAreItsOwnOrSomeThatNeedNoConnection) {
  const std::string sctp = "protocol = sctp\nport = 3868\n";
  for (const char* check : {"", "check = sctp\n", "check = ping\n", "check = none\n",
                            "check = http path=/health\n", "check = agent port=9\n",
                            "check = script command=/bin/true\n", "send_program = \"/bin/a\"\n"}) {
    EXPECT_EQ(said(sctp + check), "") << check;
  }
  EXPECT_THAT(said(sctp + "check = tcp\n"), HasSubstr("f:7: check: expected sctp, which tries"));
  EXPECT_THAT(said(sctp + "expect = \"220\"\n"), HasSubstr("f:7: expect: expected check = sctp"));
  EXPECT_THAT(said("check = sctp\n"),
              HasSubstr("f:5: check: warning: the service is none of sctp"));
  EXPECT_EQ(said("fwmark = 5\nmark_ports = sctp/3868\nport = 3868\ncheck = sctp\n"), "");
  EXPECT_THAT(said("fwmark = 5\nprotocol = sctp\ncheck = tcp\n"),
              HasSubstr("f:7: check: expected"));
}

TEST(Checks, NeedAPortUnlessTheyAskNone) {
  const std::string any = "port = 0\npersistent = 60\n";
  EXPECT_THAT(said(any), HasSubstr("f:2: check: expected a port to check at, port in each server"));
  EXPECT_THAT(said("fwmark = 5\nport = 0\ncheck = http\n"),
              HasSubstr("f:7: check: expected a port"));
  EXPECT_EQ(said(any + "check = ping\n"), "");
  EXPECT_EQ(said(any + "forward = direct\n",
                 "server a {\naddress = 10.0.0.11\nport = 80\nactive = 1\n}\n"),
            "f:10: port: warning: direct and tunnel leave the port as it is: only the checks go to "
            "this one\n");
}

}  // namespace
}  // namespace lvs::config
