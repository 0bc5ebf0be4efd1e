// SCTP through the loaded programs: the checksum that follows a port, without the packet having
// been read, is the one that is computed from nothing; and which packets begin and move a
// connection.
#include <gmock/gmock.h>

#include "common/rng.h"
#include "tests/bpf/crc32c.h"
#include "tests/bpf/packet6.h"
#include "tests/bpf/packet_path.h"

namespace lvs::test {
namespace {

using ::testing::ElementsAre;

const ipvs::ServiceKey kPhone =
    ipvs::AddressKey{ipvs::Protocol::sctp, *Address::parse("192.0.2.100"), 80};
const ipvs::ServiceKey kPhone6 =
    ipvs::AddressKey{ipvs::Protocol::sctp, *Address::parse("2001:db8::100"), 80};
constexpr uint8_t kSctp = 132;
constexpr size_t kCheckAt = 8;
constexpr size_t kSmallestFrame = 60;
enum Chunk : uint8_t {
  kData = 0,
  kInit = 1,
  kInitAck = 2,
  kAbort = 6,
  kShutdown = 7,
  kShutdownAck = 8,
  kCookieEcho = 10,
  kCookieAck = 11,
  kShutdownComplete = 14,
};

std::string chunk(Chunk type, size_t bytes = 16) {
  std::string text(bytes, 'c');
  text[0] = static_cast<char>(type);
  text[1] = 0;
  put16(reinterpret_cast<uint8_t*>(&text[2]), static_cast<uint16_t>(bytes));
  text.resize((bytes + 3) / 4 * 4);
  return text;
}

uint32_t checksum_of(Frame frame, size_t l4, size_t end) {
  std::memset(&frame[l4 + kCheckAt], 0, sizeof(uint32_t));
  return crc32c(&frame[l4], end - l4);
}

// Of what comes behind the two ports: the verification tag, room for the checksum, the chunks.
std::string behind_ports(const std::string& chunks) {
  return std::string("\0\0\0\0", 4) + chunks;
}

constexpr uint32_t kTag = 0x01020304;

void put_checksum(Frame& frame, size_t l4) {
  put32(&frame[l4 + 4], kTag);
  const uint32_t sum = checksum_of(frame, l4, frame.size());
  std::memcpy(&frame[l4 + kCheckAt], &sum, sizeof(sum));
}

Frame sctp(Packet packet, const std::string& chunks) {
  packet.protocol = kSctp;
  packet.payload = behind_ports(chunks);
  Frame frame = build(packet);
  put_checksum(frame, kEthernet + 20 + packet.option_words * 4U);
  return frame;
}

Frame sctp6(Packet6 packet, const std::string& chunks) {
  packet.protocol = kSctp;
  packet.payload = behind_ports(chunks);
  Frame frame = build(packet);
  put_checksum(frame, frame.size() - packet.payload.size() - 8);
  return frame;
}

struct SctpPath : PacketPath {
  static void SetUpTestSuite() {
    PacketPath::SetUpTestSuite();
    add_ipv6();
  }

  static RawOutcome play(int program, const Frame& frame) {
    __sk_buff context{};
    context.ingress_ifindex = ::if_nametoindex("eth0");
    return run_frame(program, frame, context);
  }
  RawOutcome first_frame(const Frame& frame) { return play(core->ipvs0_egress_fd(), frame); }
  RawOutcome nic_frame(const Frame& frame) { return play(core->nic_ingress_fd(), frame); }

  // Sent on, with these ports, the checksum right for them, and nothing else of it changed.
  static void expect_translated(const RawOutcome& out, const Frame& in, size_t l4, uint16_t sport,
                                uint16_t dport) {
    ASSERT_EQ(out.verdict, TC_ACT_REDIRECT);
    ASSERT_EQ(out.frame.size(), in.size());
    EXPECT_EQ(get16(&out.frame[l4]), sport);
    EXPECT_EQ(get16(&out.frame[l4 + 2]), dport);
    const bool is_v4 = out.frame[12] == 0x08;
    const size_t end = kEthernet + (is_v4 ? get16(&out.frame[kEthernet + 2])
                                          : kIpv6Header + get16(&out.frame[kEthernet + 4]));
    uint32_t sum = 0;
    std::memcpy(&sum, &out.frame[l4 + kCheckAt], sizeof(sum));
    EXPECT_EQ(sum, checksum_of(out.frame, l4, end)) << end - l4 << " bytes";
    if (is_v4) {
      EXPECT_EQ(folded(sum_of(&out.frame[kEthernet], l4 - kEthernet)), 0xffff);
    }
    EXPECT_TRUE(std::equal(in.begin() + l4 + kCheckAt + 4, in.end(),
                           out.frame.begin() + l4 + kCheckAt + 4));
  }

