#include "common/utf8.h"

#include <gtest/gtest.h>

namespace lvs {
namespace {

TEST(Utf8, KnowsItsCharacters) {
  for (const char* character :
       {"a", "\xc3\xbc", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80"}) {
    EXPECT_EQ(utf8_length(character), std::string(character).size()) << character;
  }
  for (const char* other :
       {"", "\xfc", "\x80", "\xc3", "\xc3z", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xe2\x82z", "\xf4\x90\x80\x80", "\xf0\x8f\xbf\xbf"}) {
    EXPECT_EQ(utf8_length(other), 0U) << other;
  }
}

TEST(Utf8, EscapesWhatIsNoCharacterAndLeavesTheRest) {
  EXPECT_EQ(escape_what_is_not_utf8("\"B\xfcro \xc3\xbc\xff\""), "\"B\\u00fcro \xc3\xbc\\u00ff\"");
  EXPECT_EQ(escape_what_is_not_utf8("{\"a\":1}\n"), "{\"a\":1}\n");
  EXPECT_EQ(escape_what_is_not_utf8("\"\xc3"), "\"\\u00c3");
}

}  // namespace
}  // namespace lvs
