#include "common/prefix.h"

#include <gtest/gtest.h>

namespace lvs {
namespace {

TEST(Prefix, ReadsBothFamiliesAndPrintsThemBack) {
  for (const char* text : {"192.0.2.0/24", "198.51.100.7", "2001:db8::/32", "2001:db8::1",
                           "0.0.0.0/0", "192.0.2.77/24"}) {
    const auto prefix = Prefix::parse(text);
    ASSERT_TRUE(prefix) << text;
    EXPECT_EQ(to_string(*prefix), text);
  }
  EXPECT_EQ(to_string(*Prefix::parse("198.51.100.7/32")), "198.51.100.7");
}

TEST(Prefix, RefusesWhatIsNone) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/ 8",
                           "10.0.0.0/8x", "10.0.0.0/255.0.0.0", "2001:db8::/129", "host/8"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(Prefix, ItsNetworkHasNoBitsBehindTheLength) {
  EXPECT_EQ(to_string(Prefix::parse("192.0.2.77/24")->network()), "192.0.2.0/24");
  EXPECT_EQ(to_string(Prefix::parse("2001:db8:ffff::1/36")->network()), "2001:db8:f000::/36");
}

}  // namespace
}  // namespace lvs
