// An arbiter that is started again finds its addresses and must not lose them for being new.
#include <gmock/gmock.h>

#include <algorithm>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0{1000s};

Settings settings(Node node) {
  Settings s;
  s.node = node;
  s.cluster_id = 7;
  s.keepalive = 100ms;
  s.deadtime = 300ms;
  s.addresses = {{*Address::parse("192.0.2.10"), "eth0", "eth0:1", 24}};
  return s;
}

// What a standby peer says that has heard `director`.
Heard able_standby(uint64_t incarnation_of_director, uint64_t sequence) {
  Heartbeat beat;
  beat.node = Node::backup;
  beat.cluster_id = 7;
  beat.my_incarnation = 99;
  beat.your_incarnation = incarnation_of_director;
  beat.sequence = sequence;
  beat.term = 1;
  return {0, beat};
}

TEST(Adoption, AnAdoptingDirectorDoesNotHandOverBecauseItsLvsdHasNotAnsweredYet) {
  Director director(settings(Node::primary), 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  director.step(able_standby(42, 1), t0 + 1ms);
  director.step(able_standby(42, 2), t0 + 2ms);
  EXPECT_EQ(director.status(t0 + 2ms).state, State::active);
  EXPECT_TRUE(director.status(t0 + 2ms).holding);
}

TEST(Adoption, AnAdoptingDirectorIsAbleUntilItsWitnessIsKnownToBeSilent) {
  Settings s = settings(Node::primary);
  s.witness = true;
  Director director(s, 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  EXPECT_EQ(director.status(t0).reasons, 0u);
  director.step(WitnessChanged{false}, t0 + 1ms);
  EXPECT_EQ(director.status(t0 + 1ms).reasons, uint32_t{kNoWitness});
}

TEST(Adoption, AnLvsdThatStaysAwayForItsGraceEndsAbilityAllTheSame) {
  Settings s = settings(Node::primary);
  s.lvsd_grace = 10s;
  Director director(s, 42);
  director.step(Started{{{*Address::parse("192.0.2.10"), t0 + 2s}}, {.term = 1}}, t0);
  EXPECT_EQ(director.status(t0).reasons, 0u);
  director.step(TimerFired{}, t0 + 1s);
  director.step(TimerFired{}, t0 + 10s);
  EXPECT_EQ(director.status(t0 + 10s).reasons, uint32_t{kLvsdAway});
}

TEST(Adoption, AFreshDirectorWaitsForItsFirstLvsd) {
  Director director(settings(Node::primary), 42);
  director.step(Started{}, t0);
  EXPECT_EQ(director.status(t0).reasons, uint32_t{kLvsdStarting});
}

constexpr Mac kPeerMac = {2, 0, 0, 0, 0, 2};
const Address kVip = *Address::parse("192.0.2.10");

Settings of_two_addresses(Node node) {
  Settings s = settings(node);
  s.keepalive = 1s;
  s.deadtime = 6s;
  s.addresses.push_back({*Address::parse("10.0.0.10"), "eth1", "eth1:1", 24});
  return s;
}

// A director that found one of its two addresses, and whose peer is not heard.
class Adopting {
 public:
  explicit Adopting(const Settings& settings, std::vector<Mac> peer_macs = {kPeerMac})
      : director(settings, 42) {
    feed(Started{{{kVip, t0 + 5s}}, {.term = 1, .peer_macs = std::move(peer_macs)}});
  }
  void feed(const Event& event) {
    const Step step = director.step(event, now);
    wake_at = step.wake_at;
    for (const Action& action : step.actions) {
      const auto* question = std::get_if<ProbeAddress>(&action);
      questions += question != nullptr && question->address.address == kVip ? 1 : 0;
      announcements += std::holds_alternative<Announce>(action) ? 1 : 0;
    }
    const auto is_change = [](const Action& action) {
      return std::holds_alternative<AddAddresses>(action) ||
             std::holds_alternative<RenewAddresses>(action);
    };
    if (std::ranges::any_of(step.actions, is_change)) {
      feed(AddressesDone{});
    }
  }
  // Until then; `claimant` answers each question, if there is one.
  void pass(Duration duration, std::optional<Mac> claimant = {}) {
    const TimePoint until = now + duration;
    while (wake_at && *wake_at <= until) {
      now = *wake_at;
      const int before = questions;
      feed(TimerFired{});
      if (claimant && questions != before) {
        feed(AddressClaimed{kVip, *claimant});
      }
    }
    now = until;
  }
  State state() const { return director.state(); }

  Director director;
  TimePoint now = t0;
  std::optional<TimePoint> wake_at;
  int questions = 0;
  int announcements = 0;
};

TEST(Adoption, WhatNobodyElseAnswersForIsAnnouncedAfterThreeQuestions) {
  Adopting adopting(of_two_addresses(Node::backup));
  EXPECT_EQ(adopting.questions, 1);
  adopting.pass(3 * kAdoptionProbePause - 1ms);
  adopting.feed(TimerFired{});  // Whatever comes first: the third answer has its time.
  EXPECT_EQ(adopting.questions, 3);
  EXPECT_EQ(adopting.state(), State::adopting);
  EXPECT_EQ(adopting.announcements, 0);
  adopting.pass(1ms);
  EXPECT_EQ(adopting.state(), State::active);
  EXPECT_EQ(adopting.announcements, 2) << "the one that was not added yet too";
}

TEST(Adoption, WhatThePeersKernelAnswersForIsNot) {
  Adopting adopting(of_two_addresses(Node::backup));
  adopting.feed(AddressClaimed{kVip, kPeerMac});
  adopting.pass(1s, kPeerMac);
  EXPECT_EQ(adopting.state(), State::adopting);
  adopting.pass(3 * kAdoptionProbePause);
  EXPECT_EQ(adopting.state(), State::adopting) << "three have to stay unanswered anew";
  adopting.pass(kAdoptionProbePause);
  EXPECT_EQ(adopting.state(), State::active) << "it has let go";
}

TEST(Adoption, WhoeverAnswersMayBeAPeerThatNeverToldItsHardwareAddress) {
  Adopting adopting(of_two_addresses(Node::backup), {});
  adopting.feed(AddressClaimed{kVip, kPeerMac});
  adopting.pass(1s, kPeerMac);
  EXPECT_EQ(adopting.state(), State::adopting);
}

TEST(Adoption, NobodyIsAskedWhereNoneCouldAnswer) {
  Adopting cut(of_two_addresses(Node::backup));
  cut.feed(LinkChanged{"eth1", false});
  cut.pass(1s);
  EXPECT_EQ(cut.state(), State::adopting) << "one of two links";
  cut.feed(LinkChanged{"eth1", true});
  EXPECT_EQ(cut.state(), State::adopting) << "it has to ask anew";
  cut.pass(4 * kAdoptionProbePause);
  EXPECT_EQ(cut.state(), State::active);
  Settings unasked = of_two_addresses(Node::backup);
  unasked.split_guard = false;
  Adopting blind(unasked);
  blind.pass(1s);
  EXPECT_EQ(blind.questions, 0);
  EXPECT_EQ(blind.state(), State::adopting);
}

TEST(Adoption, AnAnswerThatMayWaitUnreadIsWaitedFor) {
  Adopting late(of_two_addresses(Node::backup));
  late.pass(2 * kAdoptionProbePause);
  late.now += kAdoptionProbePause + 600ms;  // Stopped for longer than half a keepalive.
  late.feed(TimerFired{});
  late.feed(AddressClaimed{kVip, kPeerMac});
  EXPECT_EQ(late.state(), State::adopting);
  late.pass(900ms);
  EXPECT_EQ(late.state(), State::adopting);
}

// Their answers may have been lost, or wait unread.
TEST(Adoption, WhatWasAskedBeforeAPauseIsAskedAnew) {
  for (const bool was_late : {false, true}) {
    Adopting adopting(of_two_addresses(Node::backup));
    adopting.pass(2 * kAdoptionProbePause);
    if (was_late) {
      adopting.now += kAdoptionProbePause + 600ms;
      adopting.feed(TimerFired{});
      adopting.pass(1s);
    } else {
      adopting.feed(LinkChanged{"eth1", false});
      adopting.feed(LinkChanged{"eth1", true});
    }
    adopting.pass(2 * kAdoptionProbePause);
    EXPECT_EQ(adopting.state(), State::adopting) << was_late;
    adopting.pass(3 * kAdoptionProbePause);
    EXPECT_EQ(adopting.state(), State::active) << was_late;
  }
}

}  // namespace
}  // namespace lvs::pulse