  std::vector<std::string> states() {
    std::vector<std::string> all;
    for (const auto& one : connections()) {
      all.push_back(one.state + (one.is_template ? " template" : ""));
    }
    return all;
  }
};

TEST_F(SctpPath, TheChecksumFollowsAPortInPacketsOfAnyLength) {
  balance(kPhone, {.scheduler = "rr"});
  constexpr size_t kL4 = kEthernet + 20;
  const Frame init = sctp({.ttl = 63}, chunk(kInit, 20));
  expect_translated(first_frame(init), init, kL4, 40000, 8080);
  Rng rng(3);
  for (int i = 0; i < 300; ++i) {
    const auto payload = chunk(kData, 16 + rng.below(1400));
    const Frame request = sctp({}, payload);
    expect_translated(nic_frame(request), request, kL4, 40000, 8080);
    const Frame answer =
        sctp({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000}, payload);
    expect_translated(nic_frame(answer), answer, kL4, 80, 40000);
  }
}

TEST_F(SctpPath, TheChecksumFollowsAPortWithinIpv6AndItsExtensions) {
  ask(ipvs::NewService{kPhone6, {.scheduler = "rr"}});
  ask(ipvs::NewDest{kPhone6, {*Address::parse("fd00::2"), 8080}, {}});
  constexpr size_t kL4 = kEthernet + kIpv6Header;
  const Frame init = sctp6({.hop_limit = 63}, chunk(kInit, 20));
  expect_translated(first_frame(init), init, kL4, 40000, 8080);
  Rng rng(5);
  for (int i = 0; i < 100; ++i) {
    const auto payload = chunk(kData, 16 + rng.below(1300));
    const Frame request = sctp6({.extensions = {kDestinationOptions}}, payload);
    expect_translated(nic_frame(request), request, kL4 + kExtension, 40000, 8080);
    const Frame answer =
        sctp6({.from = "fd00::2", .to = "2001:db8::2", .sport = 8080, .dport = 40000}, payload);
    expect_translated(nic_frame(answer), answer, kL4, 80, 40000);
  }
}

TEST_F(SctpPath, WhatPadsAShortFrameIsNotInTheChecksum) {
  balance(kPhone, {.scheduler = "rr"});
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  Frame answer = sctp({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000},
                      chunk(kCookieAck, 4));
  ASSERT_LT(answer.size(), kSmallestFrame);
  answer.resize(kSmallestFrame, 0xab);
  expect_translated(nic_frame(answer), answer, kEthernet + 20, 80, 40000);
}

TEST_F(SctpPath, AChecksumThatTheDeviceIsToFillInIsLeftToIt) {
  balance(kPhone, {.scheduler = "rr"});
  constexpr size_t kL4 = kEthernet + 20;
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  Frame request = sctp({}, chunk(kCookieEcho, 40));
  std::memset(&request[kL4 + kCheckAt], 0, 4);
  const auto sent = nic_frame(request);
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  EXPECT_EQ(get16(&sent.frame[kL4 + 2]), 8080);
  EXPECT_EQ(get32(&sent.frame[kL4 + kCheckAt]), 0U);
}

TEST_F(SctpPath, WithoutAnotherPortTheChecksumStaysWhateverItIs) {
  balance(kPhone, {.scheduler = "rr"}, 1, 80);
  constexpr size_t kL4 = kEthernet + 20;
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  Frame request = sctp({}, chunk(kCookieEcho, 40));
  request[kL4 + kCheckAt] ^= 1;
  const auto sent = nic_frame(request);
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  EXPECT_TRUE(std::equal(request.begin() + kL4, request.end(), sent.frame.begin() + kL4));
}

TEST_F(SctpPath, AWrongChecksumStaysWrong) {
  balance(kPhone, {.scheduler = "rr"});
  constexpr size_t kL4 = kEthernet + 20;
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  Frame request = sctp({}, chunk(kCookieEcho, 40));
  request[kL4 + 30] ^= 1;
  const auto sent = nic_frame(request);
  uint32_t sum = 0;
  std::memcpy(&sum, &sent.frame[kL4 + kCheckAt], sizeof(sum));
  EXPECT_EQ(sent.verdict, TC_ACT_REDIRECT);
  EXPECT_NE(sum, checksum_of(sent.frame, kL4, sent.frame.size()));
}

TEST_F(SctpPath, OnlyInitBeginsAConnection) {
  balance(kPhone, {.scheduler = "rr"});
  for (const auto type : {kData, kInitAck, kAbort, kShutdown, kCookieEcho}) {
    const Frame stray = sctp({.ttl = 63}, chunk(type));
    const auto back = first_frame(stray);
    EXPECT_EQ(back.verdict, TC_ACT_REDIRECT);
    EXPECT_TRUE(std::equal(stray.begin() + kEthernet, stray.end(), back.frame.begin() + kEthernet))
        << int(type);
    EXPECT_THAT(states(), ElementsAre());
  }
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  EXPECT_THAT(states(), ElementsAre("INIT1"));
}

TEST_F(SctpPath, AnAbortBehindACookieCounts) {
  balance(kPhone, {.scheduler = "rr"});
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  nic_frame(sctp({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000},
                 chunk(kInitAck, 20)));
  EXPECT_THAT(states(), ElementsAre("C-SENT"));
  nic_frame(sctp({}, chunk(kCookieEcho, 21) + chunk(kData)));
  EXPECT_THAT(states(), ElementsAre("C-REPLIED"));
  nic_frame(sctp({}, chunk(kCookieEcho, 21) + chunk(kAbort, 4)));
  EXPECT_THAT(states(), ElementsAre("CLOSED"));
}

TEST_F(SctpPath, AWholeAssociation) {
  balance(kPhone, {.scheduler = "rr"});
  const auto client = [this](Chunk type) { nic_frame(sctp({}, chunk(type, 20))); };
  const auto server = [this](Chunk type) {
    nic_frame(sctp({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000},
                   chunk(type, 20)));
  };
  first_frame(sctp({.ttl = 63}, chunk(kInit, 20)));
  server(kInitAck);
  client(kCookieEcho);
  EXPECT_EQ(servers(kPhone)[0].active, 0U);
  server(kCookieAck);
  EXPECT_THAT(states(), ElementsAre("ESTABLISHED"));
  EXPECT_EQ(servers(kPhone)[0].active, 1U);
  EXPECT_EQ(connections()[0].expires_s, 900U);
  client(kShutdown);
  EXPECT_THAT(states(), ElementsAre("S-RECEIVED"));
  EXPECT_EQ(servers(kPhone)[0].active, 0U);
  server(kShutdownAck);
  EXPECT_THAT(states(), ElementsAre("S-ACK-SENT"));
  client(kShutdownComplete);
  EXPECT_THAT(states(), ElementsAre("CLOSED"));
}

using SmallSctpPath = Small<SctpPath>;

// Forged clients; nobody sweeps (the event loop does not run).
TEST_F(SmallSctpPath, AFloodOfInitsCutsNobodyOffAndKeepsNobodyOut) {
  balance(kPhone, {.scheduler = "rr"});
  const auto begins = [this](const std::string& client) {
    return first_frame(sctp({.from = client, .ttl = 63}, chunk(kInit, 20))).verdict ==
           TC_ACT_REDIRECT;
  };
  begins("192.0.2.2");
  nic_frame(sctp({.from = "10.0.0.2", .to = "192.0.2.2", .sport = 8080, .dport = 40000},
                 chunk(kCookieAck, 20)));
  for (int i = 0; i < 3000; ++i) {
    begins("10.1." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250));
  }
  EXPECT_GE(drops()["connection-table-full"], 1U);
  while (!begins("192.0.2.3")) {  // Searched for room now and then: so a client sends again.
    ::poll(nullptr, 0, 10);
  }
  EXPECT_GE(drops()["evicted-half-open"], 1U);
  EXPECT_THAT(states(), ::testing::Contains("ESTABLISHED"));
}

}  // namespace
}  // namespace lvs::test
