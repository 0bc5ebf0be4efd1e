#include "tools/lvsctl/key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace lvs::lvsctl {
namespace {

using testing::HasSubstr;

const Address kPrimary = *Address::parse("192.0.2.1");
const Address kBackup = *Address::parse("2001:db8::2");

config::Config pair() {
  config::Config config;
  config.primary = kPrimary;
  config.backup = kBackup;
  return config;
}

bool none(const Address&) {
  return false;
}

TEST(Key, IsOneLineOfHexadecimalDigits) {
  std::array<uint8_t, kKeyBytes> random{};
  std::iota(random.begin(), random.end(), uint8_t{0xf0});
  EXPECT_EQ(key_text(random), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f\n");
}

TEST(Key, BelongsWhereTheConfigurationReadsIt) {
  EXPECT_EQ(*key_file(pair(), "lvs.cf"), "/etc/sysconfig/ha/heartbeat.key");
  auto config = pair();
  config.heartbeat_key = "/root/key";
  EXPECT_EQ(*key_file(config, "lvs.cf"), "/root/key");
}

TEST(Key, TheSecondOneHasAFileOfItsOwn) {
  auto config = pair();
  EXPECT_THAT(key_file(config, "lvs.cf", WhichKey::next).error().what,
              HasSubstr("lvs.cf: heartbeat_key_next names no file"));
  config.heartbeat_key_next = "/k2";
  EXPECT_EQ(*key_file(config, "lvs.cf", WhichKey::next), "/k2");
  EXPECT_THAT(next_steps(config, "/k2", WhichKey::next, none),
              HasSubstr("Both believe it after a reload"));
}

TEST(Key, ThatNobodyWouldReadIsNotMade) {
  auto config = pair();
  config.heartbeat_key.reset();
  EXPECT_EQ(key_file(config, "lvs.cf").error().what,
            "lvs.cf: heartbeat_key = none: heartbeats are not signed and need no key; remove this "
            "line first");
}

TEST(Key, IsCopiedToTheDirectorThatThisMachineIsNot) {
  const auto we_are = [](const Address& own) {
    return next_steps(pair(), "/k", WhichKey::now,
                      [own](const Address& each) { return each == own; });
  };
  EXPECT_THAT(we_are(kPrimary), HasSubstr("\n  scp -p /k root@[2001:db8::2]:/k\n"));
  EXPECT_THAT(we_are(kBackup), HasSubstr("\n  scp -p /k root@192.0.2.1:/k\n"));
}

TEST(Key, AMachineThatIsNeitherDirectorYetIsToldAllTheSame) {
  EXPECT_THAT(next_steps(pair(), "/k", WhichKey::now, none),
              HasSubstr("scp -p /k root@OTHER-DIRECTOR:/k\n"));
  EXPECT_THAT(next_steps({}, "/k", WhichKey::now, none),
              HasSubstr("scp -p /k root@OTHER-DIRECTOR:/k\n"));
}

}  // namespace
}  // namespace lvs::lvsctl
