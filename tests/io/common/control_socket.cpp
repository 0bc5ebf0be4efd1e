#include "common/io/control_socket.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <thread>

namespace lvs::io {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

// A name that no other test of this machine has.
std::string unique_name() {
  static int count = 0;
  return "@lvs-test/" + std::to_string(::getpid()) + "/" + std::to_string(count++);
}

json::object echo(const json::object& request) {
  return {{"heard", request}};
}

// Serves from a thread of its own, since control_call blocks its caller.
class Served {
 public:
  explicit Served(const ControlServer::Handler& handler)
      : server_(std::move(ControlServer::listen(io_, name, handler)).value()),
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
  const auto first = ControlServer::listen(io, name, echo);
  ASSERT_TRUE(first);
  const auto second = ControlServer::listen(io, name, echo);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EADDRINUSE);
}

TEST(ControlSocket, ALastingClientIsAnsweredInOrderAndToldOfTheEnd) {
  boost::asio::io_context io;
  const std::string name = unique_name();
  auto server = std::move(ControlServer::listen(io, name, echo)).value();
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

}  // namespace
}  // namespace lvs::io
