#include "pulse/peer.h"

#include <gtest/gtest.h>

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{std::chrono::hours{1000}};
constexpr uint64_t kClusterId = 5;
constexpr uint64_t kOwn = 100;
constexpr uint64_t kPeers = 200;
constexpr uint64_t kOwnSequence = 7;  // Of the last heartbeat that we sent.

Peer listening_peer() {
  Peer peer(Node::primary, kClusterId, kOwn, 2);
  peer.listen_from(kNow);
  return peer;
}

Heartbeat heartbeat(uint64_t sequence, uint64_t incarnation = kPeers, uint64_t echo = kOwn) {
  Heartbeat h;
  h.node = Node::backup;
  h.cluster_id = kClusterId;
  h.my_incarnation = incarnation;
  h.your_incarnation = echo;
  h.sequence = sequence;
  return h;
}

// One that has had our heartbeat number `answered`.
Heartbeat answering(uint64_t answered, uint64_t sequence, uint64_t incarnation) {
  Heartbeat h = heartbeat(sequence, incarnation);
  h.your_sequence = answered;
  return h;
}

TEST(Peer, OnlyWhatEchoesUsActs) {
  Peer peer = listening_peer();
  const auto alien = peer.judge(0, heartbeat(1, kPeers, 0), kOwnSequence, kNow);
  EXPECT_EQ(alien.refusal, Refusal::unknown_incarnation);
  EXPECT_TRUE(alien.wants_answer);
  EXPECT_FALSE(peer.is_alive(kNow, 5s));
  const auto friendly = peer.judge(0, heartbeat(2), kOwnSequence, kNow);
  EXPECT_FALSE(friendly.refusal);
  EXPECT_TRUE(friendly.is_new_process);
  EXPECT_TRUE(friendly.is_news);
  EXPECT_TRUE(peer.is_alive(kNow, 5s));
}

TEST(Peer, WhatEachPathLostIsCountedByTheNumbersThatItPassedOver) {
  Peer peer = listening_peer();
  for (const uint64_t sequence : {10, 11, 14, 15}) {
    peer.judge(0, heartbeat(sequence), kOwnSequence, kNow);
  }
  peer.judge(1, heartbeat(15), kOwnSequence, kNow);
  peer.judge(1, heartbeat(3, kPeers + 1), kOwnSequence, kNow);
  EXPECT_EQ(peer.paths()[0].heard, 4U);
  EXPECT_EQ(peer.paths()[0].lost, 2U);
  EXPECT_EQ(peer.paths()[1].lost, 0U) << "another process begins anew";
}

TEST(Peer, AnswersAreRateLimited) {
  Peer peer = listening_peer();
  EXPECT_TRUE(peer.judge(0, heartbeat(1, 7, 0), kOwnSequence, kNow).wants_answer);
  EXPECT_FALSE(
      peer.judge(0, heartbeat(2, 8, 0), kOwnSequence, kNow + kAnswerPause - 1ns).wants_answer);
  EXPECT_TRUE(peer.judge(0, heartbeat(3, 9, 0), kOwnSequence, kNow + kAnswerPause).wants_answer);
}

TEST(Peer, ReplaysAreRefusedOnEachPath) {
  Peer peer = listening_peer();
  EXPECT_FALSE(peer.judge(0, heartbeat(5), kOwnSequence, kNow).refusal);
  EXPECT_EQ(peer.judge(0, heartbeat(5), kOwnSequence, kNow).refusal, Refusal::replay);
  EXPECT_EQ(peer.judge(0, heartbeat(4), kOwnSequence, kNow).refusal, Refusal::replay);
  EXPECT_FALSE(peer.judge(1, heartbeat(5), kOwnSequence, kNow).refusal);
  EXPECT_EQ(peer.judge(1, heartbeat(5), kOwnSequence, kNow).refusal, Refusal::replay);
}

TEST(Peer, TheCopyOnTheOtherPathIsNoNews) {
  Peer peer = listening_peer();
  Heartbeat active = heartbeat(5);
  active.role = Role::active;
  EXPECT_TRUE(peer.judge(0, active, kOwnSequence, kNow).is_news);
  EXPECT_FALSE(peer.judge(1, heartbeat(4), kOwnSequence, kNow + 1s).is_news);  // Older, overtaken.
  EXPECT_EQ(peer.last().role, Role::active);
  EXPECT_EQ(peer.silent_since(), kNow);
  EXPECT_EQ(peer.paths()[1].heard_at, kNow + 1s);
}

TEST(Peer, ARestartedPeerIsNoReplayAndItsFormerSelfIs) {
  Peer peer = listening_peer();
  peer.judge(0, answering(7, 1000, kPeers), kOwnSequence, kNow);
  EXPECT_TRUE(peer.judge(0, answering(8, 1, 201), kOwnSequence, kNow).is_new_process);
  EXPECT_EQ(peer.judge(0, answering(7, 1001, kPeers), kOwnSequence, kNow).refusal,
            Refusal::unknown_incarnation);
  EXPECT_EQ(peer.incarnation(), 201U);
}

