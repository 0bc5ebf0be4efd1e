#include "nanny/io/probe_udp.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/ip/udp.hpp>

#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::udp;

class ProbeUdp : public testing::Test {
 protected:
  ProbeUdp() : server_(loop_, {boost::asio::ip::address_v4::loopback(), 0}) {}

  void answer_with(const std::string& text) {
    server_.async_receive_from(boost::asio::buffer(heard_), client_,
                               [this, text](const auto& error, size_t) {
                                 if (!error) {
                                   server_.send_to(boost::asio::buffer(text), client_);
                                 }
                               });
  }

  ProbeResult probe(const config::SendExpect& check, Duration timeout = 10s) {
    std::optional<ProbeResult> told;
    const auto probe = probe_udp(loop_, place_, check, timeout,
                                 [&](ProbeResult result) { told = std::move(result); });
    EXPECT_FALSE(told) << "told before the start returned";
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  boost::asio::io_context loop_;
  udp::socket server_;
  udp::endpoint client_;
  std::array<char, 64> heard_{};
  Endpoint place_ = loopback(server_.local_endpoint().port());
};

TEST_F(ProbeUdp, AnyAnswerWillDoWhenNoneIsExpected) {
  answer_with("hello");
  EXPECT_EQ(probe({"ping", "", false}), works("answer matched"));
  EXPECT_EQ(std::string(heard_.data()), "ping");
}

TEST_F(ProbeUdp, AServerThatSaysNothingTimesOut) {
  EXPECT_EQ(probe({"ping", "", false}, 100ms).reason, "read: timed out");
}

TEST_F(ProbeUdp, AnotherAnswerIsTrouble) {
  answer_with("pong");
  EXPECT_EQ(probe({"ping", "ok", false}), unexpected_answer(place_, "pong"));
}

TEST_F(ProbeUdp, AClosedPortIsRefusedBeforeTheTimeIsOver) {
  server_.close();
  EXPECT_EQ(probe({"ping", "", false}).reason, "read: Connection refused");
}

}  // namespace
}  // namespace lvs::nanny::io
