#include "common/event_log.h"

#include <gmock/gmock.h>

namespace lvs {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

LogEvent takeover(const std::string& reason = "peer-silent") {
  return {Level::notice, "takeover", "partner dead", {{"to", "active"}, {"reason", reason}}};
}

TEST(EventLog, KeepsWhatIsANoticeOrWorse) {
  EXPECT_FALSE(EventLog::is_kept({Level::info, "applied", "", {}}));
  EXPECT_TRUE(EventLog::is_kept(takeover()));
  EXPECT_TRUE(EventLog::is_kept({Level::error, "core-failed", "", {}}));
}

TEST(EventLog, TellsWhatCameAfterASerialNumber) {
  EventLog log;
  log.add(takeover("first"), 1000);
  log.add(takeover("second"), 2000);
  EXPECT_EQ(log.after(0).size(), 2U);
  ASSERT_EQ(log.after(1).size(), 1U);
  EXPECT_EQ(log.after(1).front().event.fields.back().second, "second");
  EXPECT_THAT(log.after(2), IsEmpty());
}

TEST(EventLog, IsBoundedInNumberAndSize) {
  EventLog log;
  LogEvent large = takeover(std::string(100'000, 'x'));
  for (int i = 0; i < 100; ++i) {
    large.fields.emplace_back("more", "and more");
  }
  for (size_t i = 0; i < 2 * kEventsMax; ++i) {
    log.add(large, 1);
  }
  EXPECT_EQ(log.entries().size(), kEventsMax);
  EXPECT_EQ(log.last_serial(), 2 * kEventsMax);
  EXPECT_EQ(log.entries().back().event.fields.size(), kEventFieldsMax);
  EXPECT_LT(to_text(log).size(), kEventsTextMax);
}

TEST(EventLog, OutlivesItsProcessAndGoesOnCounting) {
  EventLog log;
  log.add(takeover("a \"quoted\"\n\xff line"), 1'700'000'000'123);
  log.add({Level::error, "core-failed", "", {}}, 1'700'000'000'124);
  auto again = EventLog::read(to_text(log));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->entries(), log.entries());
  EXPECT_EQ(again->entries().front().event.fields.back().second, "a \"quoted\"?? line");
  again->add(takeover(), 1);
  EXPECT_EQ(again->last_serial(), 3U);
}

TEST(EventLog, WhatIsNoEventIsRefusedWithItsLine) {
  EventLog log;
  log.add(takeover(), 1000);
  const std::string good = to_text(log);
  for (const std::string& bad :
       {std::string("rubbish\n"), std::string("{}\n"), std::string("\n"), std::string(100, '\0'),
        good, good.substr(0, good.size() / 2), good.substr(0, good.size() - 1)}) {
    const auto read = EventLog::read(good + bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_THAT(read.error().what, HasSubstr("line 2"));
  }
  EXPECT_TRUE(EventLog::read(""));
}

}  // namespace
}  // namespace lvs
