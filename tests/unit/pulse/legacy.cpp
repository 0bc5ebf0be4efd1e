// Piranha's heartbeats: the bytes, whose turn it is, and what a director does on each word.
#include "pulse/legacy.h"

#include <gmock/gmock.h>

#include <cstring>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::VariantWith;

constexpr TimePoint kStart{std::chrono::hours{1000}};
constexpr Mac kPeerMac = {2, 0, 0, 0, 0, 2};
const Address kVip = *Address::parse("192.0.2.10");

std::vector<uint8_t> bytes_of(uint32_t number) {
  std::vector<uint8_t> bytes(sizeof number);
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

TEST(Word, IsFourBytesInTheOrderOfThisMachine) {
  EXPECT_THAT(bytes_of(0xBDADDBDA), testing::ElementsAreArray(encode(Word::running)));
  EXPECT_THAT(bytes_of(0xADBDDABD), testing::ElementsAreArray(encode(Word::stopped)));
  for (const Word word : {Word::running, Word::stopped}) {
    EXPECT_EQ(std::get<Word>(read_word(encode(word))), word);
  }
}

TEST(Word, PiranhasOthersAreSignsOfLifeAndTheRestIsRefused) {
  for (const uint32_t number : {0xBEEFBABEU, 0xDEADBEEFU, 0xDEADDADAU, 0xDEAFBABEU, 0xDEAFDADAU}) {
    EXPECT_EQ(std::get<Word>(read_word(bytes_of(number))), Word::other) << number;
  }
  for (const uint32_t number : {0U, __builtin_bswap32(0xBDADDBDAU), 0xBDADDBDBU}) {
    EXPECT_EQ(std::get<Refusal>(read_word(bytes_of(number))), Refusal::malformed) << number;
  }
  std::vector<uint8_t> longer = bytes_of(0xBDADDBDA);
  longer.push_back(0);
  EXPECT_EQ(std::get<Refusal>(read_word(longer)), Refusal::malformed);
  EXPECT_EQ(std::get<Refusal>(read_word({})), Refusal::malformed);
  EXPECT_EQ(std::get<Refusal>(read_word(encode(Heartbeat{}, {}))), Refusal::other_version);
}

TEST(Word, RunningIsSaidWhileAnAddressIsHeld) {
  EXPECT_EQ(word_of(Role::passive), Word::stopped);
  for (const Role role : {Role::adopting, Role::active, Role::handing_over}) {
    EXPECT_EQ(word_of(role), Word::running);
  }
}

TEST(Word, ASignOfLifeAloneMayComeFromWhoServes) {
  EXPECT_EQ(role_of(Word::other, std::nullopt), Role::active);
  EXPECT_EQ(role_of(Word::other, Role::passive), Role::passive);
  EXPECT_EQ(role_of(Word::stopped, Role::active), Role::passive);
  EXPECT_EQ(role_of(Word::running, Role::passive), Role::active);
}

// A director that has heard nothing yet, able from the start.
class WithWords {
 public:
  explicit WithWords(Node node) : director(settings(node), 42) {
    feed(LvsdChanged{true, 0});
    feed(WitnessChanged{true});
    feed(Started{{}, {.peer_macs = {kPeerMac}}});
  }

  static Settings settings(Node node) {
    Settings s;
    s.node = node;
    s.keepalive = 100ms;
    s.deadtime = 400ms;
    s.addresses = {{kVip, "eth0", "eth0:1", {}}};
    s.macs = {{2, 0, 0, 0, 0, 1}};
    s.paths = {"public", "private"};
    s.witness = true;
    s.legacy_heartbeats = true;
    return s;
  }

  void feed(const Event& event) {
    const Step step = director.step(event, now);
    wake_at = step.wake_at;
    actions = step.actions;
    for (const Action& action : actions) {
      if (const auto* sent = std::get_if<SendWord>(&action)) {
        said.push_back(sent->word);
      } else if (const auto* one = std::get_if<Answer>(&action)) {
        answer = *one;
      } else if (const auto* line = std::get_if<LogEvent>(&action)) {
        log += to_line(*line) + "\n";
      }
    }
  }
  void hear(Word word, PathId path = 0) { feed(HeardWord{path, word}); }
  void pass(Duration duration) {
    const TimePoint end = now + duration;
    while (wake_at && *wake_at <= end) {
      now = *wake_at;
      feed(TimerFired{});
    }
    now = end;
  }
  // The peer says it each keepalive.
  void hear_for(Word word, Duration duration) {
    for (const TimePoint end = now + duration; now < end;) {
      hear(word, 0);
      hear(word, 1);
      pass(100ms);
    }
  }
  // Active, with a peer that says that it is not.
  void serve() {
    hear(Word::running);
    pass(100ms);
    hear_for(Word::stopped, 500ms);
    ASSERT_EQ(director.state(), State::active);
    said.clear();
  }

  Director director;
  TimePoint now = kStart;
  std::optional<TimePoint> wake_at;
  std::vector<Action> actions;
  std::vector<Word> said;
  Answer answer;
  std::string log;
};

TEST(Legacy, TheAlarmIsRaisedAtTheStart) {
  EXPECT_THAT(WithWords(Node::primary).log, HasSubstr("event=heartbeats-not-authenticated"));
}

TEST(Legacy, WhoHearsRunningStaysPassiveForEver) {
  for (const Node node : {Node::primary, Node::backup}) {
    WithWords one(node);
    one.hear_for(Word::running, 5s);
    EXPECT_EQ(one.director.state(), State::standby);
    EXPECT_THAT(one.said, Not(Contains(Word::running)));
  }
}

TEST(Legacy, SilenceIsATakeoverAtTheDeadline) {
  WithWords one(Node::primary);
  one.hear(Word::running);
  one.pass(400ms - 1ns);
  EXPECT_EQ(one.director.state(), State::standby);
  one.pass(1ns);
  EXPECT_EQ(one.director.state(), State::active);
  EXPECT_EQ(one.said.back(), Word::running);
}

TEST(Legacy, WhoServedAndSaysStoppedIsTakenOverFromAtOnce) {
  for (const Node node : {Node::primary, Node::backup}) {
    WithWords one(node);
    one.hear_for(Word::running, 300ms);
    one.hear(Word::stopped, 0);
    one.hear(Word::stopped, 1);
    EXPECT_EQ(one.director.state(), State::standby) << "an older copy may be on the other path";
    one.pass(20ms);
    EXPECT_EQ(one.director.state(), State::active);
  }
}

TEST(Legacy, AnOlderCopyOfStoppedMovesNothing) {
  WithWords one(Node::backup);
  one.hear_for(Word::running, 300ms);
  one.hear(Word::stopped);
  one.pass(5ms);
  one.hear_for(Word::running, 300ms);
  EXPECT_EQ(one.director.state(), State::standby);
}

TEST(Legacy, APathThatSaidRunningHasTimeToSayOtherwise) {
  WithWords one(Node::primary);
  one.hear(Word::running, 0);
  one.hear(Word::running, 1);
  one.pass(90ms);
  one.hear(Word::stopped, 1);
  one.pass(50ms);
  EXPECT_EQ(one.director.state(), State::standby);
  one.hear(Word::stopped, 0);
  one.pass(1ms);
  EXPECT_EQ(one.director.state(), State::active);
}

TEST(Legacy, StoppedRightBehindRunningMayBeTheOlderOne) {
  WithWords one(Node::primary);
  one.hear(Word::running);
  one.pass(1ms);
  one.hear(Word::stopped);
  one.pass(99ms);
  EXPECT_EQ(one.director.state(), State::standby);
  one.hear(Word::running);
  one.pass(100ms);
  EXPECT_EQ(one.director.state(), State::standby);
  one.hear(Word::stopped);
  one.pass(20ms);
  EXPECT_EQ(one.director.state(), State::active);
}

TEST(Legacy, OfTwoThatStartThePrimaryServesAndTheBackupGivesItTime) {
  WithWords primary(Node::primary);
  WithWords backup(Node::backup);
  primary.hear(Word::stopped);
  backup.hear_for(Word::stopped, 200ms);
  primary.pass(20ms);
  EXPECT_EQ(primary.director.state(), State::active);
  EXPECT_EQ(backup.director.state(), State::standby);
  backup.hear_for(Word::stopped, 200ms);
  EXPECT_EQ(backup.director.state(), State::active) << "the primary cannot";
}

TEST(Legacy, TheActiveBackupYieldsAndThePrimaryStaysAndAnnounces) {
  WithWords backup(Node::backup);
  backup.serve();
  backup.hear(Word::running);
  EXPECT_EQ(backup.director.state(), State::standby);
  EXPECT_THAT(backup.said, ElementsAre(Word::running, Word::stopped))
      << "the last running makes Piranha's primary announce";
  EXPECT_TRUE(std::holds_alternative<RemoveAddress>(backup.actions.front()));

  WithWords primary(Node::primary);
  primary.serve();
  primary.hear(Word::running);
  EXPECT_EQ(primary.director.state(), State::active);
  EXPECT_THAT(primary.said, ElementsAre(Word::running)) << "at once";
  EXPECT_THAT(primary.actions, Contains(VariantWith<Announce>(testing::_)));
  primary.hear(Word::running);
  primary.hear(Word::running);
  EXPECT_THAT(primary.said, ElementsAre(Word::running)) << "but not for each word";
}

TEST(Legacy, AStopRemovesTheAddressAndThenSaysStopped) {
  WithWords one(Node::primary);
  one.serve();
  one.feed(Stop{});
  EXPECT_EQ(one.director.state(), State::stopped);
  EXPECT_TRUE(std::holds_alternative<LogEvent>(one.actions.front()));
  EXPECT_TRUE(std::holds_alternative<RemoveAddress>(one.actions[1]));
  EXPECT_THAT(one.said, ElementsAre(Word::stopped, Word::stopped));
}

TEST(Legacy, WhoIsNotAbleOffersTheServiceOnceAndTakesItBackWhenNobodyDoes) {
  WithWords one(Node::primary);
  one.serve();
  one.feed(LvsdChanged{false, 3});
  one.hear_for(Word::stopped, 100ms);
  EXPECT_EQ(one.director.state(), State::standby);
  EXPECT_THAT(one.said, Contains(Word::stopped));
  one.hear_for(Word::stopped, 3s);
  EXPECT_EQ(one.director.state(), State::standby) << "it cannot serve at all";
  one.feed(LvsdChanged{true, 0});
  one.hear_for(Word::stopped, 300ms);
  EXPECT_EQ(one.director.state(), State::active);
}

TEST(Legacy, WhoCanServeInPartKeepsWhatThePeerDidNotTake) {
  WithWords one(Node::backup);
  one.serve();
  one.feed(WitnessChanged{false});
  one.hear_for(Word::stopped, 600ms);
  EXPECT_EQ(one.director.counters().standdowns, 1U);
  one.hear_for(Word::stopped, 5s);
  EXPECT_EQ(one.director.state(), State::active);
  EXPECT_EQ(one.director.counters().standdowns, 1U) << "no ping-pong";
}

TEST(Legacy, ThereIsNoSwitchover) {
  WithWords one(Node::primary);
  one.serve();
  one.feed(Switchover{});
  EXPECT_FALSE(one.answer.ok);
  EXPECT_THAT(one.answer.text, HasSubstr("stop pulse on the director that serves"));
  EXPECT_EQ(one.director.state(), State::active);
}

TEST(Legacy, WhatAnswersForTheAddressKeepsASilentPeersAddressFromUs) {
  WithWords one(Node::primary);
  one.hear(Word::running);
  for (int i = 0; i < 40; ++i) {
    one.pass(50ms);
    one.feed(AddressClaimed{kVip, kPeerMac});
  }
  EXPECT_EQ(one.director.state(), State::standby);
  one.pass(400ms);
  EXPECT_EQ(one.director.state(), State::active);
}

TEST(Legacy, AReloadChangesTheFormatAndForgetsWhatWasHeard) {
  WithWords one(Node::backup);
  one.hear_for(Word::running, 300ms);
  Settings next = WithWords::settings(Node::backup);
  next.legacy_heartbeats = false;
  one.feed(Reconfigured{next});
  EXPECT_THAT(one.actions, Contains(VariantWith<SendHeartbeat>(testing::_)));
  one.hear(Word::stopped);
  EXPECT_FALSE(one.director.status(one.now).peer.alive);
  EXPECT_EQ(one.director.counters().refused[static_cast<size_t>(Refusal::other_version)], 1U);
  EXPECT_EQ(one.director.state(), State::standby);
}

}  // namespace
}  // namespace lvs::pulse
