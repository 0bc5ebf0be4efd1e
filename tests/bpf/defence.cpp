// drop_packet, drop_entry and secure_tcp on single packets: what a packet meets, and what is left
// of the table when the event loop has swept it.
#include "common/time.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using namespace std::chrono_literals;

struct Defence : PacketPath {
  void choose(const char* name, uint32_t value) { ask(ipvs::SetSetting{name, value}); }
  uint32_t chosen(const std::string& name) {
    const auto reply = ask(ipvs::GetSettings{});
    for (const auto& one : std::get<std::vector<ipvs::SettingStatus>>(reply)) {
      if (one.name == name) {
        return one.value;
      }
    }
    return ~0U;
  }
  std::string state_of(uint16_t port) {
    for (const auto& one : connections()) {
      if (one.client.port == port) {
        return one.state;
      }
    }
    return "";
  }
  void open_half(int count) {
    for (int i = 0; i < count; ++i) {
      first({.from = "198.51." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250)});
    }
  }
  static Packet answer(uint8_t flags, uint16_t port = 40000) {
    Packet packet = kReply;
    packet.flags = flags;
    packet.dport = port;
    return packet;
  }
};

TEST_F(Defence, EveryNthPacketThatBeginsAConnectionIsDroppedAndCounted) {
  balance(kWeb, {.scheduler = "rr"});
  choose("am_droprate", 3);
  choose("drop_packet", 3);
  std::string seen;
  for (uint16_t port = 1000; port < 1007; ++port) {
    seen += first({.sport = port}).verdict == TC_ACT_REDIRECT ? 's' : 'd';
  }
  EXPECT_EQ(seen, "dssdssd");
  EXPECT_EQ(drops()["drop-packet"], 3U);
  EXPECT_EQ(on_nic({.sport = 1001, .flags = kAck}).verdict, TC_ACT_REDIRECT) << "it has begun";
  EXPECT_NE(first({.dport = 99}).verdict, static_cast<uint32_t>(TC_ACT_SHOT)) << "of no service";
  EXPECT_EQ(drops()["drop-packet"], 3U);
}

TEST_F(Defence, NoPacketIsDroppedWhenItIsOff) {
  balance(kWeb, {.scheduler = "rr"});
  choose("am_droprate", 1);
  EXPECT_EQ(first({}).verdict, static_cast<uint32_t>(TC_ACT_REDIRECT));
}

TEST_F(Defence, WithSecureTcpTheServerEstablishesAConnectionByWhatItSendsNext) {
  balance(kWeb, {.scheduler = "rr"});
  choose("secure_tcp", 3);
  first({});
  EXPECT_EQ(state_of(40000), "SYN_RECV");
  on_nic(answer(kSyn | kAck));
  EXPECT_EQ(state_of(40000), "SYNACK");
  on_nic({.flags = kAck});
  EXPECT_EQ(state_of(40000), "SYNACK");
  on_nic(answer(kAck));
  EXPECT_EQ(state_of(40000), "ESTABLISHED") << "at once, not when the flow is looked at again";
}

TEST_F(Defence, WithoutItTheClientDoes) {
  balance(kWeb, {.scheduler = "rr"});
  first({});
  on_nic(answer(kSyn | kAck));
  on_nic({.flags = kAck});
  EXPECT_EQ(state_of(40000), "ESTABLISHED");
}

TEST_F(Defence, WithSecureTcpAnUnseenServersClientWaitsInSynack) {
  balance(kWeb, {.scheduler = "rr"}, 1, 80, {.forward = ipvs::Forward::direct});
  choose("secure_tcp", 3);
  first({});
  EXPECT_EQ(state_of(40000), "SYNACK");
  on_nic({.flags = kAck});
  EXPECT_EQ(state_of(40000), "ESTABLISHED");
}

TEST_F(Defence, DropEntryEndsWhatIsHalfOpenBitByBitAndNothingElse) {
  balance(kWeb, {.scheduler = "rr"});
  constexpr int kForged = 2000;
  open_half(kForged);
  first({.sport = 500});
  on_nic({.sport = 500, .flags = kAck});
  io.run_for(1500ms);
  EXPECT_EQ(core->status().connections, static_cast<uint32_t>(kForged + 1)) << "it is off";
  choose("drop_entry", 3);
  const auto begun = Clock::now();
  while (core->status().connections > kForged / 2 && Clock::now() < begun + 60s) {
    io.run_for(100ms);
  }
  const auto took = std::chrono::duration<double>(Clock::now() - begun).count();
  EXPECT_NEAR(took, 22.0, 6.0) << "(31/32)^22 is a half";
  EXPECT_EQ(state_of(500), "ESTABLISHED");
  EXPECT_NEAR(static_cast<double>(drops()["evicted-half-open"]), kForged / 2.0, 60);
  EXPECT_EQ(core->status().connections, connections().size());
}

TEST_F(Defence, AShortageTurnsTheAutomaticModesOnAndItsEndOff) {
  balance(kWeb, {.scheduler = "rr"});
  choose("amemthresh", 0);
  for (const char* name : {"drop_entry", "drop_packet", "secure_tcp"}) {
    choose(name, 1);
    EXPECT_EQ(chosen(name), 1U) << name;
  }
  choose("amemthresh", 2'147'483'647);
  io.run_for(1500ms);
  for (const char* name : {"drop_entry", "drop_packet", "secure_tcp"}) {
    EXPECT_EQ(chosen(name), 2U) << name;
  }
  EXPECT_EQ(first({}).verdict, static_cast<uint32_t>(TC_ACT_SHOT)) << "all: there is no memory";
  choose("amemthresh", 0);
  for (const char* name : {"drop_entry", "drop_packet", "secure_tcp"}) {
    EXPECT_EQ(chosen(name), 1U) << name;
  }
  EXPECT_EQ(first({}).verdict, static_cast<uint32_t>(TC_ACT_REDIRECT));
}
using SmallDefence = Small<Defence>;

TEST_F(SmallDefence, AFullTableIsAShortageToo) {
  balance(kWeb, {.scheduler = "rr"});
  choose("drop_packet", 1);
  open_half(950);
  io.run_for(1100ms);
  EXPECT_EQ(chosen("drop_packet"), 2U);
}

}  // namespace
}  // namespace lvs::test
