#include "nanny/io/probe_tcp.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "nanny/expect.h"
#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class TcpTalk : public std::enable_shared_from_this<TcpTalk> {
 public:
  TcpTalk(asio::io_context& io, const Endpoint& target, config::SendExpect check,
          Expectation expectation, Duration timeout, Tell tell)
      : socket_(io),
        deadline_(io),
        target_(target),
        check_(std::move(check)),
        expectation_(std::move(expectation)),
        timeout_(timeout),
        tell_(std::move(tell)) {}

  void start() {
    const asio::ip::tcp::endpoint place = to_asio<asio::ip::tcp>(target_);
    error_code error;
    socket_.open(place.protocol(), error);
    if (error) {
      asio::post(socket_.get_executor(), [self = shared_from_this(), error] {
        self->end(system_error("socket", error.value()));
      });
      return;
    }
    arm(connect_timed_out(target_));
    socket_.async_connect(place, [self = shared_from_this()](const error_code& failed) {
      self->on_connected(failed);
    });
  }

  void cancel() {
    tell_ = nullptr;
    close();
  }

 private:
  // Step by step: what the check ends with if this step lasts too long.
  void arm(ProbeResult too_late) {
    const uint64_t step = ++step_;
    deadline_.expires_after(timeout_);
    deadline_.async_wait(
        [self = shared_from_this(), step, late = std::move(too_late)](const error_code& error) {
          if (!error && step == self->step_) {
            self->end(late);
          }
        });
  }

  void on_connected(const error_code& error) {
    if (!tell_) {
      return;
    }
    if (error) {
      end(system_error("connect", error.value()));
      return;
    }
    if (check_.send.empty()) {
      receive_or_end();
      return;
    }
    arm(fails("send: timed out"));
    asio::async_write(socket_, asio::buffer(check_.send),
                      [self = shared_from_this()](const error_code& failed, size_t) {
                        if (!self->tell_) {
                          return;
                        }
                        failed ? self->end(system_error("send", failed.value()))
                               : self->receive_or_end();
                      });
  }

  void receive_or_end() {
    if (check_.expect.empty()) {
      end(works(check_.send.empty() ? "connected" : "sent"));
      return;
    }
    arm(read_timed_out(target_));
    answer_.resize(expectation_.wanted());
    receive();
  }

  void receive() {
    socket_.async_read_some(asio::buffer(answer_.data() + received_, answer_.size() - received_),
                            [self = shared_from_this()](const error_code& error, size_t bytes) {
                              self->on_received(error, bytes);
                            });
  }

  void on_received(const error_code& error, size_t bytes) {
    if (!tell_) {
      return;
    }
    if (error && error != asio::error::eof) {
      end(system_error("read", error.value()));
      return;
    }
    received_ += bytes;
    const bool ended = error == asio::error::eof;
    switch (expectation_.judge(received(), ended)) {
      case Match::yes:
        end(works("answer matched"));
        return;
      case Match::no:
        end(ended && !check_.is_regex ? answer_too_short(target_, received_)
                                      : unexpected_answer(target_, received()));
        return;
      case Match::more:
        receive();
        return;
    }
  }

  std::string_view received() const { return std::string_view(answer_).substr(0, received_); }

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

  asio::ip::tcp::socket socket_;
  asio::steady_timer deadline_;
  uint64_t step_ = 0;
  Endpoint target_;
  config::SendExpect check_;
  Expectation expectation_;
  Duration timeout_;
  Tell tell_;  // Empty: ended or cancelled.
  std::string answer_;
  size_t received_ = 0;
};

class TcpProbe : public Probe {
 public:
  explicit TcpProbe(std::shared_ptr<TcpTalk> talk) : talk_(std::move(talk)) { talk_->start(); }
  ~TcpProbe() override { talk_->cancel(); }

 private:
  std::shared_ptr<TcpTalk> talk_;
};

}  // namespace

std::unique_ptr<Probe> probe_tcp(asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell) {
  Result<Expectation> expectation = Expectation::compile(check);
  if (!expectation) {
    return probe_that_ends(io, fails(expectation.error().what), std::move(tell));
  }
  return std::make_unique<TcpProbe>(std::make_shared<TcpTalk>(
      io, target, check, std::move(expectation).value(), timeout, std::move(tell)));
}

}  // namespace lvs::nanny::io
