// The embedded core's socket for real: server and client in network namespaces that the test makes
// for itself.
#include <grp.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <thread>

#include "common/io/local_socket.h"
#include "common/io/run_dir.h"
#include "common/io/unique_fd.h"
#include "common/ipvs/client.h"
#include "common/ipvs/io/core_socket.h"
#include "common/ipvs/io/cores.h"
#include "common/ipvs/io/embedded_transport.h"
#include "common/ipvs/io/server.h"

namespace lvs::ipvs::io {
namespace {

using lvs::io::UniqueFd;

constexpr uid_t kNobody = 65534;
constexpr auto kImpatience = std::chrono::milliseconds(200);

// A core that says who it is by the size of its connection table, and lists as many connections as
// it is told.
Handler core(uint32_t name, size_t connections = 0) {
  return [=](const Request& request) -> Result<Reply> {
    if (std::holds_alternative<GetInfo>(request)) {
      return Reply{Info{.connection_table_size = name}};
    }
    if (std::holds_alternative<GetConnections>(request)) {
      const Connection one{.client = {*Address::parse("198.51.100.7"), 40000},
                           .state = "ESTABLISHED"};
      return Reply{std::vector<Connection>(connections, one)};
    }
    return Error{ENOENT, "no such scheduler: \"xyz\""};
  };
}

class RunningServer {
 public:
  explicit RunningServer(Handler handler) {
    auto server = Server::listen(io_, std::move(handler));
    if (!server) {
      ADD_FAILURE() << server.error().what;
      return;
    }
    server_ = std::move(server).value();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~RunningServer() {
    io_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

class IpvsSocket : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
      GTEST_SKIP() << "needs root, to make network namespaces";
    }
    std::filesystem::create_directories("/run/lvs");
    ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(mount("tmpfs", "/run/lvs", "tmpfs", 0, nullptr), 0);
  }

  static UniqueFd here() {
    return UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }

  static uint32_t who_answers() {
    const auto handler = embedded_core();
    if (!handler) {
      return 0;
    }
    const auto reply = handler.value()(GetInfo{});
    return reply ? std::get<Info>(*reply).connection_table_size : 0;
  }

  // A connection that knows nothing of the protocol.
  static UniqueFd raw_connection() {
    UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto address = lvs::io::socket_address(*lvs::io::run_dir_path() + kCoreSocket);
    const int failed =
        connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
    EXPECT_EQ(failed, 0);
    return fd;
  }

  static bool is_closed_by_server(const UniqueFd& fd) {
    char byte;
    return recv(fd.get(), &byte, 1, 0) <= 0;
  }

