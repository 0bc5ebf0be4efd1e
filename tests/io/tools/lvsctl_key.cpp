// Keys in a folder of the test's own: made, kept, replaced, refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tools/lvsctl/io/make_key.h"

namespace lvs::lvsctl {
namespace {

using io::Existing;
using testing::HasSubstr;
using testing::MatchesRegex;

const std::string kPair =
    "primary = 127.0.0.1\nbackup = 192.0.2.2\nvirtual web {\n active = 1\n"
    " address = 192.0.2.10 eth0:1\n server a {\n address = 10.0.0.11\n active = 1\n }\n}\n";

struct LvsctlKey : testing::Test {
  std::string folder = testing::TempDir() + "lvsctl_key." + std::to_string(::getpid());
  std::string file = folder + "/lvs.cf";
  std::string key = folder + "/heartbeat.key";

  void SetUp() override {
    std::filesystem::create_directory(folder);
    configure("heartbeat_key = " + key + "\n" + kPair);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void configure(const std::string& text) {
    ASSERT_TRUE(io::write_file_atomically(file, text, 0644));
  }
  Result<std::string> make(Existing existing = Existing::keep) {
    return make_key(file, WhichKey::now, existing, file);
  }
  std::string bytes() { return *io::read_file(key); }
};

TEST_F(LvsctlKey, MakesAKeyForItsOwnerAlone) {
  ::umask(0);
  const auto made = make();
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_THAT(bytes(), MatchesRegex("[0-9a-f]{64}\n"));
  struct stat about {};
  ASSERT_EQ(::stat(key.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 07777, 0600U);
  EXPECT_THAT(*made, HasSubstr("scp -p " + key + " root@192.0.2.2:" + key + "\n"));
}

TEST_F(LvsctlKey, AKeyThatIsThereIsKeptUntilForced) {
  ASSERT_TRUE(make());
  const std::string first = bytes();
  const auto again = make();
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr(key + ": File exists: "));
  EXPECT_THAT(again.error().what, HasSubstr("--force"));
  EXPECT_EQ(bytes(), first);
  ASSERT_TRUE(make(Existing::replace));
  EXPECT_NE(bytes(), first);
}

TEST_F(LvsctlKey, AFileWithErrorsSaysNothingReliableAboutTheKey) {
  configure("heartbeat_key = " + key + "\nkeepalive = often\n" + kPair);
  const auto made = make();
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().what, HasSubstr(file + ":2: keepalive: "));
  EXPECT_FALSE(std::filesystem::exists(key));
}

TEST_F(LvsctlKey, AGivenFileMustBeThere) {
  std::filesystem::remove(file);
  const auto made = make();
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ENOENT);
}

TEST_F(LvsctlKey, AMissingFolderIsTold) {
  configure("heartbeat_key = " + folder + "/no/key\n" + kPair);
  EXPECT_THAT(make().error().what, HasSubstr(folder + "/no/key: No such file"));
}

}  // namespace
}  // namespace lvs::lvsctl
