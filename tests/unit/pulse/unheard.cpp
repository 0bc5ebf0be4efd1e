// A peer that is silent, or not believed, may still serve: what keeps a director from concluding
// too much from what it does not hear.
#include <gmock/gmock.h>

#include "pulse/director.h"

namespace lvs::pulse {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr TimePoint kStart{std::chrono::hours{1000}};
constexpr Mac kOwnMac = {2, 0, 0, 0, 0, 1};
constexpr Mac kPeerMac = {2, 0, 0, 0, 0, 2};
constexpr Mac kOtherMac = {2, 0, 0, 0, 0, 3};
const Address kVip = *Address::parse("192.0.2.10");
const Address kPeer = *Address::parse("192.0.2.2");

// Able, listening, and never told anything by its peer.
class Listener {
 public:
  explicit Listener(Node node, std::vector<Mac> kept = {})
      : Listener(settings(node), std::move(kept)) {}
  explicit Listener(const Settings& settings, std::vector<Mac> kept = {}) : director(settings, 42) {
    feed(LvsdChanged{true, 0});
    feed(Started{{}, {.term = 0, .peer_macs = std::move(kept)}});
  }

  static Settings settings(Node node) {
    Settings s;
    s.node = node;
    s.keepalive = 1s;
    s.deadtime = 4s;
    s.addresses = {{kVip, "eth0", "eth0:1", {}}};
    s.peer_addresses = {kPeer};
    s.macs = {kOwnMac};
    return s;
  }

  void feed(const Event& event) {
    Step step = director.step(event, now);
    wake_at = step.wake_at;
    for (const Action& action : step.actions) {
      if (const auto* probe = std::get_if<ProbeAddress>(&action)) {
        probes.push_back(*probe);
      } else if (const auto* line = std::get_if<LogEvent>(&action)) {
        log += to_line(*line) + "\n";
      } else if (const auto* beat = std::get_if<SendHeartbeat>(&action)) {
        last_beat = beat->heartbeat;
      }
      announced += std::holds_alternative<Announce>(action) ? 1 : 0;
    }
  }
  // The peer answers probes as `answers` says, and sends what is refused, if anything.
  void pass(Duration duration) {
    const TimePoint until = now + duration;
    while (wake_at && *wake_at <= until) {
      now = *wake_at;
      feed(TimerFired{});
      for (const ProbeAddress& probe : std::exchange(probes, {})) {
        asked.push_back(probe);
        if (answers && (!probe.only || probe.only == kPeerMac)) {
          answers(probe);
        }
      }
      if (refused) {
        feed(Heard{0, *refused});
      }
    }
    now = until;
  }

