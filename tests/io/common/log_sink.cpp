#include "common/io/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "common/io/unique_fd.h"

namespace lvs::io {
namespace {

using testing::IsEmpty;
using testing::MatchesRegex;

std::string written(const LogEvent& event) {
  testing::internal::CaptureStderr();
  open_log("lvsd", LogTarget::standard_error, Level::info);
  log(event);
  return testing::internal::GetCapturedStderr();
}

TEST(LogSink, ALineTellsWhenWhoHowBadAndWhat) {
  EXPECT_THAT(written({Level::warning, "drift", "", {{"differences", "2"}}}),
              MatchesRegex("....-..-.. ..:..:..\\.... lvsd\\[" + std::to_string(::getpid()) +
                           "\\]: warning event=drift differences=2\n"));
}

TEST(LogSink, WhatIsBelowTheLowestLevelIsNotWritten) {
  EXPECT_THAT(written({Level::debug, "probe", "", {}}), IsEmpty());
}

// A text is no format: neither spdlog's nor fmt's marks in it mean anything.
TEST(LogSink, BracesAndPercentSignsAreWrittenAsTheyAre) {
  EXPECT_THAT(written({Level::info, "odd", "", {{"text", "{}%v%P"}}}),
              MatchesRegex(".*event=odd text=\\{\\}%v%P\n"));
}

// Standard error of this process is another descriptor while it lives.
class StandardErrorIs {
 public:
  explicit StandardErrorIs(int fd) : before_(::dup(STDERR_FILENO)) { ::dup2(fd, STDERR_FILENO); }
  ~StandardErrorIs() { ::dup2(before_.get(), STDERR_FILENO); }

 private:
  UniqueFd before_;
};

std::string all_of(int fd) {
  std::string bytes(1 << 20, '\0');
  const ssize_t size = ::read(fd, bytes.data(), bytes.size());
  bytes.resize(size > 0 ? static_cast<size_t>(size) : 0);
  return bytes;
}

void nobody_reads(int reader, int writer) {
  const StandardErrorIs stalled(writer);
  open_log("pulse", LogTarget::standard_error, Level::info);
  for (int i = 0; i < 10'000; ++i) {
    log({Level::info, "tick", "", {{"text", std::string(100, 'x')}}});
  }
  all_of(reader);
  log({Level::info, "read-again", "", {}});
  const std::string rest = all_of(reader);
  const size_t told = rest.find(": warning event=log-lines-dropped count=");
  ASSERT_NE(told, std::string::npos) << rest;
  EXPECT_THAT(rest.substr(told), MatchesRegex(".*count=[1-9][0-9]*\n.*event=read-again\n"));
}

TEST(LogSink, APipeThatNobodyReadsDelaysNothing) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reader{ends[0]}, writer{ends[1]};
  nobody_reads(reader.get(), writer.get());
  EXPECT_EQ(::fcntl(writer.get(), F_GETFL) & O_NONBLOCK, 0) << "others share it";
}

TEST(LogSink, AJournalThatIsStoppedDelaysNothing) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd reader{ends[0]}, writer{ends[1]};
  nobody_reads(reader.get(), writer.get());
}

// The journal's own socket, in a /run of this test's own.
TEST(LogSink, TheJournalIsToldThePriorityAndNotTheTime) {
  ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
  ASSERT_EQ(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
  ASSERT_EQ(::mount("tmpfs", "/run", "tmpfs", 0, nullptr), 0);
  std::filesystem::create_directories("/run/systemd/journal");
  const sockaddr_un path{AF_UNIX, "/run/systemd/journal/stdout"};
  const auto* address = reinterpret_cast<const sockaddr*>(&path);
  const UniqueFd journal{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::bind(journal.get(), address, sizeof path), 0);
  ASSERT_EQ(::listen(journal.get(), 1), 0);
  const UniqueFd writer{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  ASSERT_EQ(::connect(writer.get(), address, sizeof path), 0);
  const UniqueFd reader{::accept4(journal.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  const StandardErrorIs read_by_journal(writer.get());
  open_log("lvsd", LogTarget::standard_error, Level::debug);
  log({Level::error, "worst", "", {}});
  log({Level::warning, "drift", "partner dead", {}});
  log({Level::notice, "fine", "", {}});
  log({Level::debug, "probe", "", {}});
  const std::string us = "lvsd[" + std::to_string(::getpid()) + "]: ";
  EXPECT_EQ(all_of(reader.get()), "<3>" + us + "event=worst\n<4>" + us +
                                      "partner dead event=drift\n<6>" + us + "event=fine\n<7>" +
                                      us + "event=probe\n");
}

}  // namespace
}  // namespace lvs::io
