// Listings, letter for letter as ipvsadm 1.31 prints the same table.
#include "tools/lvsadm/print.h"

#include <gtest/gtest.h>

#include "tests/unit/tools/lvsadm/table.h"
#include "tools/lvsadm/json.h"

namespace lvs::lvsadm {
namespace {

using namespace ipvs;
using test::sorted_table;

std::string printed(const List& how, const Names& names = {}) {
  return "\n" + print_table(sorted_table(), how, names);
}

TEST(Listing, Heading) {
  EXPECT_EQ(print_heading({0x010201, 4096}), "IP Virtual Server version 1.2.1 (size=4096)\n");
}

TEST(Listing, Plain) {
  EXPECT_EQ(printed({}), R"(
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  192.0.2.1:80 rr
  -> 10.0.0.3:8080                Masq    3      12         345       
  -> 10.0.0.4:80                  Route   1      0          0         
  -> 10.0.0.5:80                  Tunnel  0      0          0         
  -> 10.0.0.10:80                 Tunnel  7      0          0         
TCP  192.0.2.9:443 mh (mh-port)
UDP  192.0.2.1:5060 rr persistent 60 pe sip ops
SCTP 192.0.2.1:9 lc
TCP  [2001:db8::1]:443 sh (sh-fallback,sh-port)
  -> [2001:db8::2]:443            Masq    1      0          0         
  -> [2001:db8:1111:2222:3333:4444:5555:6666]:443 Masq    1      0          0         
FWM  80 wrr persistent 600 mask 255.255.255.0
  -> 10.0.0.7:0                   Route   1      0          0         
  -> 10.0.0.8:8080                Masq    1      0          0         
FWM  81 IPv6 wrr persistent 360 mask 64
)");
}

TEST(Listing, Stats) {
  EXPECT_EQ(printed({.columns = Columns::stats}), R"(
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.1:80                 99999999  100000K    1000M     100G     100T
  -> 10.0.0.3:8080                99999999  100000K    1000M     100G     100T
  -> 10.0.0.4:80                         0        0        0        0        0
  -> 10.0.0.5:80                         0        0        0        0        0
  -> 10.0.0.10:80                        0        0        0        0        0
TCP  192.0.2.9:443                       0        0        0        0        0
UDP  192.0.2.1:5060                      0        0        0        0        0
SCTP 192.0.2.1:9                         0        0        0        0        0
TCP  [2001:db8::1]:443                   0        0        0        0        0
  -> [2001:db8::2]:443                   0        0        0        0        0
  -> [2001:db8:1111:2222:3333:4444:5555:6666]:443        0        0        0        0        0
FWM  80                                  0        0        0        0        0
  -> 10.0.0.7:0                          0        0        0        0        0
  -> 10.0.0.8:8080                       0        0        0        0        0
FWM  81 IPv6                             0        0        0        0        0
)");
}

std::string first_server(const List& how) {
  auto all = sorted_table();
  all.resize(1);
  all[0].dests.resize(1);
  return "\n" + print_table(all, how, {});
}

TEST(Order, IsOfSignedDifferencesAsInIpvsadm) {
  ListedService listed;
  for (const char* server : {"10.0.0.1", "192.0.2.1"}) {
    listed.dests.push_back({.key = {*Address::parse(server), 80}});
  }
  std::vector<ListedService> table{listed};
  sort(table);
  EXPECT_EQ(to_string(table[0].dests[0].key), "192.0.2.1:80");
  EXPECT_EQ(to_string(table[0].dests[1].key), "10.0.0.1:80");
}

TEST(Listing, ExactStats) {
  EXPECT_EQ(first_server({.columns = Columns::stats, .exact = true}), R"(
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.0.2.1:80                 99999999 100000000 1000000000 100000000000 100000000000000
  -> 10.0.0.3:8080                99999999 100000000 1000000000 100000000000 100000000000000
)");
}

TEST(Listing, Rate) {
  EXPECT_EQ(first_server({.columns = Columns::rate}), R"(
Prot LocalAddress:Port                 CPS    InPPS   OutPPS    InBPS   OutBPS
  -> RemoteAddress:Port
TCP  192.0.2.1:80                        1        2        3        4        5
  -> 10.0.0.3:8080                       1        2        3        4        5
)");
}

TEST(Listing, Thresholds) {
  EXPECT_EQ(first_server({.columns = Columns::thresholds}), R"(
Prot LocalAddress:Port            Uthreshold Lthreshold ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.1:80 rr
  -> 10.0.0.3:8080                100        50         12         345       
)");
}

TEST(Listing, PersistentConnections) {
  EXPECT_EQ(first_server({.columns = Columns::persistent}), R"(
Prot LocalAddress:Port            Weight    PersistConn ActiveConn InActConn 
  -> RemoteAddress:Port
TCP  192.0.2.1:80 rr
  -> 10.0.0.3:8080                3         6           12         345       
)");
}

TEST(Listing, Tunnels) {
  const std::string text = printed({.columns = Columns::tunnels});
  EXPECT_NE(
      text.find(
          "  -> RemoteAddress:Port           Forward TunnelInfo    Weight ActiveConn InActConn\n"),
      std::string::npos);
  EXPECT_NE(
      text.find(
          "  -> 10.0.0.3:8080                Masq    n/a           3      12         345       \n"),
      std::string::npos);
  EXPECT_NE(
      text.find(
          "  -> 10.0.0.5:80                  Tunnel  ipip          0      0          0         \n"),
      std::string::npos);
  EXPECT_NE(
      text.find(
          "  -> 10.0.0.10:80                 Tunnel  gue:6081:r+c  7      0          0         \n"),
      std::string::npos);
}

TEST(Listing, NamesInsteadOfNumbers) {
  const Names names{[](const Address& address) {
                      return address.is_loopback() ? "localhost" : to_string(address);
                    },
                    [](uint16_t port, uint8_t protocol) {
                      return port == 80 && protocol == 6 ? "http" : std::to_string(port);
                    }};
  std::vector<ListedService> all = {
      {{test::address_key(Protocol::tcp, "127.0.0.1", 80), {.scheduler = "rr"}, {}},
       {test::server("127.0.0.1", 80, {.forward = Forward::masq})}},
      {{MarkKey{80, Family::v4}, {}, {}},
       {test::server("127.0.0.1", 80, {.forward = Forward::masq})}}};
  EXPECT_EQ("\n" + print_table(all, {}, names), R"(
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
TCP  localhost:http rr
  -> localhost:http               Masq    1      0          0         
FWM  80 wlc
  -> localhost:80                 Masq    1      0          0         
)");
}

TEST(Listing, LongNamesAreCutSoThatColumnsStay) {
  const Names names{[](const Address&) { return std::string(40, 'x'); }, {}};
  const std::vector<ListedService> all = {
      {{test::address_key(Protocol::tcp, "192.0.2.1", 80), {.scheduler = "rr"}, {}},
       {test::server("10.0.0.1", 80, {})}}};
  EXPECT_EQ(print_table(all, {.columns = Columns::plain}, names),
            "Prot LocalAddress:Port Scheduler Flags\n"
            "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
            "TCP  " +
                std::string(28, 'x') +
                " rr\n"
                "  -> " +
                std::string(28, 'x') + " Masq    1      0          0         \n");
}

TEST(Listing, Connections) {
  const auto end = [](const char* address, uint16_t port) {
    return Endpoint{*Address::parse(address), port};
  };
  const std::vector<Connection> all = {
      {6, end("192.0.2.50", 0), end("192.0.2.1", 80), end("10.9.0.2", 8000), "ASSURED", 93, true},
      {17, end("192.0.2.50", 47025), end("192.0.2.1", 53), end("10.9.0.2", 8000), "UDP", 2678393,
       false},
      {6, end("2001:db8::50", 0), end("2001:db8::1", 80), end("2001:db8:9::2", 8000), "ASSURED", 93,
       true},
      {6, end("192.0.2.50", 39106), end("192.0.2.1", 80), end("10.9.0.2", 8000), "CLOSE_WAIT", 53,
       false}};
  EXPECT_EQ("\n" + print_connections(all, {}, {}), R"(
IPVS connection entries
pro expire state       source             virtual            destination
TCP 01:33  ASSURED     192.0.2.50:0       192.0.2.1:80       10.9.0.2:8000
UDP 44639:53 UDP         192.0.2.50:47025   192.0.2.1:53       10.9.0.2:8000
TCP 01:33  ASSURED     [2001:db8::50]:0   [2001:db8::1]:80   [2001:db8:9::2]:8000
TCP 00:53  CLOSE_WAIT  192.0.2.50:39106   192.0.2.1:80       10.9.0.2:8000
)");
  EXPECT_EQ(print_connections({}, {.persistence_data = true}, {}),
            "IPVS connection entries\n"
            "pro expire state       source             virtual            destination        pe "
            "name          "
            "pe_data\n");
}

TEST(Listing, TemplatesOfAPersistenceEngine) {
  const auto end = [](const char* address, uint16_t port) {
    return Endpoint{*Address::parse(address), port};
  };
  const std::vector<Connection> all = {
      {17, end("192.0.2.0", 0), end("192.0.2.1", 5060), end("10.0.0.11", 5060), "ASSURED", 60, true,
       "sip", "two"},
      {17, end("192.0.2.2", 5001), end("192.0.2.1", 5060), end("10.0.0.12", 5060), "UDP", 300}};
  EXPECT_EQ(print_connections(all, {.persistence_data = true}, {}),
            "IPVS connection entries\n"
            "pro expire state       source             virtual            destination        pe "
            "name          "
            "pe_data\n"
            "UDP 01:00  ASSURED     192.0.2.0:0        192.0.2.1:5060     10.0.0.11:5060   sip   "
            "             two\n"
            "UDP 05:00  UDP         192.0.2.2:5001     192.0.2.1:5060     10.0.0.12:5060\n");
}

TEST(Listing, TimeoutsAndDaemons) {
  EXPECT_EQ(print_timeouts({900, 120, 300}), "Timeout (tcp tcpfin udp): 900 120 300\n");
  EXPECT_EQ(
      print_daemons({{DaemonRole::master, "lo", 7, 1472, Address::parse("224.0.0.81"), 8848, 1},
                     {DaemonRole::backup, "eth0", 9, 65487, Address::parse("ff02::5"), 8848, 1}}),
      "master sync daemon (mcast=lo, syncid=7, maxlen=1472, group=224.0.0.81, port=8848, ttl=1)\n"
      "backup sync daemon (mcast=eth0, syncid=9, maxlen=65487, group=ff02::5, port=8848, ttl=1)\n");
}

TEST(Listing, DeniedPrefixes) {
  const std::vector<DeniedPrefix> denied = {{*Prefix::parse("192.0.2.0/24"), 12},
                                            {*Prefix::parse("2001:db8::1"), 0}};
  EXPECT_EQ(print_denied(denied),
            "     Packets Prefix\n"
            "          12 192.0.2.0/24\n"
            "           0 2001:db8::1\n");
  EXPECT_EQ(json_text(denied),
            "{\"denied\":[{\"prefix\":\"192.0.2.0/24\",\"packets\":12},"
            "{\"prefix\":\"2001:db8::1\",\"packets\":0}]}\n");
}

TEST(Listing, DropsAndKills) {
  EXPECT_EQ(print_drops({{"no-server", 12}, {"ttl", 0}}),
            "     Packets Reason\n"
            "          12 no-server\n"
            "           0 ttl\n");
  EXPECT_EQ(print_killed({*Address::parse("10.0.0.5"), 32}, {3}),
            "3 connections of 10.0.0.5/32 ended\n");
}

}  // namespace
}  // namespace lvs::lvsadm
