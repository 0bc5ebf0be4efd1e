#include "nanny/io/probe_tcp.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/read.hpp>

#include "nanny/io/endpoint.h"
#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using config::SendExpect;

class ProbeTcp : public testing::Test {
 protected:
  ProbeResult probe(const Endpoint& target, const SendExpect& check = {}, Duration timeout = 10s) {
    std::optional<ProbeResult> told;
    const auto probe = probe_tcp(loop_, target, check, timeout, [&](ProbeResult result) {
      EXPECT_FALSE(told) << "told twice";
      told = std::move(result);
    });
    EXPECT_FALSE(told) << "told before the start returned";
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  asio::io_context loop_;
};

// Sends the text one byte at a time, each when the one before is through and `pause` is over.
class Dribbler {
 public:
  Dribbler(asio::io_context& loop, std::string text, Duration pause)
      : timer_(loop), text_(std::move(text)), pause_(pause) {}
  void begin(TcpServer::Socket& socket) {
    timer_.expires_after(pause_);
    timer_.async_wait([this, &socket](const boost::system::error_code& error) {
      boost::system::error_code ignored;
      if (!error && sent_ < text_.size() &&
          socket.send(asio::buffer(&text_[sent_++], 1), 0, ignored) == 1) {
        begin(socket);
      }
    });
  }
  size_t sent() const { return sent_; }

 private:
  asio::steady_timer timer_;
  std::string text_;
  Duration pause_;
  size_t sent_ = 0;
};

TEST_F(ProbeTcp, AConnectionIsEnoughWhenNothingIsExpected) {
  TcpServer server(loop_, stall);
  EXPECT_EQ(probe(server.place()), works("connected"));
}

TEST_F(ProbeTcp, AClosedPortIsRefused) {
  TcpServer server(loop_, stall);
  const Endpoint place = server.place();
  server.close();
  EXPECT_EQ(probe(place), fails("connect: Connection refused"));
}

TEST_F(ProbeTcp, AServerThatLetsConnectionsHangTimesOut) {
  const int full = ::socket(AF_INET, SOCK_STREAM, 0);
  asio::ip::tcp::acceptor listener(loop_, asio::ip::tcp::v4(), full);
  listener.bind({asio::ip::address_v4::loopback(), 0});
  listener.listen(0);
  const Endpoint place = loopback(listener.local_endpoint().port());
  std::deque<asio::ip::tcp::socket> waiting;  // They fill the queue that nobody empties.
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(loop_).async_connect(to_asio<asio::ip::tcp>(place), [](const auto&) {});
  }
  loop_.run_for(50ms);
  const ProbeResult result = probe(place, {}, 100ms);
  EXPECT_EQ(result.reason, "connect: timed out");
  EXPECT_EQ(result.marker, "CONNECT to " + to_string(place) + " timed out");
}

TEST_F(ProbeTcp, AServerThatSaysNothingTimesOut) {
  TcpServer server(loop_, stall);
  const ProbeResult result = probe(server.place(), {"", "220", false}, 100ms);
  EXPECT_EQ(result,
            fails("read: timed out", "READ to " + to_string(server.place()) + " timed out"));
}

TEST_F(ProbeTcp, WhatIsSentArrivesAndTheAnswerCounts) {
  std::string heard(4, '\0');
  TcpServer server(loop_, [&](TcpServer::Socket& socket) {
    asio::async_read(socket, asio::buffer(heard), [&](const auto&, size_t) {
      asio::write(socket, asio::buffer(std::string("PONG\r\n")));
    });
  });
  EXPECT_EQ(probe(server.place(), {"PING", "PONG", false}), works("answer matched"));
  EXPECT_EQ(heard, "PING");
}

TEST_F(ProbeTcp, AnotherAnswerIsTrouble) {
  TcpServer server(loop_, say("554 no service\r\n"));
  EXPECT_EQ(probe(server.place(), {"", "220", false}).marker,
            "Trouble. Received results are not what we expected from (" +
                to_string(server.place()) + ")");
}

TEST_F(ProbeTcp, AServerThatClosesEarlyWasTooShort) {
  TcpServer server(loop_, [](TcpServer::Socket& socket) {
    asio::write(socket, asio::buffer(std::string("22")));
    socket.close();
  });
  EXPECT_EQ(probe(server.place(), {"", "220", false}).reason, "read: closed after 2 bytes");
}

TEST_F(ProbeTcp, AServerThatHangsUpFails) {
  TcpServer server(loop_, hang_up);
  EXPECT_EQ(probe(server.place(), {"", "*", false}).outcome, Outcome::fails);
}

TEST_F(ProbeTcp, AnAnswerInSingleBytesIsPutTogether) {
  Dribbler dribbler(loop_, "220 ready", 1ms);
  TcpServer server(loop_, [&](TcpServer::Socket& socket) { dribbler.begin(socket); });
  EXPECT_EQ(probe(server.place(), {"", "220 ready", false}), works("answer matched"));
  EXPECT_EQ(probe(server.place(), {"", "", false}), works("connected"));
}

TEST_F(ProbeTcp, ADribblingServerGainsNoTime) {
  Dribbler dribbler(loop_, std::string(10'000, '2'), 5ms);
  TcpServer server(loop_, [&](TcpServer::Socket& socket) { dribbler.begin(socket); });
  EXPECT_EQ(probe(server.place(), {"", std::string(10'000, '2'), false}, 100ms).reason,
            "read: timed out");
  EXPECT_LT(dribbler.sent(), 1000U);
}

TEST_F(ProbeTcp, ARegexFindsItsWordInALaterRead) {
  Dribbler dribbler(loop_, "* OK IMAP4 ready", 1ms);
  TcpServer server(loop_, [&](TcpServer::Socket& socket) { dribbler.begin(socket); });
  EXPECT_EQ(probe(server.place(), {"", "IMAP4(rev1)? ready", true}), works("answer matched"));
}

TEST_F(ProbeTcp, ABrokenRegexFailsWithItsReason) {
  EXPECT_EQ(probe(loopback(1), {"", "(", true}).reason, "expect: missing ): (");
}

TEST_F(ProbeTcp, ACancelledCheckSaysNothing) {
  TcpServer server(loop_, say("220"));
  bool told = false;
  auto probe = probe_tcp(loop_, server.place(), {"", "220", false}, 10s,
                         [&](const ProbeResult&) { told = true; });
  probe.reset();
  EXPECT_TRUE(run_until(loop_, [&] { return server.connections() == 1; }));
  loop_.run_for(20ms);
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace lvs::nanny::io
