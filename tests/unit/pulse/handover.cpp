// Who speaks last on the segment gets the packets: a predecessor that lets go must not answer its
// successor.
#include <gmock/gmock.h>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Not;
using testing::VariantWith;

constexpr TimePoint t0{1000s};
constexpr Mac kPeerMac = {2, 0, 0, 0, 0, 2};
const Address kVip = *Address::parse("192.0.2.10");

Settings primary() {
  Settings s;
  s.cluster_id = 7;
  s.keepalive = 100ms;
  s.deadtime = 300ms;
  s.addresses = {{kVip, "eth0", "eth0:1", 24}};
  s.macs = {{2, 0, 0, 0, 0, 1}};
  return s;
}

Heard able_standby(uint64_t sequence) {
  Heartbeat beat;
  beat.node = Node::backup;
  beat.cluster_id = 7;
  beat.my_incarnation = 99;
  beat.your_incarnation = 42;
  beat.sequence = sequence;
  beat.term = 1;
  beat.macs = {kPeerMac};
  return {0, beat};
}

constexpr TimePoint kStopAt = t0 + 502ms;

// Active since t0, its peer an able standby, asked to stop: hands over, still holding.
Director handing_over_director() {
  Director director(primary(), 42);
  director.step(Started{{{kVip, t0 + 2s}}, {.term = 1}}, t0);
  director.step(able_standby(1), t0);
  director.step(able_standby(2), t0 + 1ms);
  for (auto later = 100ms; later <= 500ms; later += 100ms) {
    director.step(able_standby(static_cast<uint64_t>(later.count())), t0 + later);
  }
  director.step(Stop{}, kStopAt);
  return director;
}

TEST(Handover, ThePredecessorKeepsSilentWhenItsSuccessorAnnouncesFirst) {
  Director director = handing_over_director();
  ASSERT_EQ(director.status(kStopAt).state, State::handing_over);
  const Step step = director.step(AddressClaimed{kVip, kPeerMac}, kStopAt + 1ms);
  EXPECT_THAT(step.actions, Not(Contains(VariantWith<Announce>(testing::_))));
}

// Its heartbeats may be lost.
TEST(Handover, WhoSeesItsSuccessorAnnounceLetsGo) {
  constexpr Mac kStranger{2, 0, 0, 0, 0, 99};
  Director director = handing_over_director();
  director.step(AddressClaimed{kVip, kStranger}, kStopAt + 1ms);
  EXPECT_EQ(director.status(kStopAt).state, State::handing_over) << "a stranger is no successor";
  const Step step = director.step(AddressClaimed{kVip, kPeerMac}, kStopAt + 2ms);
  EXPECT_THAT(step.actions, Contains(VariantWith<RemoveAddress>(testing::_)));
  EXPECT_EQ(director.status(kStopAt).state, State::stopped);
}

TEST(Handover, ThePredecessorDoesNotFinishItsAnnouncements) {
  Director director = handing_over_director();
  for (auto later = 10ms; later < 500ms; later += 10ms) {
    const Step step =
        director.step(able_standby(1000 + static_cast<uint64_t>(later.count())), kStopAt + later);
    EXPECT_THAT(step.actions, Not(Contains(VariantWith<Announce>(testing::_)))) << later.count();
  }
}

TEST(Handover, AnActiveDirectorAnswersAClaimOfItsAddress) {
  Director director(primary(), 42);
  director.step(Started{{{kVip, t0 + 2s}}, {.term = 1}}, t0);
  director.step(able_standby(1), t0);
  director.step(able_standby(2), t0 + 1ms);
  const Step step = director.step(AddressClaimed{kVip, kPeerMac}, t0 + 300ms);
  EXPECT_THAT(step.actions, Contains(VariantWith<Announce>(testing::_)));
}

// It may have served, and announced itself, while its heartbeats were not believed.
TEST(Handover, WhoMeetsANewProcessOfItsPeerAnnouncesAgain) {
  Director director(primary(), 42);
  director.step(LvsdChanged{true, 0}, t0);
  director.step(Started{{{kVip, t0 + 2s}}, {.term = 1}}, t0);
  director.step(able_standby(1), t0);
  const auto until = t0 + 10s;
  Step step;
  for (auto now = t0 + 1ms; now < until; now += 100ms) {
    step = director.step(able_standby(static_cast<uint64_t>((now - t0) / 1ms) + 1), now);
  }
  EXPECT_THAT(step.actions, Not(Contains(VariantWith<Announce>(testing::_)))) << "all is said";
  Heard successor = able_standby(1);
  std::get<Heartbeat>(successor.decoded).my_incarnation = 100;
  director.step(successor, until);
  std::get<Heartbeat>(successor.decoded).sequence = 2;
  std::get<Heartbeat>(successor.decoded).your_sequence = 100000;
  step = director.step(successor, until + 1ms);
  EXPECT_THAT(step.actions, Contains(VariantWith<Announce>(testing::_)));
}

}  // namespace
}  // namespace lvs::pulse
