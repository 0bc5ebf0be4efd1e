#include "common/io/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>

#include "common/io/unique_fd.h"

namespace lvs::io {
namespace {

// What an init system is to a daemon: a bound datagram socket, and its name in the environment.
class InitSystem {
 public:
  explicit InitSystem(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    if (name.front() == '@') {
      address.sun_path[0] = '\0';
    }
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0) << name;
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~InitSystem() { ::unsetenv("NOTIFY_SOCKET"); }

  // The datagram that waits; empty when there is none.
  std::string heard() {
    char text[100];
    const ssize_t size = ::recv(socket_.get(), text, sizeof text, MSG_DONTWAIT);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

 private:
  UniqueFd socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

std::string unique_name() {
  return "lvs-test-notify-" + std::to_string(::getpid());
}

TEST(Notify, ReachesASocketInTheFileSystem) {
  const std::string path = std::filesystem::temp_directory_path() / unique_name();
  InitSystem init(path);
  ASSERT_TRUE(notify_init("READY=1"));
  EXPECT_EQ(init.heard(), "READY=1");
  std::filesystem::remove(path);
}

TEST(Notify, ReachesASocketInTheAbstractNameSpace) {
  InitSystem init("@" + unique_name());
  ASSERT_TRUE(notify_init("STOPPING=1"));
  EXPECT_EQ(init.heard(), "STOPPING=1");
}

TEST(Notify, WithoutAnInitSystemThereIsNothingToDo) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_TRUE(notify_init("READY=1"));
  ::setenv("NOTIFY_SOCKET", "", 1);
  EXPECT_TRUE(notify_init("READY=1"));
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(Notify, ASocketThatNobodyListensToIsAnError) {
  ::setenv("NOTIFY_SOCKET", ("@nobody-" + unique_name()).c_str(), 1);
  const auto told = notify_init("READY=1");
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, ECONNREFUSED);
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(Notify, ANameThatNoSocketCanHaveIsRefused) {
  for (const std::string& name :
       {std::string("run/notify"), std::string("vsock:2:1234"), "/" + std::string(107, 'x')}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    const auto told = notify_init("READY=1");
    ASSERT_FALSE(told) << name;
    EXPECT_EQ(told.error().code, EINVAL) << name;
  }
  ::unsetenv("NOTIFY_SOCKET");
}

TEST(Watchdog, IsFedTwiceInEachOfItsPeriodsByTheProcessThatItWatches) {
  ::unsetenv("WATCHDOG_PID");
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_EQ(watchdog_pause(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "10000000", 1);
  EXPECT_EQ(watchdog_pause(), std::chrono::seconds{5});
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_pause(), std::chrono::seconds{5});
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(watchdog_pause(), std::nullopt) << "meant for another process";
  ::unsetenv("WATCHDOG_PID");
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(watchdog_pause(), std::nullopt);
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace lvs::io
