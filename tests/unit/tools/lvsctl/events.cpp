#include "tools/lvsctl/events.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace lvs::lvsctl {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

boost::json::object answer(const EventLog& log, uint64_t after, int pid) {
  boost::json::array events;
  for (const auto& entry : log.after(after)) {
    events.emplace_back(to_json(entry));
  }
  return {{"ok", true}, {"events", std::move(events)}, {"pid", pid}};
}

std::vector<std::string> names(const std::vector<Happened>& all) {
  std::vector<std::string> names;
  for (const Happened& one : all) {
    names.push_back(one.entry.event.event);
  }
  return names;
}

uint64_t asked_after(const EventReader& reader) {
  return reader.question().at("after").to_number<uint64_t>();
}

TEST(Events, OfBothDaemonsStandInTheOrderOfTime) {
  EventLog log;
  log.add({Level::notice, "takeover", "", {{"to", "active"}, {"reason", "peer silent"}}}, 2000);
  const auto takeover = log.entries().front();
  log.add({Level::notice, "armed", "", {}}, 1500);
  const auto armed = log.entries().back();
  EXPECT_EQ(
      events_text({{"pulse", takeover}, {"lvsd", armed}}, Format::json),
      R"({"time":"1970-01-01T00:00:01.500Z","daemon":"lvsd","serial":2,"at_ms":1500,)"
      R"("level":"notice","event":"armed","fields":{}})"
      "\n"
      R"({"time":"1970-01-01T00:00:02.000Z","daemon":"pulse","serial":1,"at_ms":2000,)"
      R"("level":"notice","event":"takeover","fields":{"to":"active","reason":"peer silent"}})"
      "\n");
  EXPECT_THAT(events_text({{"lvsd", armed}}, Format::text),
              testing::EndsWith(".500 lvsd  armed\n"));
  EXPECT_THAT(events_text({{"pulse", takeover}}, Format::text),
              testing::EndsWith(".000 pulse takeover to=active reason=\"peer silent\"\n"));
}

TEST(Events, AreToldOnceToAReaderThatGoesOnAsking) {
  EventLog log;
  log.add({Level::notice, "start", "", {}}, 1000);
  EventReader reader("pulse");
  EXPECT_THAT(names(reader.news(answer(log, asked_after(reader), 1))), ElementsAre("start"));
  EXPECT_THAT(names(reader.news(answer(log, asked_after(reader), 1))), IsEmpty());
  log.add({Level::notice, "takeover", "", {}}, 1000);
  EXPECT_THAT(names(reader.news(answer(log, asked_after(reader), 1))), ElementsAre("takeover"));
}

// Killed before it had written its last ones.
TEST(Events, OfAnotherProcessThatCountsAgainAreNotMissed) {
  EventLog first;
  first.add({Level::notice, "start", "", {}}, 1000);
  EventLog second = first;
  first.add({Level::notice, "takeover", "", {}}, 2000);
  EventReader reader("pulse");
  reader.news(answer(first, asked_after(reader), 1));
  second.add({Level::notice, "start", "", {}}, 3000);
  EXPECT_THAT(names(reader.news(answer(second, asked_after(reader), 2))), IsEmpty());
  const auto news = reader.news(answer(second, asked_after(reader), 2));
  ASSERT_EQ(news.size(), 1U);
  EXPECT_EQ(news.front().entry.at_ms, 3000);
}

TEST(Events, WhatIsNoneIsLeftOut) {
  EventReader reader("pulse");
  EXPECT_THAT(reader.news({}), IsEmpty());
  EXPECT_THAT(reader.news({{"events", 7}}), IsEmpty());
  EXPECT_THAT(reader.news({{"events", boost::json::array{7, nullptr}}}), IsEmpty());
}

}  // namespace
}  // namespace lvs::lvsctl
