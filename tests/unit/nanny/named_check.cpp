#include "nanny/named_check.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

using ipvs::Protocol;

TEST(NamedCheck, UdpIsAnExchangeOfDatagramsWhateverTheService) {
  const config::NamedCheck udp{"udp", {{"send", "ping\r\n"}, {"expect", "^p"}, {"regex", "1"}}};
  const Runnable expected{{"ping\r\n", "^p", true}, Protocol::udp, false};
  EXPECT_EQ(runnable(udp, Protocol::udp), expected);
  EXPECT_EQ(runnable(udp, Protocol::tcp), expected);
}

TEST(NamedCheck, AConnectionStandsInForPingOnTcp) {
  EXPECT_EQ(runnable({"ping", {}}, Protocol::tcp), (Runnable{{}, Protocol::tcp, true}));
}

TEST(NamedCheck, NothingStandsInElsewhere) {
  EXPECT_EQ(runnable({"dns", {}}, Protocol::udp), std::nullopt);
  EXPECT_EQ(runnable({"ping", {}}, Protocol::sctp), std::nullopt);
}

}  // namespace
}  // namespace lvs::nanny