// The last words of a process come by the slow path, after its successor's first by the fast one.
TEST(Peer, OfTwoProcessesTheOneThatAnswersWhatWeSaidSinceReplacesTheOther) {
  Peer successor_first = listening_peer();
  EXPECT_TRUE(successor_first.judge(0, answering(3, 1, 201), kOwnSequence, kNow).is_new_process);
  for (const uint64_t answered : {uint64_t{3}, kOwnSequence}) {
    const auto late = successor_first.judge(1, answering(answered, 9, kPeers), kOwnSequence, kNow);
    EXPECT_EQ(late.refusal, Refusal::unknown_incarnation) << answered;
  }
  EXPECT_EQ(successor_first.incarnation(), 201U);

  Peer predecessor_first = listening_peer();
  predecessor_first.judge(0, answering(3, 9, kPeers), kOwnSequence, kNow);
  const auto early = predecessor_first.judge(1, answering(3, 1, 201), kOwnSequence, kNow);
  EXPECT_EQ(early.refusal, Refusal::unknown_incarnation);
  EXPECT_TRUE(early.wants_answer);  // Which carries the next sequence of ours.
  EXPECT_TRUE(predecessor_first.judge(1, answering(kOwnSequence + 1, 2, 201), kOwnSequence, kNow)
                  .is_new_process);
}

TEST(Peer, ARecordedGoodbyeMeansNothingToARestartedReceiver) {
  Heartbeat goodbye = heartbeat(9);
  goodbye.goodbye = true;
  Peer before = listening_peer();
  before.judge(0, goodbye, kOwnSequence, kNow);
  EXPECT_TRUE(before.said_goodbye());
  Peer restarted(Node::primary, kClusterId, kOwn + 1, 2);
  restarted.listen_from(kNow);
  EXPECT_EQ(restarted.judge(0, goodbye, kOwnSequence, kNow).refusal, Refusal::unknown_incarnation);
  EXPECT_FALSE(restarted.said_goodbye());
}

TEST(Peer, AfterGoodbyeOnlyAnotherProcessActs) {
  Peer peer = listening_peer();
  Heartbeat goodbye = heartbeat(9);
  goodbye.goodbye = true;
  peer.judge(0, goodbye, kOwnSequence, kNow);
  EXPECT_FALSE(peer.judge(0, heartbeat(10), kOwnSequence, kNow).is_news);
  EXPECT_TRUE(peer.judge(0, answering(kOwnSequence + 1, 1, 201), kOwnSequence, kNow).is_news);
  EXPECT_FALSE(peer.said_goodbye());
}

TEST(Peer, RefusesOthers) {
  Peer peer = listening_peer();
  Heartbeat foreign = heartbeat(1);
  foreign.cluster_id = kClusterId + 1;
  EXPECT_EQ(peer.judge(0, foreign, kOwnSequence, kNow).refusal, Refusal::wrong_cluster);
  Heartbeat mirrored = heartbeat(1);
  mirrored.node = Node::primary;
  EXPECT_EQ(peer.judge(0, mirrored, kOwnSequence, kNow).refusal, Refusal::own_node);
  EXPECT_FALSE(peer.heard_at());
}

TEST(Peer, SilenceCountsFromListeningWhenNothingWasHeard) {
  Peer peer = listening_peer();
  EXPECT_EQ(peer.silent_since(), kNow);
  peer.judge(0, heartbeat(1), kOwnSequence, kNow + 1s);
  EXPECT_TRUE(peer.is_alive(kNow + 6s - 1ns, 5s));
  EXPECT_FALSE(peer.is_alive(kNow + 6s, 5s));
  peer.listen_from(kNow + 8s);
  EXPECT_EQ(peer.silent_since(), kNow + 8s);
  EXPECT_FALSE(peer.is_alive(kNow + 8s, 5s));
}

TEST(Peer, PathsDieAndReturnOnTheirOwn) {
  Peer peer = listening_peer();
  peer.judge(0, heartbeat(1), kOwnSequence, kNow);
  EXPECT_EQ(peer.refresh_paths(kNow, 5s), std::vector<size_t>{0});
  peer.judge(1, heartbeat(2), kOwnSequence, kNow + 3s);
  EXPECT_EQ(peer.refresh_paths(kNow + 5s, 5s), (std::vector<size_t>{0, 1}));
  EXPECT_FALSE(peer.paths()[0].alive);
  EXPECT_TRUE(peer.paths()[1].alive);
}

}  // namespace
}  // namespace lvs::pulse
