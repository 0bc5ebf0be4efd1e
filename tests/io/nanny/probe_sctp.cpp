// On a kernel with SCTP: real associations. On one without it: that the check says so.
#include "nanny/io/probe_sctp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "common/io/unique_fd.h"
#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using lvs::io::UniqueFd;
using testing::HasSubstr;

UniqueFd open_sctp() {
  return UniqueFd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_SCTP)};
}

const bool kHasSctp = static_cast<bool>(open_sctp());

class ProbeSctp : public testing::Test {
 protected:
  ProbeResult probe(const Endpoint& target, Duration timeout = 10s) {
    std::optional<ProbeResult> told;
    const auto probe = probe_sctp(loop_, target, timeout, [&](ProbeResult result) {
      EXPECT_FALSE(told) << "told twice";
      told = std::move(result);
    });
    EXPECT_FALSE(told) << "told before the start returned";
    EXPECT_TRUE(run_until(loop_, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  asio::io_context loop_;
};

class Associations : public ProbeSctp {
 protected:
  void SetUp() override {
    if (!kHasSctp) {
      GTEST_SKIP() << "this kernel has no SCTP: modprobe sctp";
    }
  }

  // A listener on a port of its own on loopback.
  Endpoint listen() {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    listener_ = open_sctp();
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&own), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 5), 0) << std::strerror(errno);
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
    return loopback(ntohs(own.sin_port));
  }

  UniqueFd accept() const { return UniqueFd{::accept(listener_.get(), nullptr, nullptr)}; }

  UniqueFd listener_;
};

TEST_F(Associations, OneThatTheServerTakesIsEnough) {
  const Endpoint place = listen();
  EXPECT_EQ(probe(place), works("associated"));
}

TEST_F(Associations, ItIsEndedAgain) {
  const Endpoint place = listen();
  EXPECT_EQ(probe(place).outcome, Outcome::works);
  const UniqueFd taken = accept();
  char byte = 0;
  EXPECT_EQ(::recv(taken.get(), &byte, 1, 0), 0) << "a farewell, no abort";
}

// From one address, though the server's machine, which is this one, has others.
TEST_F(Associations, ItIsOfOneAddress) {
  const Endpoint place = listen();
  EXPECT_EQ(probe(place).outcome, Outcome::works);
  const UniqueFd taken = accept();
  struct {
    int32_t association = 0;
    uint32_t count = 0;
    char addresses[1024];
  } peer;  // struct sctp_getaddrs of linux/sctp.h
  constexpr int kGetPeerAddresses = 108;
  socklen_t size = sizeof peer;
  ASSERT_EQ(::getsockopt(taken.get(), IPPROTO_SCTP, kGetPeerAddresses, &peer, &size), 0)
      << std::strerror(errno);
  EXPECT_EQ(peer.count, 1U);
}

TEST_F(Associations, APortThatNobodyListensAtIsRefused) {
  const Endpoint place = listen();
  listener_ = UniqueFd{};
  EXPECT_EQ(probe(place), fails("connect: Connection refused"));
}

TEST_F(Associations, AServerThatDoesNotAnswerTimesOut) {
  const char* port = std::getenv("SILENT_SCTP_PORT");
  if (port == nullptr) {
    GTEST_SKIP() << "no firewall drops what goes to SILENT_SCTP_PORT";
  }
  const Endpoint place = loopback(static_cast<uint16_t>(std::atoi(port)));
  const ProbeResult result = probe(place, 300ms);
  EXPECT_EQ(result.reason, "connect: timed out");
  EXPECT_EQ(result.outcome, Outcome::fails);
  EXPECT_EQ(result.marker, "CONNECT to " + to_string(place) + " timed out");
}

TEST_F(Associations, ACancelledCheckSaysNothing) {
  const Endpoint place = listen();
  bool told = false;
  auto probe = probe_sctp(loop_, place, 10s, [&](const ProbeResult&) { told = true; });
  probe.reset();
  loop_.run_for(20ms);
  EXPECT_FALSE(told);
}

TEST_F(ProbeSctp, AKernelWithoutItSaysSo) {
  if (kHasSctp) {
    GTEST_SKIP() << "this kernel has SCTP";
  }
  const ProbeResult result = probe(loopback(5000));
  EXPECT_EQ(result.outcome, Outcome::undecided) << "the server may well work";
  EXPECT_THAT(result.reason, HasSubstr("the kernel of this director has no SCTP: modprobe sctp"));
}

}  // namespace
}  // namespace lvs::nanny::io