  Director director;
  TimePoint now = kStart;
  std::optional<TimePoint> wake_at;
  std::vector<ProbeAddress> probes, asked;
  std::function<void(const ProbeAddress&)> answers;
  std::optional<Refusal> refused;
  std::optional<Heartbeat> last_beat;
  std::string log;
  int announced = 0;
};

TEST(Unheard, TheFirstQuestionGoesToEverybodyTheLaterOnesToThePeerAlone) {
  Listener listener(Node::backup, {kPeerMac});
  listener.pass(2500ms);
  ASSERT_GE(listener.asked.size(), 4U);
  EXPECT_EQ(listener.asked[0].address.address, kPeer);
  EXPECT_EQ(listener.asked[0].address.device, "eth0");
  EXPECT_EQ(listener.asked[0].only, std::nullopt);
  EXPECT_EQ(listener.asked[1].address.address, kVip);
  EXPECT_EQ(listener.asked[1].only, std::nullopt);
  for (size_t i = 2; i < listener.asked.size(); ++i) {
    EXPECT_EQ(listener.asked[i].address.address, kVip);
    EXPECT_EQ(listener.asked[i].only, kPeerMac);
  }
}

TEST(Unheard, NothingIsSaidOfTheConfigurationOfAPeerThatWasNeverHeard) {
  Settings settings = Listener::settings(Node::backup);
  settings.config_digest = 7;
  Listener listener(settings);
  listener.pass(1s);
  EXPECT_TRUE(listener.director.status(listener.now).peer.same_config);
  listener.refused = Refusal::bad_hmac;
  listener.pass(1s);
  EXPECT_TRUE(listener.director.status(listener.now).peer.same_config);
}

// A switch that answers for the dead does so for broadcasts only.
TEST(Unheard, WhatMayComeFromAThirdPartyDoesNotKeepADirectorPassive) {
  Listener listener(Node::backup, {kPeerMac});
  listener.answers = [&](const ProbeAddress& probe) {
    if (!probe.only) {
      listener.feed(AddressClaimed{probe.address.address, kPeerMac});
    }
  };
  listener.pass(4s + SplitGuard::freshness(4s));
  EXPECT_EQ(listener.director.state(), State::active);
}

TEST(Unheard, AFirstStartWithoutAnyHeartbeatSeesWhoHoldsTheAddress) {
  Listener listener(Node::backup);
  listener.answers = [&](const ProbeAddress& probe) {
    listener.feed(AddressClaimed{probe.address.address, kPeerMac});
  };
  listener.pass(60s);
  EXPECT_EQ(listener.director.state(), State::listening);
  EXPECT_THAT(listener.log, HasSubstr("event=split-guard reason=peer-holds-address"));
  listener.answers = nullptr;
  listener.pass(SplitGuard::freshness(4s));
  EXPECT_EQ(listener.director.state(), State::active);
}

TEST(Unheard, OfTwoThatStartTogetherThePrimaryServesAndTheBackupLooksOnceMore) {
  const auto active_after = [](Node node) {
    Listener listener(node);
    listener.answers = [&](const ProbeAddress& probe) {
      if (probe.address.address == kPeer) {
        listener.feed(AddressClaimed{kPeer, kPeerMac});
      }
    };
    Duration waited{0};
    while (listener.director.state() != State::active && waited < 60s) {
      listener.pass(100ms);
      waited += 100ms;
    }
    return waited;
  };
  EXPECT_EQ(active_after(Node::primary), 4s);
  EXPECT_EQ(active_after(Node::backup), 4s + SplitGuard::freshness(4s));
}

// All heartbeat links are down, none of them carries a floating address.
TEST(Unheard, WhoIsDeafAsksTheSegmentOrWaits) {
  const auto state_after_silence = [](bool split_guard) {
    Settings settings = Listener::settings(Node::backup);
    settings.heartbeat_devices = settings.monitored_devices = {"eth1"};
    settings.split_guard = split_guard;
    Listener listener(settings, {kPeerMac});
    listener.feed(LinkChanged{"eth1", false});
    listener.pass(60s);
    return listener.director.state();
  };
  EXPECT_EQ(state_after_silence(true), State::active);
  EXPECT_EQ(state_after_silence(false), State::listening);
}

TEST(Unheard, ASilenceBeginsAnewForWhoWasDeaf) {
  Settings settings = Listener::settings(Node::backup);
  settings.heartbeat_devices = settings.monitored_devices = {"eth1", "eth2"};
  settings.split_guard = false;
  Listener listener(settings, {kPeerMac});
  listener.feed(LinkChanged{"eth1", false});
  listener.feed(LinkChanged{"eth2", false});
  listener.pass(10s);
  listener.feed(LinkChanged{"eth1", true});
  listener.pass(3900ms);
  EXPECT_EQ(listener.director.state(), State::listening);
  listener.feed(LinkChanged{"eth2", true});  // It was not deaf any more: this delays nothing.
  listener.pass(100ms);
  EXPECT_EQ(listener.director.state(), State::active);
}

TEST(Unheard, ARefusedPeerIsAnAlarmWithItsCauseAndWhatToDo) {
  Listener listener(Node::backup);
  listener.refused = Refusal::bad_hmac;
  listener.pass(3s);
  EXPECT_THAT(listener.log, HasSubstr("event=peer-not-believed cause=bad-hmac do=\"its key"));
  EXPECT_EQ(listener.director.status(listener.now).peer.not_believed, Refusal::bad_hmac);
  listener.log.clear();
  listener.pass(2s);
  EXPECT_EQ(listener.log.find("peer-not-believed"), std::string::npos) << "told once";
  listener.refused.reset();
  listener.pass(6s);
  EXPECT_EQ(listener.director.status(listener.now).peer.not_believed, std::nullopt);
}

// Two that refuse each other must not keep each other passive for ever.
TEST(Unheard, ARefusedPeerThatHoldsNothingDelaysTheBackupOnly) {
  Listener primary(Node::primary);
  primary.refused = Refusal::bad_hmac;
  primary.pass(4s);
  EXPECT_EQ(primary.director.state(), State::active);
  Listener backup(Node::backup);
  backup.refused = Refusal::bad_hmac;
  backup.pass(4s + SplitGuard::freshness(4s) - 1ms);
  EXPECT_EQ(backup.director.state(), State::listening);
  EXPECT_THAT(backup.log, HasSubstr("event=split-guard reason=peer-lives-unheard"));
  backup.pass(1ms);
  EXPECT_EQ(backup.director.state(), State::active);
}

TEST(Unheard, WhenTheRefusedPeerStopsTheBackupDoesNotWaitForAnotherEvent) {
  Listener backup(Node::backup);
  backup.feed(Heard{0, Refusal::bad_hmac});
  backup.now += 100ms;
  backup.feed(Heard{0, Refusal::bad_hmac});
  backup.pass(4s - 1ms);
  EXPECT_EQ(backup.director.state(), State::listening);
  EXPECT_EQ(backup.wake_at, kStart + 4100ms);
  backup.pass(1ms);
  EXPECT_EQ(backup.director.state(), State::active);
}

TEST(Unheard, AnActiveBackupYieldsToAPeerThatItselfAnswersForTheAddress) {
  for (const bool answers_itself : {true, false}) {
    Listener backup(Node::backup, {kPeerMac});
    backup.pass(4s);
    ASSERT_EQ(backup.director.state(), State::active);
    backup.feed(AddressClaimed{kVip, kPeerMac});  // An announcement, of whomever.
    if (answers_itself) {
      backup.answers = [&](const ProbeAddress& probe) {
        backup.feed(AddressClaimed{probe.address.address, kPeerMac});
      };
    }
    backup.pass(3s);
    EXPECT_EQ(backup.director.state(), answers_itself ? State::standby : State::active);
  }
  Listener primary(Node::primary, {kPeerMac});
  primary.pass(4s);
  primary.answers = [&](const ProbeAddress& probe) {
    primary.feed(AddressClaimed{probe.address.address, kPeerMac});
  };
  primary.feed(AddressClaimed{kVip, kPeerMac});
  primary.pass(30s);
  EXPECT_EQ(primary.director.state(), State::active);
}

TEST(Unheard, ARivalThatNeverStopsIsAnsweredEverMoreRarely) {
  Listener primary(Node::primary, {kPeerMac});
  primary.pass(60s);
  primary.announced = 0;
  for (int i = 0; i < 600; ++i) {
    primary.feed(AddressClaimed{kVip, kPeerMac});
    primary.pass(100ms);
  }
  EXPECT_LE(primary.announced, 60);
  EXPECT_GE(primary.announced, 30);
  primary.pass(5s);
  primary.announced = 0;
  primary.pass(60s);
  primary.feed(AddressClaimed{kVip, kOtherMac});
  primary.pass(1ms);
  EXPECT_GE(primary.announced, 1) << "after a quiet minute at once again";
}

// Its peer is a name that never had an address, and nothing is known of it.
Settings without_a_peer(Node node) {
  Settings settings = Listener::settings(node);
  settings.knows_peer = false;
  settings.peer_addresses.clear();
  return settings;
}

TEST(Unheard, WhereThePeersNameHasNoAddressWhoeverHoldsTheAddressIsThePeer) {
  for (const Node node : {Node::primary, Node::backup}) {
    Listener listener(without_a_peer(node));
    listener.answers = [&](const ProbeAddress& probe) {
      listener.feed(AddressClaimed{probe.address.address, kPeerMac});
    };
    listener.pass(60s);
    EXPECT_EQ(listener.director.state(), State::listening);
    listener.answers = nullptr;
    listener.pass(SplitGuard::freshness(4s));
    EXPECT_EQ(listener.director.state(), State::active) << "nobody holds it any more";
  }
}

TEST(Unheard, APeerWithoutAnAddressHasADeviceForEachFloatingAddress) {
  Settings settings = without_a_peer(Node::backup);
  settings.addresses.push_back({*Address::parse("10.0.0.10"), "eth1", "eth1:1", {}});
  Listener listener(settings);
  listener.answers = [&](const ProbeAddress& probe) {
    const bool is_inner = probe.address.device == "eth1";
    const Mac mac = is_inner ? kOtherMac : kPeerMac;
    if (!probe.only || *probe.only == mac) {
      listener.feed(AddressClaimed{probe.address.address, mac});
    }
  };
  listener.pass(60s);
  EXPECT_EQ(listener.director.state(), State::listening);
  EXPECT_EQ(listener.log.find("stranger"), std::string::npos) << listener.log;
}

TEST(Unheard, OfTwoWithoutEachOthersAddressThePrimaryServesAndTheBackupLooksOnceMore) {
  Listener primary(without_a_peer(Node::primary));
  primary.pass(4s);
  EXPECT_EQ(primary.director.state(), State::active);
  Listener backup(without_a_peer(Node::backup));
  backup.pass(4s + SplitGuard::freshness(4s) - 1ms);
  EXPECT_EQ(backup.director.state(), State::listening);
  backup.pass(1ms);
  EXPECT_EQ(backup.director.state(), State::active);
}

TEST(Unheard, WithoutThePeersAddressAndWithoutTheGuardSilenceIsNoEvidence) {
  Settings blind = without_a_peer(Node::primary);
  blind.split_guard = false;
  Listener listener(blind);
  listener.pass(60s);
  EXPECT_EQ(listener.director.state(), State::listening);
  blind.knows_peer = true;
  blind.peer_addresses = {kPeer};
  listener.feed(Reconfigured{blind});
  listener.pass(4s);
  EXPECT_EQ(listener.director.state(), State::active) << "it has been asked, and is silent";
}

TEST(Unheard, ChangedHardwareAddressesAreToldAtOnce) {
  Listener listener(Node::backup);
  listener.feed(OwnMacs{{kOtherMac}});
  ASSERT_TRUE(listener.last_beat);
  EXPECT_THAT(listener.last_beat->macs, ElementsAre(kOtherMac));
}

}  // namespace
}  // namespace lvs::pulse
