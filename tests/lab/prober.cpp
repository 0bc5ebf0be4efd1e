// Measures an outage as a client feels it: an open loop. Every `interval` a new TCP connection is
// opened, asks for one page and has `limit` from the moment it was due until the whole answer is
// there. Nothing is retried and no attempt waits for another, so the rhythm does not slow down
// while the service is away (a closed loop would measure TCP's retransmission of a lost SYN, one
// second, instead of us).
//
// Each attempt is one line of the log, written when it ends:
//   due_ns started_ns ended_ns ok|fail detail source:port
// Times are CLOCK_BOOTTIME. detail is the answering server's name (the body's first word), or the
// reason of the failure: late, refused, reset, closed, unreachable, answer. started - due is the
// prober's own lateness: where it is large the machine was busy and the attempt says nothing about
// the service.
//
// A connection is ended by RST after the complete answer: a closing handshake would leave an entry
// for two minutes in the director's table for every attempt.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/program_options.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>

namespace asio = boost::asio;
namespace po = boost::program_options;
using asio::ip::tcp;

namespace {

constexpr int kUsageStatus = 2;
constexpr std::size_t kAnswerMax = 4096;
// A burst after a stall of the machine is bounded: older attempts are written off as never started.
constexpr int kBurstMax = 20;
// Ports in turn, below the kernel's own choice: one comes again after two and a half minutes. A
// random one would now and then meet the director's entry of an earlier attempt, which belongs to a
// server that has died since, and blame the service for it.
constexpr std::uint16_t kFirstPort = 2048;
constexpr std::uint16_t kLastPort = 32767;
constexpr int kBindTriesMax = 10;

struct Options {
  tcp::endpoint target;
  asio::ip::address source = asio::ip::address_v4::any();
  std::chrono::milliseconds interval{5};
  std::chrono::milliseconds limit{50};
  std::chrono::milliseconds duration{0};
  std::string log = "-";
};

struct Attempt {
  std::int64_t due_ns;
  std::int64_t started_ns;
  tcp::socket socket;
  asio::steady_timer deadline;
  bool late = false;
};

std::int64_t boottime_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::string reason_of(const boost::system::error_code& error, bool late) {
  if (late) {
    return "late";
  }
  if (error == asio::error::connection_refused) {
    return "refused";
  }
  if (error == asio::error::connection_reset || error == asio::error::broken_pipe) {
    return "reset";
  }
  if (error == asio::error::eof) {
    return "closed";
  }
  if (error == asio::error::host_unreachable || error == asio::error::network_unreachable) {
    return "unreachable";
  }
  return "error-" + std::to_string(error.value());
}

// The first word of a 200 answer's body, or nothing.
std::string server_of(const std::string& answer) {
  const auto body = answer.find("\r\n\r\n");
  if (body == std::string::npos || answer.rfind("HTTP/1.", 0) != 0 || answer.find(" 200 ") != 8) {
    return {};
  }
  const auto end = answer.find_first_of(" \r\n", body + 4);
  return answer.substr(body + 4, end == std::string::npos ? end : end - body - 4);
}

class Prober {
 public:
  Prober(asio::io_context& io, const Options& options, std::ostream& log)
      : io_(io),
        options_(options),
        log_(log),
        tick_(io),
        first_(std::chrono::steady_clock::now()) {}

  asio::awaitable<void> run() {
    for (std::int64_t n = 0; !stopped_; ++n) {
      const auto due = first_ + n * options_.interval;
      if (options_.duration.count() > 0 && due - first_ >= options_.duration) {
        break;
      }
      tick_.expires_at(due);
      boost::system::error_code error;
      co_await tick_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      if (error) {
        break;
      }
      launch(std::chrono::steady_clock::now() - due);
    }
  }

  void stop() {
    stopped_ = true;
    tick_.cancel();
  }

 private:
  void launch(std::chrono::steady_clock::duration behind) {
    const std::int64_t now = boottime_ns();
    const std::int64_t due = now - std::chrono::nanoseconds(behind).count();
    if (behind > kBurstMax * options_.interval) {
      write_line(due, now, now, "fail", "not-started", {});
      return;
    }
    auto attempt = std::make_shared<Attempt>(
        Attempt{due, now, tcp::socket(io_), asio::steady_timer(io_, options_.limit - behind)});
    attempt->deadline.async_wait([attempt](const boost::system::error_code& error) {
      if (!error) {
        attempt->late = true;
        boost::system::error_code ignored;
        attempt->socket.close(ignored);
      }
    });
    asio::co_spawn(io_, visit(attempt), asio::detached);
  }

