// Files of a known size and of none, limits, memory that is lent; and a name that is taken.
#include "common/io/read_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace lvs::io {
namespace {

struct ReadFile : testing::Test {
  std::string path = testing::TempDir() + "read_file." + std::to_string(::getpid());
  void TearDown() override { std::filesystem::remove(path); }

  void hold(const std::string& bytes) { ASSERT_TRUE(write_file_atomically(path, bytes, 0600)); }
};

TEST_F(ReadFile, GivesTheFileAsItIs) {
  for (const size_t size : {0UL, 1UL, 65535UL, 65536UL, 65537UL, 300000UL}) {
    const std::string bytes(size, 'x');
    hold(bytes);
    EXPECT_EQ(*read_file(path), bytes) << size;
    EXPECT_EQ(*read_file(path, kFileSizeMax, "what stood there before"), bytes) << size;
  }
}

TEST_F(ReadFile, AFileOfProcSaysNoSizeAndIsReadWhole) {
  EXPECT_EQ(*read_file("/proc/sys/kernel/ostype"), "Linux\n");
  EXPECT_GT(read_file("/proc/self/smaps")->size(), 4096U);
}

TEST_F(ReadFile, TakesAsMuchAsItsLimitAndNoMore) {
  hold(std::string(1000, 'x'));
  EXPECT_EQ(read_file(path, 1000)->size(), 1000U);
  EXPECT_EQ(read_file(path, 999).error().code, EFBIG);
  EXPECT_EQ(read_file("/proc/self/smaps", 100).error().code, EFBIG);
}

TEST_F(ReadFile, SaysWhichFileIsMissing) {
  const auto missing = read_file(path);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ENOENT);
  EXPECT_NE(missing.error().what.find(path), std::string::npos);
}

TEST_F(ReadFile, LentMemoryIsUsed) {
  hold(std::string(100000, 'x'));
  std::string room(200000, 'y');
  const char* const memory = room.data();
  EXPECT_EQ(read_file(path, kFileSizeMax, std::move(room))->data(), memory);
}

TEST_F(ReadFile, AFileThatIsToBeKeptIsKept) {
  const std::string beside = path + ".";
  ASSERT_TRUE(write_file_atomically(path, "first", 0600, Existing::keep));
  const auto again = write_file_atomically(path, "second", 0600, Existing::keep);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, EEXIST);
  EXPECT_EQ(*read_file(path), "first");
  ASSERT_TRUE(write_file_atomically(path, "third", 0640));
  EXPECT_EQ(*read_file(path), "third");
  for (const auto& entry : std::filesystem::directory_iterator(testing::TempDir())) {
    EXPECT_FALSE(entry.path().string().starts_with(beside)) << entry.path() << " is left over";
  }
}

}  // namespace
}  // namespace lvs::io
