// The named pipe of role changes: made, never waited for, and read by who comes late.
#include "pulse/io/notify_fifo.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/io/log_sink.h"
#include "pulse/notice.h"

namespace lvs::pulse {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class NotifyFifoTest : public ::testing::Test {
 protected:
  NotifyFifoTest() {
    char name[] = "/tmp/notify-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/pipe";
    io::hear_log([this](const LogEvent& event) { log_ += to_line(event) + "\n"; });
  }
  ~NotifyFifoTest() override {
    io::hear_log(nullptr);
    std::filesystem::remove_all(folder_);
  }
  std::string read() const {
    const io::UniqueFd reader{::open(path_.c_str(), O_RDONLY | O_NONBLOCK)};
    std::string text(1 << 20, 0);
    size_t size = 0;
    for (ssize_t part = 1; part > 0; size += static_cast<size_t>(std::max<ssize_t>(part, 0))) {
      part = ::read(reader.get(), text.data() + size, text.size() - size);
    }
    return text.substr(0, size);
  }

  NotifyFifo fifo_;
  std::string folder_;
  std::string path_;
  std::string log_;
};

TEST(Notice, IsALineOfKeepalived) {
  EXPECT_EQ(line_of(Notice::master, Node::primary), "INSTANCE \"pulse\" MASTER 100\n");
  EXPECT_EQ(line_of(Notice::backup, Node::backup), "INSTANCE \"pulse\" BACKUP 50\n");
  EXPECT_EQ(line_of(Notice::fault, Node::primary), "INSTANCE \"pulse\" FAULT 100\n");
  EXPECT_EQ(line_of(Notice::stop, Node::backup), "INSTANCE \"pulse\" STOP 50\n");
}

TEST_F(NotifyFifoTest, IsMadeForRootAloneAndKeepsLinesForAReaderThatComesLate) {
  fifo_.use(path_);
  struct stat status {};
  ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  fifo_.tell("one\n");
  fifo_.tell("two\n");
  EXPECT_EQ(read(), "one\ntwo\n");
}

TEST_F(NotifyFifoTest, AFullOneIsToldOnceAndGoesOnWhenItIsRead) {
  fifo_.use(path_);
  for (int i = 0; i < 20'000; ++i) {
    fifo_.tell("INSTANCE \"pulse\" MASTER 100\n");
  }
  EXPECT_EQ(std::count(log_.begin(), log_.end(), '\n'), 1) << log_;
  EXPECT_THAT(log_, HasSubstr("event=notify-fifo-failed"));
  EXPECT_THAT(read(), StartsWith("INSTANCE"));
  fifo_.tell("last\n");
  EXPECT_EQ(read(), "last\n");
}

TEST_F(NotifyFifoTest, WhatIsNoPipeIsLeftAlone) {
  std::ofstream(path_) << "precious";
  fifo_.use(path_);
  fifo_.tell("one\n");
  EXPECT_THAT(log_, HasSubstr("it is no named pipe"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

TEST_F(NotifyFifoTest, OneThatWasReplacedIsFoundAgain) {
  fifo_.use(path_);
  fifo_.tell("one\n");
  std::filesystem::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  fifo_.tell("two\n");
  EXPECT_EQ(read(), "two\n");
}

TEST_F(NotifyFifoTest, ANewOneIsToldHowThingsAre) {
  fifo_.use(std::nullopt);
  fifo_.tell("now\n");
  fifo_.use(path_);
  EXPECT_EQ(read(), "now\n");
}

}  // namespace
}  // namespace lvs::pulse