  asio::awaitable<void> visit(std::shared_ptr<Attempt> attempt) {
    boost::system::error_code error;
    std::string answer;
    tcp::endpoint local;
    open(*attempt, error);
    if (!error) {
      boost::system::error_code ignored;
      local = attempt->socket.local_endpoint(ignored);
      co_await ask(*attempt, answer, error);
    }
    attempt->deadline.cancel();
    const std::string server = error == asio::error::eof ? server_of(answer) : std::string();
    std::string detail = server;
    if (server.empty()) {
      detail = answer.empty() || attempt->late ? reason_of(error, attempt->late) : "answer";
    }
    write_line(attempt->due_ns, attempt->started_ns, boottime_ns(), server.empty() ? "fail" : "ok",
               detail, local);
    boost::system::error_code ignored;
    attempt->socket.close(ignored);
  }

  void open(Attempt& attempt, boost::system::error_code& error) {
    attempt.socket.open(options_.target.protocol(), error);
    if (!error) {
      attempt.socket.set_option(asio::socket_base::linger(true, 0), error);
    }
    for (int i = 0; i < kBindTriesMax && !error; ++i) {
      attempt.socket.bind(tcp::endpoint(options_.source, next_port_), error);
      next_port_ = next_port_ == kLastPort ? kFirstPort : next_port_ + 1;
      if (error != asio::error::address_in_use) {
        return;
      }
      error.clear();
    }
  }

  asio::awaitable<void> ask(Attempt& attempt, std::string& answer,
                            boost::system::error_code& error) const {
    const std::string request = "GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n";
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await attempt.socket.async_connect(options_.target, token);
    if (error) {
      co_return;
    }
    co_await asio::async_write(attempt.socket, asio::buffer(request), token);
    if (error) {
      co_return;
    }
    co_await asio::async_read(attempt.socket, asio::dynamic_buffer(answer, kAnswerMax), token);
  }

  void write_line(std::int64_t due, std::int64_t started, std::int64_t ended, const char* result,
                  const std::string& detail, const tcp::endpoint& local) {
    log_ << due << ' ' << started << ' ' << ended << ' ' << result << ' ' << detail << ' ' << local
         << std::endl;
  }

  asio::io_context& io_;
  const Options& options_;
  std::ostream& log_;
  asio::steady_timer tick_;
  std::chrono::steady_clock::time_point first_;
  std::uint16_t next_port_ = kFirstPort;
  bool stopped_ = false;
};

tcp::endpoint parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) {
    throw po::error("--target " + text + ": expected ADDRESS:PORT");
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(text.substr(0, colon), error);
  const int port = std::atoi(text.c_str() + colon + 1);
  if (error || port < 1 || port > 65535) {
    throw po::error("--target " + text + ": expected ADDRESS:PORT");
  }
  return {address, static_cast<std::uint16_t>(port)};
}

Options parse(int argc, char** argv) {
  Options options;
  std::string target, source;
  int interval_ms = 5, limit_ms = 50, duration_ms = 0;
  po::options_description described("usage: prober --target ADDRESS:PORT [OPTIONS]");
  described.add_options()("help", "this text")("target", po::value(&target)->required(),
                                               "the service, ADDRESS:PORT")(
      "source", po::value(&source), "address to connect from")(
      "interval", po::value(&interval_ms)->default_value(5), "ms between attempts")(
      "limit", po::value(&limit_ms)->default_value(50), "ms an attempt may take")(
      "duration", po::value(&duration_ms)->default_value(0), "ms to run, 0 = until SIGTERM")(
      "log", po::value(&options.log)->default_value("-"), "file of attempts, - = standard output");
  po::variables_map given;
  po::store(po::parse_command_line(argc, argv, described), given);
  if (given.count("help") != 0) {
    std::cout << described;
    std::exit(0);
  }
  po::notify(given);
  if (interval_ms < 1 || limit_ms < 1 || duration_ms < 0) {
    throw po::error("--interval and --limit must be at least 1 ms");
  }
  options.target = parse_endpoint(target);
  if (!source.empty()) {
    options.source = asio::ip::make_address(source);
  }
  options.interval = std::chrono::milliseconds(interval_ms);
  options.limit = std::chrono::milliseconds(limit_ms);
  options.duration = std::chrono::milliseconds(duration_ms);
  return options;
}

int probe(const Options& options) {
  std::ofstream file;
  if (options.log != "-") {
    file.open(options.log, std::ios::app);
    if (!file) {
      std::cerr << "prober: cannot write " << options.log << '\n';
      return 1;
    }
  }
  asio::io_context io(1);
  Prober prober(io, options, options.log == "-" ? std::cout : file);
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) {
      prober.stop();
    }
  });
  asio::co_spawn(io, prober.run(), [&](std::exception_ptr) { signals.cancel(); });
  io.run();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return probe(parse(argc, argv));
  } catch (const std::exception& error) {
    std::cerr << "prober: " << error.what() << '\n';
    return kUsageStatus;
  }
}
