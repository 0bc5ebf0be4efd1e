// The metrics over HTTP, and what strangers do to it: on a port of the kernel's choice.
#include "tools/lvsctl/metrics/io/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <thread>

#include "common/io/unique_fd.h"

namespace lvs::lvsctl {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kGet = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";

class Serving : public testing::Test {
 protected:
  void serve(const ServerLimits& limits) {
    std::promise<uint16_t> port;
    auto known = port.get_future();
    thread_ = std::thread([this, limits, &port] {
      const auto served = serve_metrics(
          {*Address::parse("127.0.0.1"), 0}, limits,
          [this] { return "page " + std::to_string(++pages_) + "\n# EOF\n"; },
          [&](const Endpoint& at) { port.set_value(at.port); });
      EXPECT_TRUE(served);
    });
    port_ = known.get();
  }
  void TearDown() override {
    ::kill(::getpid(), SIGTERM);
    thread_.join();
  }

  io::UniqueFd connect() const {
    io::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in place{};
    place.sin_family = AF_INET;
    place.sin_port = htons(port_);
    place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&place), sizeof place), 0);
    return fd;
  }
  // All that comes until the server closes.
  static std::string rest_of(const io::UniqueFd& fd) {
    std::string text;
    char piece[4096];
    for (ssize_t size; (size = ::read(fd.get(), piece, sizeof piece)) > 0;) {
      text.append(piece, static_cast<size_t>(size));
    }
    return text;
  }
  std::string ask(const std::string& request) const {
    const io::UniqueFd fd = connect();
    EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    return rest_of(fd);
  }

  std::thread thread_;
  uint16_t port_ = 0;
  int pages_ = 0;
};

TEST_F(Serving, ThePageIsGivenAndMadeOnceWhileItIsYoung) {
  serve({.page_age = 1h});
  for (int i = 0; i < 3; ++i) {
    const std::string answer = ask(kGet);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/openmetrics-text; version=1.0.0"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\npage 1\n# EOF\n"));
  }
}

TEST_F(Serving, AnOlderPageIsMadeAnew) {
  serve({.page_age = 0s});
  EXPECT_THAT(ask(kGet), HasSubstr("page 1\n"));
  EXPECT_THAT(ask(kGet), HasSubstr("page 2\n"));
}

TEST_F(Serving, NothingElseIsServed) {
  serve({});
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("GET /metrics/../x HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_EQ(ask("no HTTP\r\n\r\n"), "");
  const std::string head = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: "));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
}

TEST_F(Serving, ALongHeadAndABodyAreRefused) {
  serve({.head_bytes = 1000});
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nX: " + std::string(2000, 'x')),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(ask("GET /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
}

TEST_F(Serving, WhoSaysNothingIsLetGo) {
  serve({.patience = 100ms});
  EXPECT_EQ(rest_of(connect()), "");
  EXPECT_EQ(ask("GET /metr"), "");
  EXPECT_THAT(ask(kGet), HasSubstr("page 1\n"));
}

TEST_F(Serving, ParametersAreTaken) {
  serve({});
  EXPECT_THAT(ask("GET /metrics?collect=x HTTP/1.1\r\nHost: x\r\n\r\n"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(ask("GET /metricsx?a HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(Serving, OneTooManyIsToldSoAndTheOthersGoOn) {
  serve({.connections = 2, .refusal_patience = 100ms, .patience = 1h});
  const io::UniqueFd first = connect();
  const io::UniqueFd second = connect();
  const std::string refused = ask(kGet);
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(refused, EndsWith("\r\n\r\ntoo many clients at once\n"));
  EXPECT_EQ(rest_of(connect()), "") << "it asks for nothing";
  EXPECT_GT(::send(first.get(), kGet, std::string(kGet).size(), MSG_NOSIGNAL), 0);
  EXPECT_THAT(rest_of(first), HasSubstr("page 1\n"));
}

}  // namespace
}  // namespace lvs::lvsctl
