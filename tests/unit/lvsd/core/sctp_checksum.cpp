// The checksum that follows a port against one that is computed from nothing.
#include "lvsd/bpf/sctp_checksum.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/rng.h"
#include "tests/bpf/crc32c.h"

namespace lvs::core {
namespace {

using test::crc32c;

constexpr size_t kHeader = 12;
constexpr size_t kPacketMax = 65515;

TEST(SctpChecksum, CrcIsTheOneOfTheStandard) {
  const std::string check = "123456789";
  EXPECT_EQ(crc32c(reinterpret_cast<const uint8_t*>(check.data()), check.size()), 0xe3069283U);
}

void expect_law(Rng& rng, size_t size) {
  std::vector<uint8_t> packet(size);
  for (auto& byte : packet) {
    byte = static_cast<uint8_t>(rng.below(256));
  }
  const size_t at = rng.below(2) * 2;
  const uint32_t before = crc32c(packet.data(), packet.size());
  const auto change = static_cast<uint16_t>(rng.below(65536));
  packet[at] ^= static_cast<uint8_t>(change);
  packet[at + 1] ^= static_cast<uint8_t>(change >> 8);
  EXPECT_EQ(before ^ lvs_crc32c_change(change, static_cast<uint32_t>(size - at)),
            crc32c(packet.data(), packet.size()))
      << size << " bytes, port at " << at << ", change " << change;
}

TEST(SctpChecksum, FollowsAPortInPacketsOfAnyLength) {
  Rng rng(11);
  for (size_t size = kHeader; size < 700; ++size) {
    expect_law(rng, size);
  }
  for (int i = 0; i < 300; ++i) {
    expect_law(rng, kHeader + rng.below(kPacketMax - kHeader + 1));
  }
  expect_law(rng, kPacketMax);
}

}  // namespace
}  // namespace lvs::core
