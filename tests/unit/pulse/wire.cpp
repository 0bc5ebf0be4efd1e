#include "pulse/wire.h"

#include <gtest/gtest.h>

#include "pulse/hmac.h"

namespace lvs::pulse {
namespace {

const Key kKey = {'k', 'e', 'y'};

Heartbeat full_heartbeat() {
  Heartbeat h;
  h.node = Node::backup;
  h.role = Role::handing_over;
  h.goodbye = true;
  h.asking = true;
  h.cluster_id = 0x0102030405060708;
  h.my_incarnation = 0x1112131415161718;
  h.your_incarnation = 0x2122232425262728;
  h.sequence = 0x3132333435363738;
  h.your_sequence = 0x393a3b3c3d3e3f40;
  h.term = 0x4142434445464748;
  h.reasons = kLvsdAway | kNoWitness;
  h.config_serial = 0x51525354;
  h.config_digest = 0x6162636465666768;
  h.unserved = 0x0304;
  h.macs = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
  return h;
}

// A tag that fits again, after the bytes before it were changed.
void sign(std::vector<uint8_t>& bytes) {
  const std::span<const uint8_t> signed_part(bytes.data(), bytes.size() - kTagSize);
  const Digest tag = hmac_sha256(kKey, signed_part);
  std::copy(tag.begin(), tag.end(), bytes.end() - kTagSize);
}

TEST(Hmac, IsTheOneOfRfc4231) {
  const std::string key = "Jefe";
  const std::string text = "what do ya want for nothing?";
  const auto bytes = [](const std::string& s) {
    return std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(s.data()), s.size());
  };
  const Digest expected = {0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                           0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                           0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43};
  EXPECT_EQ(hmac_sha256(bytes(key), bytes(text)), expected);
  const std::string long_key(131, '\xaa');
  const std::string long_text = "Test Using Larger Than Block-Size Key - Hash Key First";
  EXPECT_EQ(hmac_sha256(bytes(long_key), bytes(long_text))[0], 0x60);
}

TEST(Wire, WhatIsEncodedIsDecoded) {
  const Heartbeat h = full_heartbeat();
  EXPECT_EQ(std::get<Heartbeat>(decode(encode(h, kKey), kKey)), h);
  Heartbeat able;
  able.my_incarnation = able.sequence = 1;
  EXPECT_EQ(std::get<Heartbeat>(decode(encode(able, {}), {})), able);
}

TEST(Wire, LaysOutTheFieldsAsTheHeaderSays) {
  const std::vector<uint8_t> bytes = encode(full_heartbeat(), kKey);
  ASSERT_EQ(bytes.size(), kHeaderSize + 2 * 6 + kTagSize);
  const std::vector<uint8_t> expected = {
      'L',  'V',  'S',  'H',  3,    2,    3,    6,  // able is not set
      0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16,
      0x17, 0x18, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x31, 0x32, 0x33, 0x34,
      0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x40, 0x41, 0x42,
      0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0,    0,    0,    0x28, 0x51, 0x52, 0x53, 0x54,
      0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 2,    0,    3,    4,    2,    0,
      0,    0,    0,    1,    2,    0,    0,    0,    0,    2};
  EXPECT_EQ(std::vector<uint8_t>(bytes.begin(), bytes.end() - kTagSize), expected);
}

TEST(Wire, RefusesEverySingleFlippedBit) {
  const std::vector<uint8_t> good = encode(full_heartbeat(), kKey);
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::vector<uint8_t> bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_TRUE(std::holds_alternative<Refusal>(decode(bad, kKey))) << bit;
  }
}

TEST(Wire, RefusesEveryOtherLength) {
  std::vector<uint8_t> bytes = encode(full_heartbeat(), kKey);
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_EQ(std::get<Refusal>(decode({bytes.data(), length}, kKey)), Refusal::malformed);
  }
  bytes.push_back(0);
  EXPECT_EQ(std::get<Refusal>(decode(bytes, kKey)), Refusal::bad_hmac);
  EXPECT_EQ(std::get<Refusal>(decode(std::vector<uint8_t>(4, 0xbd), kKey)), Refusal::malformed);
}

