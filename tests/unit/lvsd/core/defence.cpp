#include "lvsd/core/defence.h"

#include <gtest/gtest.h>

#include "lvsd/core/settings.h"

namespace lvs::core {
namespace {

using namespace std::chrono_literals;

constexpr Fill kRoom = {.connections = 900, .templates = 0, .max = 1000};
constexpr Fill kNearlyFull = {.connections = 901, .templates = 0, .max = 1000};
constexpr Supply kPlenty = {.free_pages = 1024, .threshold = 1024, .table = kRoom};
constexpr Supply kLittleMemory = {.free_pages = 1023, .threshold = 1024, .table = kRoom};
constexpr Supply kLittleRoom = {.free_pages = 1024, .threshold = 1024, .table = kNearlyFull};

TEST(Defence, AShortageIsOfMemoryOrOfRoomInTheTable) {
  EXPECT_FALSE(is_short(kPlenty));
  EXPECT_TRUE(is_short(kLittleMemory));
  EXPECT_TRUE(is_short(kLittleRoom));
  EXPECT_FALSE(is_short({.free_pages = 0, .threshold = 0, .table = kRoom}));
}

TEST(Defence, TheAutomaticModesFollowTheShortageAndTheOthersStay) {
  for (const bool is_short : {false, true}) {
    EXPECT_EQ(next_mode(0, is_short), 0U);
    EXPECT_EQ(next_mode(1, is_short), is_short ? 2U : 1U);
    EXPECT_EQ(next_mode(2, is_short), is_short ? 2U : 1U);
    EXPECT_EQ(next_mode(3, is_short), 3U);
  }
}

TEST(Defence, PacketsAreDroppedTheMoreTheLessMemoryThereIs) {
  const auto rate_of = [](uint64_t free) {
    return drop_rate(2, {.free_pages = free, .threshold = 1000, .table = kRoom}, 10);
  };
  EXPECT_EQ(rate_of(999), 1000U);
  EXPECT_EQ(rate_of(900), 10U);
  EXPECT_EQ(rate_of(500), 2U);
  EXPECT_EQ(rate_of(0), 1U);
}

TEST(Defence, PacketsAreDroppedAtTheChosenRateForWantOfRoomOrAlways) {
  EXPECT_EQ(drop_rate(2, kLittleRoom, 7), 7U);
  EXPECT_EQ(drop_rate(3, kPlenty, 7), 7U);
  EXPECT_EQ(drop_rate(3, kLittleMemory, 7), 7U);
  EXPECT_EQ(drop_rate(3, kPlenty, 0), 0U);
}

TEST(Defence, NoPacketIsDroppedWhileTheDefenceIsOffOrOnlyArmed) {
  EXPECT_EQ(drop_rate(0, kLittleMemory, 7), 0U);
  EXPECT_EQ(drop_rate(1, kLittleMemory, 7), 0U);
}

TEST(Defence, A32ndIsDrawnEachSecondHoweverLongAPassTakes) {
  constexpr double kAll = 4294967296.0;
  EXPECT_NEAR(drop_share(1s) / kAll, 1.0 / 32, 1e-6);
  EXPECT_NEAR(drop_share(2s) / kAll, 1.0 - 31.0 / 32 * 31 / 32, 1e-6);
  EXPECT_EQ(drop_share(0s), 0U);
  EXPECT_EQ(drop_share(-1s), 0U);
  EXPECT_GT(drop_share(24h) / kAll, 0.999);
}

TEST(Settings, ThoseThatAnOlderProcessDidNotKnowGetTheirStandardValues) {
  lvs_config config{};
  config.settings[LVS_SLOPPY_SCTP] = 1;
  EXPECT_EQ(settings_in(config), uint32_t{LVS_AM_DROPRATE});
  give_standards(config);
  EXPECT_EQ(config.settings[LVS_SLOPPY_SCTP], 1U) << "what it knew stays";
  EXPECT_EQ(config.settings[LVS_CONN_REUSE_MODE], 0U) << "also where it is 0";
  EXPECT_EQ(config.settings[LVS_AM_DROPRATE], 10U);
  EXPECT_EQ(config.settings[LVS_AMEMTHRESH], 1024U);
  EXPECT_EQ(settings_in(config), uint32_t{LVS_SETTINGS});
  config.settings[LVS_AM_DROPRATE] = 3;
  give_standards(config);
  EXPECT_EQ(config.settings[LVS_AM_DROPRATE], 3U);
}

TEST(Settings, AreBoundedAsThoseOfIpVs) {
  for (const char* name : {"drop_entry", "drop_packet", "secure_tcp"}) {
    EXPECT_TRUE(setting_for(name, 3)) << name;
    EXPECT_EQ(setting_for(name, 4).error().code, EINVAL) << name;
  }
  EXPECT_TRUE(setting_for("am_droprate", 2'147'483'647));
  EXPECT_EQ(setting_for("amemthresh", 2'147'483'648U).error().code, EINVAL);
}

}  // namespace
}  // namespace lvs::core
