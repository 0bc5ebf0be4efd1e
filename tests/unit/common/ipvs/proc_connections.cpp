// Lines as Linux 6.1 prints them.
#include "common/ipvs/proc_connections.h"

#include <gtest/gtest.h>

namespace lvs::ipvs {
namespace {

constexpr const char* kTitles =
    "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n";

Endpoint end(const char* address, uint16_t port) {
  return {*Address::parse(address), port};
}

TEST(ProcConnections, ConnectionsAndTemplatesOfBothFamilies) {
  const auto connections =
      parse_proc_connections(std::string(kTitles) +
                             "TCP C0000232 0000 C0000201 0050 0A090002 1F40 ASSURED          92\n"
                             "UDP C0000232 B7B1 C0000201 0035 0A090002 1F40 UDP         2678392\n"
                             "TCP 2001:0db8:0000:0000:0000:0000:0000:0050 98C2 "
                             "2001:0db8:0000:0000:0000:0000:0000:0001 0050 "
                             "2001:0db8:0009:0000:0000:0000:0000:0002 1F40 CLOSE_WAIT       52\n"
                             "IP  C0000200 0000 00000050 0000 0A090002 0000 NONE            299\n");
  ASSERT_TRUE(connections) << connections.error().what;
  ASSERT_EQ(connections->size(), 4U);
  EXPECT_EQ((*connections)[0], (Connection{6, end("192.0.2.50", 0), end("192.0.2.1", 80),
                                           end("10.9.0.2", 8000), "ASSURED", 92, true}));
  EXPECT_EQ((*connections)[1], (Connection{17, end("192.0.2.50", 47025), end("192.0.2.1", 53),
                                           end("10.9.0.2", 8000), "UDP", 2678392, false}));
  EXPECT_EQ((*connections)[2], (Connection{6, end("2001:db8::50", 39106), end("2001:db8::1", 80),
                                           end("2001:db8:9::2", 8000), "CLOSE_WAIT", 52, false}));
  EXPECT_EQ((*connections)[3], (Connection{0, end("192.0.2.0", 0), end("0.0.0.80", 0),
                                           end("10.9.0.2", 0), "NONE", 299, true}));
}

TEST(ProcConnections, ATemplateOfAPersistenceEngine) {
  const auto connections =
      parse_proc_connections(std::string(kTitles) +
                             "UDP C0000232 0000 C0000201 13C4 0A090002 13C4 NONE             60 "
                             "sip one@192.0.2.50\n");
  ASSERT_TRUE(connections) << connections.error().what;
  ASSERT_EQ(connections->size(), 1U);
  EXPECT_EQ(connections->front().persistence_engine, "sip");
  EXPECT_EQ(connections->front().persistence_data, "one@192.0.2.50");
  EXPECT_TRUE(connections->front().is_template);
}

TEST(ProcConnections, AnEmptyTable) {
  const auto connections = parse_proc_connections(kTitles);
  ASSERT_TRUE(connections);
  EXPECT_TRUE(connections->empty());
}

TEST(ProcConnections, ALineThatIsNotUnderstoodIsNamed) {
  const auto connections = parse_proc_connections(std::string(kTitles) + "TCP C0000232 zz\n");
  ASSERT_FALSE(connections);
  EXPECT_NE(connections.error().what.find("line 2"), std::string::npos);
}

}  // namespace
}  // namespace lvs::ipvs