  // Runs `what` in a child that is nobody; true when it returned true there.
  template <typename F>
  static bool as_nobody(F what) {
    const pid_t child = fork();
    if (child == 0) {
      const bool ok =
          setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0 && what();
      _exit(ok ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
};

TEST_F(IpvsSocket, ServerAndClientMeetInAFreshNamespace) {
  const RunningServer server(core(7));
  EXPECT_EQ(who_answers(), 7U);
}

TEST_F(IpvsSocket, NobodyListening) {
  const auto handler = embedded_core();
  ASSERT_FALSE(handler);
  EXPECT_EQ(handler.error().code, ECONNREFUSED);
  EXPECT_NE(handler.error().what.find("no embedded core"), std::string::npos);
}

TEST_F(IpvsSocket, ErrorsArriveWithErrnoAndText) {
  const RunningServer server(core(7));
  const auto handler = embedded_core();
  ASSERT_TRUE(handler);
  const auto reply = handler.value()(Flush{});
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ENOENT);
  EXPECT_EQ(reply.error().what, "clear the table: no such scheduler: \"xyz\"");
}

TEST_F(IpvsSocket, TwoServersInTwoNamespacesNeverMeet) {
  const UniqueFd first = here();
  const RunningServer one(core(1));
  ASSERT_EQ(unshare(CLONE_NEWNET), 0);
  EXPECT_EQ(who_answers(), 0U);
  const RunningServer two(core(2));
  EXPECT_EQ(who_answers(), 2U);
  ASSERT_EQ(setns(first.get(), CLONE_NEWNET), 0);
  EXPECT_EQ(who_answers(), 1U);
}

TEST_F(IpvsSocket, ASecondServerInOneNamespaceIsRefused) {
  const RunningServer one(core(1));
  boost::asio::io_context io;
  const auto second = Server::listen(io, core(2));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST_F(IpvsSocket, TheNameIsFreeAgainAfterTheServer) {
  { const RunningServer one(core(1)); }
  const RunningServer two(core(2));
  EXPECT_EQ(who_answers(), 2U);
}

TEST_F(IpvsSocket, APeerThatIsNotRootIsRefused) {
  const RunningServer server(core(7));
  EXPECT_TRUE(as_nobody([] { return who_answers() == 0; }));
  EXPECT_EQ(who_answers(), 7U);
}

TEST_F(IpvsSocket, NobodyElseCanTakeTheNameWhileTheServerIsAway) {
  { const RunningServer gone(core(7)); }
  EXPECT_TRUE(as_nobody([] {
    const auto address = lvs::io::socket_address(*lvs::io::run_dir_path() + kCoreSocket);
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    return bind(fd, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0;
  }));
  const RunningServer back(core(8));
  EXPECT_EQ(who_answers(), 8U);
}

TEST_F(IpvsSocket, RootWithoutTheCapabilityThatIpVsAsksForMayLookAndNotTouch) {
  const RunningServer server(core(7));
  const pid_t child = fork();
  if (child == 0) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    const bool dropped = syscall(SYS_capset, &header, data) == 0;
    const auto handler = embedded_core();
    const auto change = handler ? handler.value()(Flush{}) : Result<Reply>(handler.error());
    _exit(dropped && who_answers() == 7 && !change && change.error().code == EPERM ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// What a namespace left that is gone is not taken for that of one that got its number.
TEST_F(IpvsSocket, TheFolderOfANamespaceHasNothingOfAnother) {
  const std::string folder = *lvs::io::run_dir();
  std::ofstream(folder + "/namespace") << "4711\n";
  std::ofstream(folder + "/left") << "by another\n";
  std::filesystem::create_directories("/run/lvs/1");
  ASSERT_EQ(*lvs::io::run_dir(), folder);
  EXPECT_FALSE(std::filesystem::exists(folder + "/left"));
  EXPECT_FALSE(std::filesystem::exists("/run/lvs/1")) << "nobody lives in that namespace";
  std::ofstream(folder + "/kept") << "by us\n";
  ASSERT_EQ(*lvs::io::run_dir(), folder);
  EXPECT_TRUE(std::filesystem::exists(folder + "/kept"));
}

TEST_F(IpvsSocket, GarbageEndsOnlyItsOwnConnection) {
  const RunningServer server(core(7));
  const auto handler = embedded_core();
  ASSERT_TRUE(handler);
  const Bytes whole = encode_request(GetInfo{}, kEmbeddedFamily, 1);
  const std::vector<Bytes> rubbish = {
      {0}, Bytes(16, 0xff), Bytes(60'000, 0x41), Bytes(whole.begin(), whole.begin() + 10)};
  for (const Bytes& packet : rubbish) {
    const UniqueFd fd = raw_connection();
    ASSERT_EQ(send(fd.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
    EXPECT_TRUE(is_closed_by_server(fd));
    EXPECT_TRUE(handler.value()(GetInfo{}));
  }
}

TEST_F(IpvsSocket, AnOversizedPacketEndsItsConnection) {
  const RunningServer server(core(7));
  const UniqueFd fd = raw_connection();
  const Bytes packet(100'000, 0);
  ASSERT_EQ(send(fd.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  EXPECT_TRUE(is_closed_by_server(fd));
  EXPECT_EQ(who_answers(), 7U);
}

TEST_F(IpvsSocket, ALongDumpArrivesWhole) {
  constexpr size_t kMany = 50'000;
  const RunningServer server(core(7, kMany));
  const auto handler = embedded_core();
  ASSERT_TRUE(handler);
  const auto reply = handler.value()(GetConnections{});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(std::get<std::vector<Connection>>(*reply).size(), kMany);
}

TEST_F(IpvsSocket, AClientThatDoesNotReadItsDumpHoldsUpNobody) {
  const RunningServer server(core(7, 50'000));
  const UniqueFd lazy = raw_connection();
  const Bytes request = encode_request(GetConnections{}, kEmbeddedFamily, 1);
  ASSERT_GT(send(lazy.get(), request.data(), request.size(), 0), 0);
  EXPECT_EQ(who_answers(), 7U);
}

// A core whose loop does not turn, as one that was stopped: the kernel goes on taking connections
// and packets for it.
class StoppedServer {
 public:
  explicit StoppedServer(std::function<void()> act) {
    auto server = Server::listen(io_, [act](const Request&) {
      act();
      return Result<Reply>(Reply{Ack{}});
    });
    server_ = std::move(server).value();
  }
  void goes_on() { io_.poll(); }

 private:
  boost::asio::io_context io_{1};
  std::unique_ptr<Server> server_;
};

TEST_F(IpvsSocket, AStoppedCoreDoesNotCarryOutWhatWasGivenUp) {
  int carried_out = 0;
  StoppedServer server([&] { ++carried_out; });
  {
    const auto handler = embedded_core(kImpatience);
    ASSERT_TRUE(handler);
    const auto reply = handler.value()(Flush{});
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().code, ETIMEDOUT);
    EXPECT_EQ(reply.error().what,
              "clear the table: lvsd (pid " + std::to_string(getpid()) +
                  ") does not answer: it has not taken this request and will not carry it out");
    server.goes_on();
    EXPECT_EQ(carried_out, 0) << "its sender waits no longer, and is still there";
    EXPECT_FALSE(handler.value()(Flush{}));
  }
  server.goes_on();
  EXPECT_EQ(carried_out, 0);
}

TEST_F(IpvsSocket, WhatACoreHadTakenWhenItStoppedIsSaidToBeUnknown) {
  std::promise<void> goes_on;
  const RunningServer server([stopped = goes_on.get_future().share()](const Request&) {
    stopped.wait();
    return Result<Reply>(Reply{Ack{}});
  });
  const auto handler = embedded_core(kImpatience);
  ASSERT_TRUE(handler);
  const auto reply = handler.value()(Flush{});
  goes_on.set_value();
  ASSERT_FALSE(reply);
  EXPECT_NE(reply.error().what.find("it has taken this request"), std::string::npos)
      << reply.error().what;
}

TEST_F(IpvsSocket, ConnectionsAreLimited) {
  const RunningServer server(core(7));
  std::vector<Handler> held;
  for (size_t i = 0; i < kConnectionsMax; ++i) {
    auto handler = embedded_core();
    ASSERT_TRUE(handler);
    ASSERT_TRUE(handler.value()(GetInfo{}));
    held.push_back(std::move(handler).value());
  }
  EXPECT_EQ(who_answers(), 0U);
  held.clear();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  uint32_t answers = 0;
  while (answers == 0 && std::chrono::steady_clock::now() < patience) {
    answers = who_answers();  // Nobody's, until the server has seen them go.
  }
  EXPECT_EQ(answers, 7U);
}

}  // namespace
}  // namespace lvs::ipvs::io
