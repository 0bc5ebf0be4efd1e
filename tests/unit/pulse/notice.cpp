// What a director tells of its role to notify_fifo.
#include "pulse/notice.h"

#include <gmock/gmock.h>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Telling {
 public:
  explicit Telling(std::vector<FoundAddress> found = {}) : director_(settings(), 42) {
    feed(Started{std::move(found), {}});
  }
  static Settings settings() {
    Settings s;
    s.keepalive = 100ms;
    s.deadtime = 300ms;
    s.addresses = {{*Address::parse("192.0.2.10"), "eth0", "eth0:1", {}}};
    return s;
  }
  void feed(const Event& event) {
    for (const Action& action : director_.step(event, now_).actions) {
      if (const auto* one = std::get_if<TellRole>(&action)) {
        told.push_back(one->notice);
      }
    }
  }
  void wait(Duration duration) {
    now_ += duration;
    feed(TimerFired{});
  }

  std::vector<Notice> told;

 private:
  Director director_;
  TimePoint now_{std::chrono::hours{1000}};
};

TEST(Telling, EachChangeOnce) {
  Telling one;
  EXPECT_THAT(one.told, ElementsAre(Notice::backup)) << "lvsd has not answered yet: no fault";
  one.feed(LvsdChanged{true, 0});
  for (int i = 0; i < 8; ++i) {
    one.wait(50ms);
  }
  EXPECT_THAT(one.told, ElementsAre(Notice::backup, Notice::master));
  one.feed(LinkChanged{"eth0", false});
  for (int i = 0; i < 40; ++i) {
    one.wait(50ms);
  }
  EXPECT_THAT(one.told, ElementsAre(Notice::backup, Notice::master, Notice::fault));
  one.feed(LinkChanged{"eth0", true});
  EXPECT_EQ(one.told.back(), Notice::backup);
  one.feed(Stop{});
  EXPECT_EQ(one.told.back(), Notice::stop);
  EXPECT_EQ(one.told.size(), 5U);
}

TEST(Telling, NothingWhileItIsNotKnownWhatBecomesOfAddressesThatWereFound) {
  Telling one({{*Address::parse("192.0.2.10"), TimePoint{std::chrono::hours{1000}} + 2s}});
  EXPECT_THAT(one.told, ElementsAre());
  one.feed(LvsdChanged{true, 0});
  for (int i = 0; i < 8; ++i) {
    one.wait(50ms);
  }
  EXPECT_THAT(one.told, ElementsAre(Notice::master));
}

}  // namespace
}  // namespace lvs::pulse
