#include "nanny/named_check.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

TEST(NamedCheck, OptionsAreFoundByName) {
  const config::NamedCheck udp{"udp", {{"send", "ping\r\n"}, {"expect", "^p"}, {"regex", "1"}}};
  EXPECT_EQ(exchange_of(udp), (config::SendExpect{"ping\r\n", "^p", true}));
  EXPECT_EQ(option_of({"dns", {{"name", "a"}}}, "type", "A"), "A");
}

}  // namespace
}  // namespace lvs::nanny
