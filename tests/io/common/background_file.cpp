// Files that are written beside the loop, and the events that are kept in one.
#include "common/io/background_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/mman.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "common/io/event_recorder.h"
#include "common/io/log_sink.h"
#include "common/io/read_file.h"

namespace lvs::io {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr Duration kPatience = 60s;

class Folder {
 public:
  Folder() { path_ = ::mkdtemp(template_); }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  char template_[32] = "/tmp/background-XXXXXX";
  std::string path_;
};

// Counts in this process what its children do.
struct SharedCount {
  std::atomic<int>* count = static_cast<std::atomic<int>*>(
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
             -1, 0));
  ~SharedCount() { ::munmap(count, sizeof *count); }
};

std::string contents(const std::string& path) {
  const auto text = read_file(path, 1 << 20);
  return text ? *text : "";
}

template <typename Condition>
bool run_until(boost::asio::io_context& io, Condition condition) {
  const TimePoint end = Clock::now() + kPatience;
  while (!condition() && Clock::now() < end) {
    io.restart();
    io.run_one_for(10ms);
  }
  return condition();
}

TEST(BackgroundFile, HoldsInTheEndWhatWasSaidLast) {
  const Folder folder;
  boost::asio::io_context io;
  int state = 0;
  BackgroundFile file(io, folder / "new/state", [&] { return std::to_string(state); });
  for (state = 1; state < 100; ++state) {
    file.changed();
  }
  EXPECT_TRUE(run_until(io, [&] { return contents(folder / "new/state") == "100"; }));
  EXPECT_EQ(std::filesystem::status(folder / "new").permissions(), std::filesystem::perms(0700));
}

// An operator's word has no time to get lost in.
TEST(BackgroundFile, IsBeingWrittenAtOnceWhenSomebodyIsToldOfIt) {
  const Folder folder;
  boost::asio::io_context io;
  const SharedCount begun;
  BackgroundFile file(io, folder / "new/state", [&] {
    ++*begun.count;
    return "text";
  });
  file.changed();
  EXPECT_EQ(*begun.count, 0);
  file.changed_for_somebody();
  const TimePoint end = Clock::now() + kPatience;
  while (contents(folder / "new/state") != "text" && Clock::now() < end) {
    ::poll(nullptr, 0, 5);  // The loop, and with it the pause, stands still.
  }
  EXPECT_EQ(contents(folder / "new/state"), "text");
  EXPECT_TRUE(run_until(io, [&] { return file.is_written(); }));
  EXPECT_EQ(*begun.count, 1) << "and not a second time when the pause is over";
}

TEST(BackgroundFile, IsWrittenWhenItsDaemonEnds) {
  const Folder folder;
  boost::asio::io_context io;
  std::string text = "first";
  {
    BackgroundFile file(io, folder / "new/state", [&] { return text; });
    file.changed();
    text = "last";
    file.changed();
  }
  EXPECT_EQ(contents(folder / "new/state"), "last");
}

TEST(BackgroundFile, WhatCannotBeWrittenIsToldOnceUntilItCanBe) {
  const Folder folder;
  std::ofstream(folder / "plain") << "a file";
  boost::asio::io_context io;
  std::vector<std::string> told;
  hear_log([&](const LogEvent& event) { told.push_back(to_line(event)); });
  const SharedCount tries;
  BackgroundFile file(io, folder / "plain/state", [&] {
    ++*tries.count;
    return "text";
  });
  for (int time = 1; time <= 3; ++time) {
    file.changed();
    ASSERT_TRUE(run_until(io, [&] { return *tries.count == time; }));
  }
  const auto mended = folder / "mended";
  std::filesystem::create_directory(mended);
  ASSERT_EQ(
      ::renameat2(AT_FDCWD, mended.c_str(), AT_FDCWD, (folder / "plain").c_str(), RENAME_EXCHANGE),
      0);
  EXPECT_FALSE(file.is_written());
  EXPECT_EQ(file.error(), (folder / "plain/state") + ": Not a directory");
  EXPECT_TRUE(run_until(io, [&] { return contents(folder / "plain/state") == "text"; }));
  EXPECT_TRUE(run_until(io, [&] { return told.size() >= 2; }));
  ASSERT_EQ(told.size(), 2U);
  EXPECT_TRUE(file.is_written());
  EXPECT_EQ(file.error(), "");
  EXPECT_THAT(told[0], HasSubstr("event=file-not-written"));
  EXPECT_THAT(told[0], HasSubstr("error=\"Not a directory\""));
  EXPECT_THAT(told[1], HasSubstr("event=file-written"));
  hear_log(nullptr);
}

TEST(EventRecorder, GoesOnWhereTheLastProcessEnded) {
  const Folder folder;
  boost::asio::io_context io;
  for (int life = 1; life <= 2; ++life) {
    const EventRecorder recorder(io, folder / "events/pulse");
    log({Level::notice, "start", "", {{"life", std::to_string(life)}}});
    log({Level::debug, "detail", "", {}});
    EXPECT_EQ(recorder.answer({}).at("events").as_array().size(), static_cast<size_t>(life));
    EXPECT_EQ(recorder.answer({{"after", life - 1}}).at("events").as_array().size(), 1U);
  }
}

TEST(EventRecorder, AFileThatIsNoneIsToldAndBegunAnew) {
  const Folder folder;
  std::filesystem::create_directory(folder / "events");
  std::ofstream(folder / "events/pulse") << "rubbish";
  boost::asio::io_context io;
  {
    const EventRecorder recorder(io, folder / "events/pulse");
    const auto answer = recorder.answer({});
    ASSERT_EQ(answer.at("events").as_array().size(), 1U);
    EXPECT_EQ(answer.at("events").at(0).at("event"), "events-unreadable");
  }
  EXPECT_TRUE(EventLog::read(contents(folder / "events/pulse")));
}

}  // namespace
}  // namespace lvs::io
