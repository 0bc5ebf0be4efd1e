#include "nanny/io/probe_udp.h"

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "nanny/expect.h"
#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr size_t kDatagramMax = 8192;  // What is read of an answer; `expect` looks at less.

class UdpTalk : public std::enable_shared_from_this<UdpTalk> {
 public:
  UdpTalk(asio::io_context& io, const Endpoint& target, DatagramJudge judge, Duration timeout,
          Tell tell)
      : socket_(io),
        deadline_(io),
        target_(target),
        judge_(std::move(judge)),
        timeout_(timeout),
        tell_(std::move(tell)) {}

  // Opens, connects and sends: none of these waits. The error of the one that failed.
  std::optional<ProbeResult> start(const std::string& datagram) {
    const asio::ip::udp::endpoint place = to_asio<asio::ip::udp>(target_);
    error_code error;
    socket_.open(place.protocol(), error);
    if (error) {
      return system_error("socket", error.value());
    }
    socket_.connect(place, error);
    if (error) {
      return system_error("connect", error.value());
    }
    socket_.send(asio::buffer(datagram), 0, error);
    if (error) {
      return system_error("send", error.value());
    }
    deadline_.expires_after(timeout_);
    deadline_.async_wait([self = shared_from_this()](const error_code& aborted) {
      if (!aborted) {
        self->end(read_timed_out(self->target_));
      }
    });
    receive();
    return std::nullopt;
  }

  void cancel() {
    tell_ = nullptr;
    close();
  }

 private:
  void receive() {
    socket_.async_receive(asio::buffer(answer_),
                          [self = shared_from_this()](const error_code& failed, size_t bytes) {
                            self->on_received(failed, bytes);
                          });
  }

  void on_received(const error_code& error, size_t bytes) {
    if (error) {
      end(system_error("read", error.value()));
      return;
    }
    const std::optional<ProbeResult> result = judge_({answer_.data(), bytes});
    result ? end(*result) : receive();
  }

  void end(const ProbeResult& result) {
    if (!tell_) {
      return;
    }
    const Tell tell = std::exchange(tell_, nullptr);
    close();
    tell(result);
  }

  void close() {
    error_code ignored;
    socket_.close(ignored);
    deadline_.cancel();
  }

  asio::ip::udp::socket socket_;
  asio::steady_timer deadline_;
  Endpoint target_;
  DatagramJudge judge_;
  Duration timeout_;
  Tell tell_;  // Empty: ended or cancelled.
  std::array<char, kDatagramMax> answer_{};
};

class UdpProbe : public Probe {
 public:
  explicit UdpProbe(std::shared_ptr<UdpTalk> talk) : talk_(std::move(talk)) {}
  ~UdpProbe() override { talk_->cancel(); }

 private:
  std::shared_ptr<UdpTalk> talk_;
};

}  // namespace

std::unique_ptr<Probe> probe_udp(asio::io_context& io, const Endpoint& target,
                                 const std::string& datagram, DatagramJudge judge, Duration timeout,
                                 Tell tell) {
  auto talk = std::make_shared<UdpTalk>(io, target, std::move(judge), timeout, tell);
  if (std::optional<ProbeResult> failed = talk->start(datagram)) {
    return probe_that_ends(io, std::move(*failed), std::move(tell));
  }
  return std::make_unique<UdpProbe>(std::move(talk));
}

std::unique_ptr<Probe> probe_udp(asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell) {
  Result<Expectation> compiled = Expectation::compile(check);
  if (!compiled) {
    return probe_that_ends(io, fails(compiled.error().what), std::move(tell));
  }
  auto expectation = std::make_shared<Expectation>(std::move(compiled).value());
  return probe_udp(
      io, target, check.send,
      [expectation, target](std::string_view answer) -> std::optional<ProbeResult> {
        return expectation->judge(answer, true) == Match::yes ? works("answer matched")
                                                              : unexpected_answer(target, answer);
      },
      timeout, std::move(tell));
}

}  // namespace lvs::nanny::io
