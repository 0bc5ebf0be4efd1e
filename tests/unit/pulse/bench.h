// A director with a hand on its clock and a peer that says what the test wants.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pulse/director.h"

namespace lvs::pulse {

using std::literals::chrono_literals::operator""ms;
using std::literals::chrono_literals::operator""ns;
using std::literals::chrono_literals::operator""s;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::VariantWith;

constexpr TimePoint kStart{std::chrono::hours{1000}};
constexpr uint64_t kOwn = 100;
constexpr uint64_t kPeers = 200;
inline const Mac kOwnMac = {2, 0, 0, 0, 0, 0xa};
inline const Mac kPeerMac = {2, 0, 0, 0, 0, 0xb};
inline const Mac kStrangerMac = {2, 0, 0, 0, 0, 0xc};
inline const Address kVip = *Address::parse("192.0.2.80");
inline const Address kNatRouter = *Address::parse("10.0.0.254");

inline Settings some_settings(Node node) {
  Settings s;
  s.node = node;
  s.cluster_id = 5;
  s.keepalive = 1s;
  s.deadtime = 5s;
  s.addresses = {{kVip, "eth0", "eth0:1", {}}, {kNatRouter, "eth1", "eth1:1", {}}};
  s.paths = {"public", "private"};
  s.macs = {kOwnMac};
  s.active_cmd = "/bin/up";
  s.inactive_cmd = "/bin/down";
  return s;
}

class Bench {
 public:
  explicit Bench(Node node, Settings settings) : director(std::move(settings), kOwn) {
    peer.node = node == Node::primary ? Node::backup : Node::primary;
    peer.cluster_id = 5;
    peer.my_incarnation = kPeers;
    peer.your_incarnation = kOwn;
    peer.macs = {kPeerMac};
  }
  explicit Bench(Node node) : Bench(node, some_settings(node)) {}

  Bench& start(Started started = {}) {
    feed(LvsdChanged{true, 0});
    feed(started);
    return *this;
  }
  Bench& feed(const Event& event) {
    step = director.step(event, now);
    return *this;
  }
  Bench& hear(Role role, size_t path = 0) {
    peer.role = role;
    ++peer.sequence;
    return feed(Heard{path, peer});
  }
  // Lets time pass with the timer firing when asked for, and the peer beating if it is alive.
  Bench& pass(Duration duration, bool peer_beats = false) {
    const TimePoint until = now + duration;
    while (step.wake_at && *step.wake_at <= until) {
      now = *step.wake_at;
      feed(TimerFired{});
      if (peer_beats) {
        hear(peer.role);
      }
    }
    now = until;
    return *this;
  }

  State state() const { return director.state(); }
  template <typename A>
  int count() const {
    return static_cast<int>(
        std::count_if(step.actions.begin(), step.actions.end(),
                      [](const Action& a) { return std::holds_alternative<A>(a); }));
  }
  template <typename A>
  A first() const {
    for (const Action& action : step.actions) {
      if (const auto* found = std::get_if<A>(&action)) {
        return *found;
      }
    }
    ADD_FAILURE() << "no such action";
    return {};
  }
  // The actions of the last step as words, heartbeats with their role; what only tells of
  // them (log, notify_fifo) is left out.
  std::vector<std::string> deeds() const {
    static constexpr const char* kWords[] = {"heartbeat", "word",  "arm",    "disarm",   "ahead",
                                             "add",       "renew", "remove", "announce", "probe",
                                             "tell",      "run",   "keep",   "answer",   "exit"};
    std::vector<std::string> words;
    for (const Action& action : step.actions) {
      if (!std::holds_alternative<LogEvent>(action) && !std::holds_alternative<TellRole>(action)) {
        words.push_back(kWords[action.index()]);
      }
      if (const auto* added = std::get_if<AddAddresses>(&action)) {
        words.insert(words.end(), added->addresses.size() - 1, "add");
      }
      if (const auto* sent = std::get_if<SendHeartbeat>(&action)) {
        words.back() += std::string(" ") + name(sent->heartbeat.role);
      }
    }
    return words;
  }
  std::string log() const {
    std::string lines;
    for (const Action& action : step.actions) {
      if (const auto* event = std::get_if<LogEvent>(&action)) {
        lines += to_line(*event) + "\n";
      }
    }
    return lines;
  }

  Director director;
  TimePoint now = kStart;
  Heartbeat peer;
  Step step;
};

inline Bench active_primary() {
  Bench bench(Node::primary);
  bench.start().hear(Role::passive);
  return bench;
}

inline Bench standby_backup() {
  Bench bench(Node::backup);
  bench.start().hear(Role::active);
  return bench;
}

}  // namespace lvs::pulse
