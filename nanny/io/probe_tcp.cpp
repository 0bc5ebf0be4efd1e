#include "nanny/io/probe_tcp.h"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

class TcpTalk : public std::enable_shared_from_this<TcpTalk> {
 public:
  TcpTalk(asio::io_context& io, const Endpoint& target, std::unique_ptr<Dialogue> dialogue,
          Duration timeout, Tell tell)
      : socket_(io),
        deadline_(io),
        target_(target),
        dialogue_(std::move(dialogue)),
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
    say(dialogue_->opening());
  }

  // What is said is followed by an answer, from its first byte on.
  void say(std::string words) {
    heard_.clear();
    said_ = std::move(words);
    if (said_.empty()) {
      listen();
      return;
    }
    arm(fails("send: timed out"));
    asio::async_write(socket_, asio::buffer(said_),
                      [self = shared_from_this()](const error_code& failed, size_t) {
                        if (!self->tell_) {
                          return;
                        }
                        failed ? self->end(system_error("send", failed.value())) : self->listen();
                      });
  }

  void listen() {
    arm(read_timed_out(target_));
    take(dialogue_->hear(heard_, false));
  }

  void take(Turn turn) {
    if (turn.end) {
      error_code ignored;  // A farewell is not waited for.
      socket_.non_blocking(true, ignored);
      socket_.write_some(asio::buffer(turn.say), ignored);
      end(*turn.end);
    } else if (!turn.say.empty()) {
      say(std::move(turn.say));
    } else {
      receive();
    }
  }

  void receive() {
    socket_.async_read_some(asio::buffer(piece_),
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
    heard_.append(piece_.data(), bytes);
    if (heard_.size() > kDialogueMax) {
      end(fails("read: more than " + std::to_string(kDialogueMax) + " bytes"));
      return;
    }
    take(dialogue_->hear(heard_, error == asio::error::eof));
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

  asio::ip::tcp::socket socket_;
  asio::steady_timer deadline_;
  uint64_t step_ = 0;
  Endpoint target_;
  std::unique_ptr<Dialogue> dialogue_;
  Duration timeout_;
  Tell tell_;  // Empty: ended or cancelled.
  std::string said_;
  std::string heard_;
  std::array<char, 4096> piece_;
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
                                 std::unique_ptr<Dialogue> dialogue, Duration timeout, Tell tell) {
  return std::make_unique<TcpProbe>(
      std::make_shared<TcpTalk>(io, target, std::move(dialogue), timeout, std::move(tell)));
}

std::unique_ptr<Probe> probe_tcp(asio::io_context& io, const Endpoint& target,
                                 const config::SendExpect& check, Duration timeout, Tell tell) {
  Result<std::unique_ptr<Dialogue>> dialogue = dialogue_of(check, target);
  if (!dialogue) {
    return probe_that_ends(io, fails(dialogue.error().what), std::move(tell));
  }
  return probe_tcp(io, target, std::move(dialogue).value(), timeout, std::move(tell));
}

}  // namespace lvs::nanny::io
