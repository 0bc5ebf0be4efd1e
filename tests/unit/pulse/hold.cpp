// The operator's hold: a director that stays in its role until it is released.
#include <gmock/gmock.h>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

constexpr TimePoint kStart{std::chrono::hours{1000}};
constexpr Mac kPeerMac = {2, 0, 0, 0, 0, 2};
const Address kVip = *Address::parse("192.0.2.10");
const Hold kByAlice{"alice", 1'700'000'000};

// The primary, and what its peer says every 100 ms unless it is silent.
class Held {
 public:
  explicit Held(bool active, Kept before = {}) : director(settings(), 42) {
    before.peer_macs = {kPeerMac};
    feed(LvsdChanged{true, 0});
    feed(Started{{}, before});
    peer.node = Node::backup;
    peer.my_incarnation = 99;
    peer.your_incarnation = 42;
    peer.role = active ? Role::passive : Role::active;
    peer.macs = {kPeerMac};
    pass(1s);
  }

  static Settings settings() {
    Settings s;
    s.keepalive = 100ms;
    s.deadtime = 400ms;
    s.addresses = {{kVip, "eth0", "eth0:1", {}}};
    s.macs = {{2, 0, 0, 0, 0, 1}};
    return s;
  }

  void feed(const Event& event) {
    const Step step = director.step(event, now);
    wake_at = step.wake_at;
    for (const Action& action : step.actions) {
      if (const auto* beat = std::get_if<SendHeartbeat>(&action)) {
        last_beat = beat->heartbeat;
      } else if (const auto* one = std::get_if<Answer>(&action)) {
        answer = *one;
      } else if (const auto* keep = std::get_if<Keep>(&action)) {
        kept = keep->kept;
      } else if (const auto* line = std::get_if<LogEvent>(&action)) {
        log += to_line(*line) + "\n";
      } else if (std::holds_alternative<ProbeAddress>(action)) {
        ++probes;
      }
    }
  }

  void pass(Duration duration) {
    const TimePoint until = now + duration;
    while (now < until) {
      const TimePoint next = std::min(until, now + 100ms);
      while (wake_at && *wake_at <= next) {
        now = *wake_at;
        feed(TimerFired{});
      }
      now = next;
      if (!is_peer_silent) {
        peer.sequence += 1;
        peer.your_sequence = last_beat ? last_beat->sequence : 0;
        feed(Heard{0, peer});
      }
    }
  }

  Director director;
  Heartbeat peer;
  bool is_peer_silent = false;
  TimePoint now = kStart;
  std::optional<TimePoint> wake_at;
  std::optional<Heartbeat> last_beat;
  std::optional<Answer> answer;
  std::optional<Kept> kept;
  std::string log;
  int probes = 0;
};

TEST(Hold, AStandbyDoesNotTakeOverForAnyReasonUntilItIsReleased) {
  const std::vector<std::function<void(Held&)>> reasons = {
      [](Held& held) { held.is_peer_silent = true; },
      [](Held& held) { held.peer.goodbye = true, held.peer.role = Role::passive; },
      [](Held& held) { held.peer.role = Role::handing_over; },
      [](Held& held) { held.peer.role = Role::passive, held.peer.reasons = kNoServiceLink; }};
  for (const auto& happen : reasons) {
    Held held(false);
    held.feed(HoldRole{kByAlice});
    happen(held);
    held.pass(10s);
    EXPECT_EQ(held.director.state(), State::standby) << held.log;
    held.feed(ReleaseRole{});
    held.feed(CoreArmed{});
    held.pass(200ms);
    EXPECT_EQ(held.director.state(), State::active) << held.log;
  }
}

TEST(Hold, WhatAHeldStandbyDoesNotDoIsTold) {
  Held held(false);
  held.feed(HoldRole{kByAlice});
  held.is_peer_silent = true;
  held.pass(1s);
  EXPECT_THAT(held.log, HasSubstr("event=hold by=alice state=standby"));
  EXPECT_THAT(held.log, HasSubstr("event=held-back reason=peer-silent action=stay-passive"));
  EXPECT_EQ(held.director.status(held.now).hold, kByAlice);
}

// Or it would take over in the moment of its release without having asked the segment.
TEST(Hold, AStandbyGoesOnAskingWhoHoldsTheAddress) {
  Held held(false);
  held.feed(HoldRole{kByAlice});
  held.is_peer_silent = true;
  held.pass(10s);
  held.probes = 0;
  held.pass(1s);
  EXPECT_GT(held.probes, 10);
  held.feed(AddressClaimed{kVip, kPeerMac});
  held.feed(ReleaseRole{});
  held.pass(50ms);
  EXPECT_EQ(held.director.state(), State::standby);
}

TEST(Hold, AnActiveOneHandsOverToNobodyButLetsGoWhereItMust) {
  Held held(true);
  ASSERT_EQ(held.director.state(), State::active);
  held.feed(HoldRole{kByAlice});
  held.feed(WitnessChanged{false});
  held.feed(LvsdChanged{false, 3});
  held.peer.asking = true;
  held.pass(10s);
  EXPECT_EQ(held.director.state(), State::active);
  held.feed(LinkChanged{"eth0", false});
  held.pass(kSettleMax);
  EXPECT_EQ(held.director.state(), State::standby);
  held.feed(LinkChanged{"eth0", true});
  held.feed(LvsdChanged{true, 0});
  held.is_peer_silent = true;
  held.pass(10s);
  EXPECT_EQ(held.director.state(), State::standby) << "and stays there";
}

TEST(Hold, AStopHandsOver) {
  Held held(true);
  held.feed(HoldRole{kByAlice});
  held.feed(Stop{});
  EXPECT_EQ(held.director.state(), State::handing_over);
}

TEST(Hold, ThePeerIsToldAndHandsNothingOverToIt) {
  Held held(false);
  held.feed(HoldRole{kByAlice});
  EXPECT_EQ(held.last_beat->reasons, kHeld);
  Held active(true);
  active.peer.reasons = kHeld;
  active.feed(LvsdChanged{false, 3});
  active.pass(10s);
  EXPECT_EQ(active.director.state(), State::active) << "it would not be taken";
  active.feed(Switchover{});
  EXPECT_FALSE(active.answer->ok);
  EXPECT_THAT(active.answer->text, StartsWith("the backup director is held"));
}

TEST(Hold, WhoWasHeldFirstIsKeptAndNoSwitchoverIsTaken) {
  Held held(true);
  held.feed(HoldRole{kByAlice});
  held.feed(HoldRole{{"bob", 1'800'000'000}});
  EXPECT_TRUE(held.answer->ok);
  EXPECT_EQ(held.kept->hold, kByAlice);
  held.feed(Switchover{});
  EXPECT_FALSE(held.answer->ok);
  EXPECT_THAT(held.answer->text, StartsWith("this director is held"));
  held.feed(ReleaseRole{});
  EXPECT_EQ(held.kept->hold, std::nullopt);
  EXPECT_EQ(held.last_beat->reasons, 0U);
}

TEST(Hold, OutlivesTheProcessAndForcedStarts) {
  Held held(false, {.hold = kByAlice});
  held.is_peer_silent = true;
  held.pass(10s);
  EXPECT_EQ(held.director.state(), State::standby);
  Director forced(Held::settings(), 42);
  forced.step(Started{{}, {.hold = kByAlice}}, kStart);
  forced.step(ForceActive{}, kStart);
  EXPECT_EQ(forced.state(), State::listening);
}

TEST(Hold, ADirectorAloneHasNobodyToStandBackFor) {
  Settings alone = Held::settings();
  alone.alone = true;
  Director director(alone, 42);
  director.step(Started{{}, {.hold = kByAlice}}, kStart);
  EXPECT_EQ(director.state(), State::active);
  const Step step = director.step(HoldRole{kByAlice}, kStart + 1s);
  EXPECT_THAT(step.actions,
              testing::Contains(testing::VariantWith<Answer>(testing::Field(&Answer::ok, false))));
}

}  // namespace
}  // namespace lvs::pulse
