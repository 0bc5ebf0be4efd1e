#include "nanny/io/probe_http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
using config::HttpCheck;
using testing::HasSubstr;

class ProbeHttp : public testing::Test {
 protected:
  ProbeResult probe(const Endpoint& target, const HttpCheck& check = {}, Duration timeout = 10s) {
    std::optional<ProbeResult> told;
    const auto probe =
        http_.probe(target, check, timeout, [&](ProbeResult result) { told = std::move(result); });
    EXPECT_FALSE(told) << "told before the start returned";
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  boost::asio::io_context loop_;
  HttpClient http_{loop_, ""};
};

// Answers each connection with this text as soon as the request's headers are there, then closes.
TcpServer::Temper answer(std::string text, std::string* heard = nullptr) {
  return [text = std::move(text), heard](TcpServer::Socket& socket) {
    std::string request;
    char byte;
    while (!request.ends_with("\r\n\r\n") && socket.read_some(boost::asio::buffer(&byte, 1)) == 1) {
      request.push_back(byte);
    }
    if (heard != nullptr) {
      *heard = request;
    }
    boost::system::error_code ignored;
    boost::asio::write(socket, boost::asio::buffer(text), ignored);
    socket.close();
  };
}

// The server answers from a thread of its own: reading a request blocks, as servers may.
class HttpServer {
 public:
  explicit HttpServer(std::string text)
      : server_(loop_, answer(std::move(text), &heard_)),
        place(server_.place()),
        thread_([this] { loop_.run(); }) {}
  ~HttpServer() {
    loop_.stop();
    thread_.join();
  }
  const std::string& heard() const { return heard_; }

 private:
  boost::asio::io_context loop_;
  std::string heard_;
  TcpServer server_;

 public:
  const Endpoint place;

 private:
  std::thread thread_;
};

std::string ok_with(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST_F(ProbeHttp, AnAcceptedStatusWorks) {
  HttpServer server(ok_with("hello"));
  EXPECT_EQ(probe(server.place), works("status 200"));
}

TEST_F(ProbeHttp, TheRequestAsksForPathAndHostOfTheCheck) {
  HttpServer server(ok_with(""));
  HttpCheck check;
  check.path = "/alive?deep=1";
  check.host = "www.example.test";
  EXPECT_EQ(probe(server.place, check).outcome, Outcome::works);
  EXPECT_THAT(server.heard(), testing::StartsWith("GET /alive?deep=1 HTTP/1.1\r\n"));
  EXPECT_THAT(
      server.heard(),
      HasSubstr("\r\nHost: www.example.test:" + std::to_string(server.place.port) + "\r\n"));
}

TEST_F(ProbeHttp, AnotherStatusFails) {
  HttpServer server("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(probe(server.place).reason, "status 503");
}

TEST_F(ProbeHttp, ARedirectIsJudgedAndNotFollowed) {
  HttpServer elsewhere(ok_with("elsewhere"));
  HttpServer server("HTTP/1.1 302 Found\r\nLocation: http://" + to_string(elsewhere.place) +
                    "/\r\nContent-Length: 0\r\n\r\n");
  HttpCheck check;
  check.status = {{200, 299}};
  EXPECT_EQ(probe(server.place, check).reason, "status 302");
  EXPECT_EQ(elsewhere.heard(), "");
}

TEST_F(ProbeHttp, TheBodyIsSearched) {
  HttpServer server(ok_with("pool: ok\n"));
  HttpCheck check;
  check.body_regex = "pool: (ok|fine)";
  EXPECT_EQ(probe(server.place, check).outcome, Outcome::works);
  check.body_regex = "pool: empty";
  EXPECT_EQ(probe(server.place, check).reason,
            "status 200, body is not what was expected: \"pool: ok\\n\"");
  check.body_regex = "(";
  EXPECT_THAT(probe(server.place, check).reason, HasSubstr("body: missing )"));
}

TEST_F(ProbeHttp, AHandshakeThatHangsIsToldFromAConnectionThatDoes) {
  TcpServer server(loop_, stall);
  HttpCheck check;
  check.tls = true;
  EXPECT_EQ(probe(server.place(), check, 3s).reason, "TLS handshake: timed out");
}

TEST_F(ProbeHttp, AnEndlessBodyIsCutAndJudged) {
  HttpServer server("HTTP/1.1 200 OK\r\n\r\nready" + std::string(4 << 20, '.'));
  HttpCheck check;
  check.body_regex = "ready";
  EXPECT_EQ(probe(server.place, check), works("status 200"));
}

TEST_F(ProbeHttp, EndlessHeadersFail) {
  std::string answer = "HTTP/1.1 200 OK\r\n";
  while (answer.size() < 80'000) {
    answer += "X-Filler: " + std::string(1000, 'x') + "\r\n";
  }
  HttpServer server(answer + "\r\n");
  EXPECT_EQ(probe(server.place).reason, "http: more than 65536 bytes of headers");
}

TEST_F(ProbeHttp, HeadWorksWithoutABody) {
  HttpServer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  HttpCheck check;
  check.method = "HEAD";
  EXPECT_EQ(probe(server.place, check), works("status 200"));
  EXPECT_THAT(server.heard(), testing::StartsWith("HEAD / "));
}

TEST_F(ProbeHttp, WhatIsNotHttpFails) {
  HttpServer server("220 mail.example.test ESMTP\r\n");
  EXPECT_EQ(probe(server.place).outcome, Outcome::fails);
}

TEST_F(ProbeHttp, AClosedPortIsRefused) {
  TcpServer server(loop_, stall);
  const Endpoint place = server.place();
  server.close();
  EXPECT_EQ(probe(place), fails("connect: Connection refused"));
}

TEST_F(ProbeHttp, AServerThatSaysNothingTimesOut) {
  TcpServer server(loop_, stall);
  EXPECT_EQ(probe(server.place(), {}, 2s), read_timed_out(server.place()));
}

TEST_F(ProbeHttp, ACancelledRequestSaysNothing) {
  TcpServer server(loop_, stall);
  bool told = false;
  auto probe = http_.probe(server.place(), {}, 10s, [&](const ProbeResult&) { told = true; });
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections() == 1; }));
  probe.reset();
  loop_.run_for(20ms);
  EXPECT_FALSE(told);
}

TEST_F(ProbeHttp, ManyRequestsAtOnceEachGetTheirAnswer) {
  HttpServer server(ok_with("hello"));
  std::vector<std::unique_ptr<Probe>> probes;
  size_t working = 0;
  for (int i = 0; i < 200; ++i) {
    probes.push_back(http_.probe(server.place, {}, 10s, [&](const ProbeResult& result) {
      working += result.outcome == Outcome::works;
    }));
  }
  EXPECT_TRUE(run_until(loop_, [&] { return working == 200; })) << working;
}

}  // namespace
}  // namespace lvs::nanny::io
