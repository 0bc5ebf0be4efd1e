// Settings of a core that is not the kernel's, over several lives of lvsd: each has what the one
// before wrote down, and a core that goes on.
#include "lvsd/io/core_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

namespace lvs::lvsd::io {
namespace {

class CoreSettings : public testing::Test {
 protected:
  CoreSettings() { dir_ = ::mkdtemp(name_); }
  ~CoreSettings() override { std::filesystem::remove_all(dir_); }

  Result<Ok> set(const std::vector<Sysctl>& wanted) {
    return set_core_settings([this](const ipvs::Request& request) { return answer(request); }, dir_,
                             wanted);
  }
  Result<ipvs::Reply> answer(const ipvs::Request& request) {
    if (const auto* set = std::get_if<ipvs::SetSetting>(&request)) {
      if (refused_ == set->name) {
        return Error{EINVAL, "refused"};
      }
      core_[set->name] = set->value;
      ++writes_;
      return ipvs::Reply(ipvs::Ack{});
    }
    std::vector<ipvs::SettingStatus> all;
    for (const auto& [name, value] : core_) {
      all.push_back({name, value});
    }
    return ipvs::Reply(all);
  }

  std::map<std::string, uint32_t> core_{{"drop_entry", 0}, {"am_droprate", 10}};
  std::string refused_;
  int writes_ = 0;
  char name_[32] = "/tmp/lvsd-run-XXXXXX";
  std::string dir_;
};

const Sysctl kDropEntry{"net/ipv4/vs/drop_entry", "1"};
const Sysctl kRate{"net/ipv4/vs/am_droprate", "20"};

TEST_F(CoreSettings, WhatIsNoLongerWantedIsAsItWasBeforeAlsoForALaterLvsd) {
  ASSERT_TRUE(set({kDropEntry, kRate, {"net/ipv4/ip_forward", "1"}}));
  EXPECT_EQ(core_, (std::map<std::string, uint32_t>{{"drop_entry", 1}, {"am_droprate", 20}}));
  ASSERT_TRUE(set({{"net/ipv4/vs/drop_entry", "3"}, kRate}));
  ASSERT_TRUE(set({kRate}));
  EXPECT_EQ(core_.at("drop_entry"), 0U) << "not what another file said of it";
  ASSERT_TRUE(set({}));
  EXPECT_EQ(core_.at("am_droprate"), 10U);
}

TEST_F(CoreSettings, ADefenceThatWentOnByItselfIsLeftAloneAndPutBack) {
  ASSERT_TRUE(set({kDropEntry}));
  core_["drop_entry"] = 2;
  writes_ = 0;
  ASSERT_TRUE(set({kDropEntry}));
  EXPECT_EQ(writes_, 0);
  ASSERT_TRUE(set({}));
  EXPECT_EQ(core_.at("drop_entry"), 0U);
}

TEST_F(CoreSettings, ALaterHandIsRespected) {
  ASSERT_TRUE(set({kRate}));
  core_["am_droprate"] = 30;
  ASSERT_TRUE(set({}));
  EXPECT_EQ(core_.at("am_droprate"), 30U);
}

TEST_F(CoreSettings, OneThatIsRefusedIsToldAndTheOthersAreSet) {
  refused_ = "drop_entry";
  EXPECT_FALSE(set({kDropEntry, kRate}));
  EXPECT_EQ(core_.at("am_droprate"), 20U);
}

TEST_F(CoreSettings, ANewCoreHasNothingToBePutBack) {
  ASSERT_TRUE(set({kRate}));
  forget_core_settings(dir_);
  core_["am_droprate"] = 20;
  ASSERT_TRUE(set({}));
  EXPECT_EQ(core_.at("am_droprate"), 20U);
}

}  // namespace
}  // namespace lvs::lvsd::io
