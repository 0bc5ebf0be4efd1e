#include "pulse/frames.h"

#include <gmock/gmock.h>

namespace lvs::pulse {
namespace {

using testing::ElementsAre;

constexpr Mac kOurs = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

Address ip(const char* text) {
  return *Address::parse(text);
}

std::vector<uint8_t> part(const Frame& frame, size_t from, size_t size) {
  return {frame.begin() + static_cast<std::ptrdiff_t>(from),
          frame.begin() + static_cast<std::ptrdiff_t>(from + size)};
}

// An ICMPv6 receiver sums pseudo header and message: the result must be all ones.
uint32_t folded_icmpv6_sum(const Frame& frame) {
  uint32_t sum = 58 + static_cast<uint32_t>(frame.size()) - 54;
  for (size_t i = 22; i < frame.size(); i += 2) {
    sum += static_cast<uint32_t>(frame[i] << 8 | frame[i + 1]);
  }
  while (sum > 0xFFFF) {
    sum = (sum & 0xFFFF) + (sum >> 16);
  }
  return sum;
}

TEST(Frames, AnIpv4AddressIsAnnouncedAsRequestAndAsReply) {
  const auto frames = announcement_frames(ip("192.0.2.10"), kOurs);
  ASSERT_EQ(frames.size(), 2u);
  for (const Frame& frame : frames) {
    EXPECT_EQ(frame.size(), 60u);
    EXPECT_THAT(part(frame, 0, 6), ElementsAre(255, 255, 255, 255, 255, 255));
    EXPECT_THAT(part(frame, 6, 6), ElementsAre(0x02, 0x11, 0x22, 0x33, 0x44, 0x55));
    EXPECT_THAT(part(frame, 12, 2), ElementsAre(0x08, 0x06));
    EXPECT_THAT(part(frame, 22, 6), ElementsAre(0x02, 0x11, 0x22, 0x33, 0x44, 0x55));
    EXPECT_THAT(part(frame, 28, 4), ElementsAre(192, 0, 2, 10)) << "sender";
    EXPECT_THAT(part(frame, 38, 4), ElementsAre(192, 0, 2, 10)) << "target";
  }
  EXPECT_EQ(frames[0][21], 1);
  EXPECT_EQ(frames[1][21], 2);
}

TEST(Frames, AnIpv4ProbeTeachesNobodyAnything) {
  const Frame probe = probe_frame(ip("192.0.2.10"), kOurs);
  EXPECT_EQ(probe[21], 1);
  EXPECT_THAT(part(probe, 28, 4), ElementsAre(0, 0, 0, 0)) << "sender address";
  EXPECT_THAT(part(probe, 38, 4), ElementsAre(192, 0, 2, 10)) << "target address";
}

TEST(Frames, AProbeMayGoToOneReceiverAlone) {
  const Mac peer = {0x02, 0, 0, 0, 0, 0x0b};
  for (const char* address : {"192.0.2.10", "2001:db8::10"}) {
    const Frame to_all = probe_frame(ip(address), kOurs);
    Frame to_one = probe_frame(ip(address), kOurs, peer);
    EXPECT_THAT(part(to_one, 0, 6), ElementsAre(2, 0, 0, 0, 0, 11));
    std::copy_n(to_all.begin(), 6, to_one.begin());
    EXPECT_EQ(to_one, to_all) << "only the Ethernet destination differs";
  }
}

TEST(Frames, OurOwnReplyReadsAsOurs) {
  const auto frames = announcement_frames(ip("192.0.2.10"), kOurs);
  EXPECT_EQ(read_answer(frames[1]), (Neighbour{ip("192.0.2.10"), kOurs}));
}

TEST(Frames, AnArpRequestIsNoAnswer) {
  EXPECT_EQ(read_answer(announcement_frames(ip("192.0.2.10"), kOurs)[0]), std::nullopt);
}

TEST(Frames, AnIpv6AddressIsAnnouncedWithOverride) {
  const auto frames = announcement_frames(ip("2001:db8::10"), kOurs);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].size(), 86u);
  EXPECT_EQ(frames[0][21], 255) << "hop limit";
  EXPECT_EQ(frames[0][54], 136);
  EXPECT_EQ(frames[0][58], 0x20) << "override, not solicited";
  EXPECT_EQ(folded_icmpv6_sum(frames[0]), 0xFFFFu);
  EXPECT_EQ(read_answer(frames[0]), (Neighbour{ip("2001:db8::10"), kOurs}));
}

TEST(Frames, AnIpv6ProbeGoesToTheSolicitedNodeFromNobody) {
  const Frame probe = probe_frame(ip("2001:db8::ab:cdef"), kOurs);
  EXPECT_EQ(probe.size(), 78u);
  EXPECT_THAT(part(probe, 0, 6), ElementsAre(0x33, 0x33, 0xFF, 0xAB, 0xCD, 0xEF));
  EXPECT_THAT(part(probe, 22, 16), testing::Each(0));
  EXPECT_EQ(probe[54], 135);
  EXPECT_EQ(folded_icmpv6_sum(probe), 0xFFFFu);
}

TEST(Frames, NoCutFrameIsRead) {
  for (const char* text : {"192.0.2.10", "2001:db8::10"}) {
    const Frame whole = announcement_frames(ip(text), kOurs).back();
    const size_t needed = text[0] == '1' ? 42 : 78;
    for (size_t size = 0; size < needed; ++size) {
      EXPECT_EQ(read_answer(std::span(whole).first(size)), std::nullopt) << size;
    }
  }
}

}  // namespace
}  // namespace lvs::pulse
