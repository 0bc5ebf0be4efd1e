#include "nanny/io/probe_sctp.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>

#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;

ProbeResult socket_trouble(int code) {
  if (code == EPROTONOSUPPORT || code == ESOCKTNOSUPPORT) {
    return {Outcome::undecided,
            "the kernel of this director has no SCTP: modprobe sctp, and sctp in "
            "/etc/modules-load.d for the next boot",
            ""};
  }
  return system_error("socket", code);
}

// An ICMP that says so comes from a machine where nothing speaks SCTP.
ProbeResult connect_trouble(int code) {
  return code == ENOPROTOOPT ? fails("connect: the server's kernel has no SCTP")
                             : system_error("connect", code);
}

// The address that this machine writes to the target from; nothing is sent.
udp::endpoint source_towards(asio::io_context& io, const Endpoint& target, error_code& error) {
  udp::socket way(io);
  way.connect(to_asio<udp>(target), error);
  udp::endpoint source = error ? udp::endpoint() : way.local_endpoint(error);
  source.port(0);
  return source;
}

class Attempt : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(asio::io_context& io, const Endpoint& target, Duration timeout, Tell tell)
      : io_(io),
        socket_(io),
        deadline_(io),
        target_(target),
        timeout_(timeout),
        tell_(std::move(tell)) {}

  void start() {
    error_code error;
    const udp::endpoint place = to_asio<udp>(target_);
    socket_.open(Protocol(place.protocol().family(), IPPROTO_SCTP), error);
    if (error) {
      return end_soon(socket_trouble(error.value()));
    }
    const udp::endpoint source = source_towards(io_, target_, error);
    if (error) {
      return end_soon(connect_trouble(error.value()));
    }
    socket_.bind(source, error);
    if (error) {
      return end_soon(system_error("bind", error.value()));
    }
    deadline_.expires_after(timeout_);
    deadline_.async_wait([self = shared_from_this()](const error_code& stopped) {
      if (!stopped) {
        self->end(connect_timed_out(self->target_));
      }
    });
    socket_.async_connect(place, [self = shared_from_this()](const error_code& failed) {
      self->end(failed ? connect_trouble(failed.value()) : works("associated"));
    });
  }

  void cancel() {
    tell_ = nullptr;
    close();
  }

 private:
  void end_soon(ProbeResult result) {
    asio::post(io_, [self = shared_from_this(), said = std::move(result)] { self->end(said); });
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

  asio::io_context& io_;
  Protocol::socket socket_;
  asio::steady_timer deadline_;
  Endpoint target_;
  Duration timeout_;
  Tell tell_;  // Empty: ended or cancelled.
};

class SctpProbe : public Probe {
 public:
  explicit SctpProbe(std::shared_ptr<Attempt> attempt) : attempt_(std::move(attempt)) {
    attempt_->start();
  }
  ~SctpProbe() override { attempt_->cancel(); }

 private:
  std::shared_ptr<Attempt> attempt_;
};

}  // namespace

std::unique_ptr<Probe> probe_sctp(asio::io_context& io, const Endpoint& target, Duration timeout,
                                  Tell tell) {
  return std::make_unique<SctpProbe>(
      std::make_shared<Attempt>(io, target, timeout, std::move(tell)));
}

}  // namespace lvs::nanny::io