TEST(Wire, KnowsAnotherVersionWhenItSeesOne) {
  std::vector<uint8_t> next = encode(full_heartbeat(), kKey);
  next[4] = 2;
  next.insert(next.begin() + 40, 8, 1);
  EXPECT_EQ(std::get<Refusal>(decode(next, kKey)), Refusal::other_version);
  const std::vector<std::vector<uint8_t>> piranhas = {{0xda, 0xdb, 0xad, 0xbd},
                                                      {0xad, 0xbd, 0xda, 0xbd}};
  for (const auto& piranha : piranhas) {
    EXPECT_EQ(std::get<Refusal>(decode(piranha, kKey)), Refusal::other_version);
  }
}

TEST(Wire, RefusesAnotherKey) {
  EXPECT_EQ(std::get<Refusal>(decode(encode(full_heartbeat(), {'x'}), kKey)), Refusal::bad_hmac);
  EXPECT_EQ(std::get<Refusal>(decode(encode(full_heartbeat(), {}), kKey)), Refusal::bad_hmac);
}

TEST(Wire, RefusesAuthenticNonsense) {
  const std::pair<size_t, uint8_t> nonsense[] = {
      {5, 0},  // no such node
      {5, 3},
      {6, 4},  // no such role
      {7, 1},  // able, with reasons not to be
  };
  for (const auto& [offset, value] : nonsense) {
    std::vector<uint8_t> bytes = encode(full_heartbeat(), kKey);
    bytes[offset] = value;
    sign(bytes);
    EXPECT_EQ(std::get<Refusal>(decode(bytes, kKey)), Refusal::malformed) << offset;
  }
  Heartbeat without_incarnation = full_heartbeat();
  without_incarnation.my_incarnation = 0;
  EXPECT_EQ(std::get<Refusal>(decode(encode(without_incarnation, kKey), kKey)), Refusal::malformed);
  Heartbeat without_sequence = full_heartbeat();
  without_sequence.sequence = 0;
  EXPECT_EQ(std::get<Refusal>(decode(encode(without_sequence, kKey), kKey)), Refusal::malformed);
}

// What a newer program adds: a flag, what was zero, bytes behind the hardware addresses.
TEST(Wire, ReadsWhatItKnowsOfANewerPeersHeartbeat) {
  const std::vector<uint8_t> own = encode(full_heartbeat(), kKey);
  std::vector<uint8_t> newer = own;
  newer[7] |= 0x80;
  newer[73] = 1;
  newer.insert(newer.end() - kTagSize, 40, uint8_t{0xee});
  sign(newer);
  EXPECT_EQ(std::get<Heartbeat>(decode(newer, kKey)), full_heartbeat());
  newer.insert(newer.end() - kTagSize, kHeartbeatSizeMax - newer.size(), uint8_t{0xee});
  sign(newer);
  EXPECT_EQ(std::get<Heartbeat>(decode(newer, kKey)), full_heartbeat());
  newer.insert(newer.end() - kTagSize, uint8_t{0xee});
  sign(newer);
  EXPECT_EQ(std::get<Refusal>(decode(newer, kKey)), Refusal::malformed);
}

TEST(Wire, TellsHowManyServicesItCannotServeOrThatItDoesNotKnow) {
  for (const Unserved down : {Unserved{}, Unserved{0}, Unserved{258}}) {
    Heartbeat h = full_heartbeat();
    h.unserved = down;
    EXPECT_EQ(std::get<Heartbeat>(decode(encode(h, kKey), kKey)).unserved, down);
  }
  Heartbeat h = full_heartbeat();
  h.unserved = 65535;
  EXPECT_EQ(std::get<Heartbeat>(decode(encode(h, kKey), kKey)).unserved, kUnservedMax);
}

