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
  EXPECT_EQ(said("fwmark = 5\ncheck = smtp\nport = 25\n"), "");
  EXPECT_EQ(said("fwmark = 5\ncheck = http\n"), "");
  EXPECT_EQ(said("fwmark = 5\ncheck = smtp\n",
                 "server a {\naddress = 10.0.0.11\nport = 25\nactive = 1\n}\n"),
            "");
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
