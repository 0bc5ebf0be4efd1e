#include "common/io/control_socket.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <filesystem>
#include <thread>

namespace lvs::io {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

// A name that no other test of this machine has.
std::string unique_name() {
  static int count = 0;
  return std::filesystem::temp_directory_path() /
         ("lvs-control-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
}

const ControlWords kWords{.reads = {"status"}, .unlogged = {"role"}};

json::object echo(const json::object& request) {
  return {{"heard", request}};
}

// Serves from a thread of its own, since control_call blocks its caller.
class Served {
 public:
  explicit Served(const ControlServer::Handler& handler)
      : server_(std::move(ControlServer::listen(io_, name, kWords, handler)).value()),
        thread_([this] { io_.run(); }) {}
  ~Served() {
    io_.stop();
    thread_.join();
  }
  const std::string name = unique_name();

 private:
  boost::asio::io_context io_;
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

TEST(ControlSocket, AnswersOneLineForOneLine) {
  Served served(echo);
  const auto reply = control_call(served.name, {{"do", "status"}}, 10s);
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->at("heard").at("do"), "status");
  EXPECT_EQ(reply->at("ok"), true);
}

TEST(ControlSocket, ARefusalComesBackAsAnErrorWithItsText) {
  Served served([](const json::object&) { return control_error("not now"); });
  const auto reply = control_call(served.name, {{"do", "switchover"}}, 10s);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().what, "not now");
}

TEST(ControlSocket, NobodyListeningIsSaidAtOnce) {
  const auto reply = control_call(unique_name(), {{"do", "status"}}, 10s);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ECONNREFUSED);
}

TEST(ControlSocket, ASecondServerOfTheSameNameIsRefused) {
  boost::asio::io_context io;
  const std::string name = unique_name();
  const auto first = ControlServer::listen(io, name, kWords, echo);
  ASSERT_TRUE(first);
  const auto second = ControlServer::listen(io, name, kWords, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST(ControlSocket, ALastingClientIsAnsweredInOrderAndToldOfTheEnd) {
  boost::asio::io_context io;
  const std::string name = unique_name();
  auto server = std::move(ControlServer::listen(io, name, kWords, echo)).value();
  std::vector<int64_t> heard;
  bool closed = false;
  auto client = std::move(ControlClient::connect(
                              io, name,
                              [&](const json::object& reply) {
                                heard.push_back(reply.at("heard").at("n").as_int64());
                                if (heard.size() == 3) {
                                  io.stop();
                                }
                              },
                              [&] { closed = true; }))
                    .value();
  for (int n = 0; n < 3; ++n) {
    client->send({{"n", n}});
  }
  io.run_for(10s);
  EXPECT_EQ(heard, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_FALSE(closed);
}

// In a process that is somebody else; true when it returned true there.
template <typename F>
bool as_nobody(F what) {
  constexpr uid_t kNobody = 65534;
  const pid_t child = ::fork();
  if (child == 0) {
    _exit(::setgid(kNobody) == 0 && ::setuid(kNobody) == 0 && what() ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ControlSocket, TheSecondServerIsToldWhoHasTheName) {
  boost::asio::io_context io;
  const std::string name = unique_name();
  const auto first = ControlServer::listen(io, name, kWords, echo);
  const auto second = ControlServer::listen(io, name, kWords, echo);
  EXPECT_NE(second.error().what.find("pid " + std::to_string(::getpid())), std::string::npos)
      << second.error().what;
}

TEST(ControlSocket, WhatAKilledServerLeftIsInNobodysWay) {
  const std::string name = unique_name();
  const pid_t child = ::fork();
  if (child == 0) {
    boost::asio::io_context io;
    const auto server = ControlServer::listen(io, name, kWords, echo);
    _exit(server ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  ASSERT_TRUE(std::filesystem::exists(name)) << "the child left its socket";
  boost::asio::io_context io;
  EXPECT_TRUE(ControlServer::listen(io, name, kWords, echo));
}

TEST(ControlSocket, TheStatusSocketAnswersWhatChangesNothingAndRefusesTheRest) {
  Served served(echo);
  EXPECT_TRUE(control_call(status_socket_of(served.name), {{"do", "status"}}, 10s));
  const auto refused = control_call(status_socket_of(served.name), {{"do", "switchover"}}, 10s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what,
            "switchover: only root with the capability CAP_NET_ADMIN may ask for this");
}

TEST(ControlSocket, AnotherUserReachesNeitherSocket) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root, to become somebody else";
  }
  Served served(echo);
  EXPECT_TRUE(as_nobody([&] {
    return control_call(served.name, {{"do", "status"}}, 1s).error().code == EACCES &&
           control_call(status_socket_of(served.name), {{"do", "status"}}, 1s).error().code ==
               EACCES;
  }));
}

TEST(ControlSocket, AFloodOfStatusQuestionsIsAnsweredAtABoundedRate) {
  Served served(echo);
  const TimePoint begin = Clock::now();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(control_call(status_socket_of(served.name), {{"do", "status"}}, 10s));
  }
  EXPECT_GE(Clock::now() - begin, 4 * kStatusAnswerPause);
}

// Processor time, not time that passes: an acceptor that spins burns a whole second of it.
TEST(ControlSocket, WithoutDescriptorsItWaitsAndComesBack) {
  boost::asio::io_context io;
  const std::string name = unique_name();
  auto server = std::move(ControlServer::listen(io, name, kWords, echo)).value();
  const auto client = ControlClient::connect(io, name, {}, {});
  ASSERT_TRUE(client);
  rlimit allowed{};
  ::getrlimit(RLIMIT_NOFILE, &allowed);
  const rlimit none{1, allowed.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const std::clock_t begin = std::clock();
  io.run_for(1s);
  const std::clock_t burnt = std::clock() - begin;
  ::setrlimit(RLIMIT_NOFILE, &allowed);
  EXPECT_LT(burnt, CLOCKS_PER_SEC / 4);
  bool answered = false;
  const auto later = ControlClient::connect(io, name,
                                            [&](const json::object&) {
                                              answered = true;
                                              io.stop();
                                            },
                                            {});
  ASSERT_TRUE(later);
  (*later)->send({{"do", "status"}});
  io.restart();
  io.run_for(10s);
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace lvs::io
