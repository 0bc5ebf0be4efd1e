// What the shell reads back of its own files, and how it splits a command.
#include <gmock/gmock.h>

#include "pulse/io/command.h"
#include "pulse/io/kept_file.h"
#include "pulse/io/last_good.h"

namespace lvs::pulse {
namespace {

using testing::ElementsAre;

TEST(Kept, ComesBackAsItWasWritten) {
  const Kept kept{18446744073709551615u,
                  {{2, 0, 0, 0, 0, 1}, {0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54}},
                  Hold{"alice \"the\" operator", 1'700'000'000}};
  EXPECT_EQ(read_kept(write_kept(kept)), kept);
  EXPECT_EQ(read_kept(write_kept({})), Kept{});
}

TEST(Kept, WhatCannotBeReadIsNothingKept) {
  for (const char* text :
       {"", "{", "[]", "7", R"({"term":-1})", R"({"term":"x","peer_macs":7})", R"({"hold":7})",
        R"({"peer_macs":["02:00:00:00:00:0","zz:00:00:00:00:01",7,"02:00:00:00:00:01x"]})"}) {
    EXPECT_EQ(read_kept(text), Kept{}) << text;
  }
}

TEST(LastGood, ComesBackAsItWasWritten) {
  const LastGood good{Node::backup, "primary = 192.0.2.1\nkeepalive = 2\n"};
  EXPECT_EQ(read_last_good(write_last_good(good)), good);
  for (const char* text : {"", "backup", "neither\nkeepalive = 2\n", "\nbackup\n"}) {
    EXPECT_EQ(read_last_good(text), std::nullopt) << text;
  }
}

TEST(Command, BlanksSeparateAndQuotesKeepTogether) {
  EXPECT_THAT(words_of("/bin/notify  active\tnow"), ElementsAre("/bin/notify", "active", "now"));
  EXPECT_THAT(words_of(R"(mail -s "we are active" 'a "b" c')"),
              ElementsAre("mail", "-s", "we are active", R"(a "b" c)"));
  EXPECT_THAT(words_of("x ''"), ElementsAre("x", ""));
  EXPECT_THAT(words_of("  "), ElementsAre());
}

}  // namespace
}  // namespace lvs::pulse