TEST(Wire, NamesTheServicesThatFailOnlyWhereThereAreSome) {
  Heartbeat h = full_heartbeat();
  const size_t without = encode(h, kKey).size();
  EXPECT_EQ(without, kHeaderSize + 6 * h.macs.size() + kTagSize) << "as an older program has it";
  h.failing = {0x01020304, 0xfffefdfc};
  const std::vector<uint8_t> bytes = encode(h, kKey);
  EXPECT_EQ(bytes.size(), without + 1 + 2 * sizeof(ServiceId));
  EXPECT_EQ(bytes[without - kTagSize], 2);
  EXPECT_EQ(bytes[without - kTagSize + 4], 4) << "in network byte order";
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)), h);
  h.failing.assign(kFailingNamedMax + 1, 7);
  h.macs.resize(kMacsMax);
  const std::vector<uint8_t> longest = encode(h, kKey);
  EXPECT_LE(longest.size(), kHeartbeatSizeMax);
  EXPECT_EQ(std::get<Heartbeat>(decode(longest, kKey)).failing.size(), kFailingNamedMax);
}

TEST(Wire, NamesThatAreCutShortNameNothing) {
  Heartbeat h = full_heartbeat();
  h.failing = {1, 2};
  std::vector<uint8_t> bytes = encode(h, kKey);
  const size_t at = kHeaderSize + 6 * h.macs.size();
  bytes[at] = 3;
  sign(bytes);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)), full_heartbeat());
}

TEST(Wire, TellsOfThoseThatFailWhichCannotBeChecked) {
  Heartbeat h = full_heartbeat();
  h.failing = {1, 2, 3};
  const size_t without = encode(h, kKey).size();
  h.uncheckable = 5;
  std::vector<uint8_t> bytes = encode(h, kKey);
  EXPECT_EQ(bytes.size(), without + 8);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)), h);
  bytes[without - kTagSize + 7] = 15;
  sign(bytes);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)).uncheckable, 0U) << "more than are named";
  h.failing.clear();
  EXPECT_EQ(encode(h, kKey).size(), without - 1 - 3 * sizeof(ServiceId));
  h.failing.assign(kFailingNamedMax, 7);
  h.uncheckable = (uint64_t{1} << kFailingNamedMax) - 1;
  h.macs.resize(kMacsMax);
  EXPECT_LE(encode(h, kKey).size(), kHeartbeatSizeMax);
  EXPECT_EQ(std::get<Heartbeat>(decode(encode(h, kKey), kKey)), h);
}

TEST(Wire, TellsOfThoseThatFailWhichHaveRecovered) {
  Heartbeat h = full_heartbeat();
  h.failing = {1, 2, 3};
  const size_t without = encode(h, kKey).size();
  h.recovered = 6;
  std::vector<uint8_t> bytes = encode(h, kKey);
  EXPECT_EQ(bytes.size(), without + 16);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)), h);
  EXPECT_EQ(h.failing_still(), std::vector<ServiceId>{1});
  bytes[without - kTagSize + 15] = 15;
  sign(bytes);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)).recovered, 0U) << "more than are named";
  h.failing.assign(kFailingNamedMax, 7);
  h.recovered = (uint64_t{1} << kFailingNamedMax) - 1;
  h.macs.resize(kMacsMax);
  EXPECT_LE(encode(h, kKey).size(), kHeartbeatSizeMax);
}

// While one of a pair is newer than the other, for an upgrade of both.
TEST(Wire, AReasonThatOnlyANewerPeerKnowsIsAReason) {
  Heartbeat newer = full_heartbeat();
  newer.reasons = kReasonsAll + 1;
  const auto read = decode(encode(newer, kKey), kKey);
  ASSERT_TRUE(std::holds_alternative<Heartbeat>(read));
  EXPECT_EQ(std::get<Heartbeat>(read).reasons, newer.reasons);
  EXPECT_EQ(reason_names(newer.reasons), "unknown");
}

TEST(Wire, SendsTheFirstHardwareAddressesOfTooMany) {
  Heartbeat h = full_heartbeat();
  h.macs.resize(kMacsMax + 3);
  const auto bytes = encode(h, kKey);
  EXPECT_EQ(bytes.size(), kHeaderSize + 6 * kMacsMax + kTagSize);
  EXPECT_EQ(std::get<Heartbeat>(decode(bytes, kKey)).macs.size(), kMacsMax);
}

TEST(Wire, NamesReasons) {
  EXPECT_EQ(reason_names(0), "able");
  EXPECT_EQ(reason_names(kLvsdAway | kNoWitness), "lvsd-away,no-witness");
}

}  // namespace
}  // namespace lvs::pulse
