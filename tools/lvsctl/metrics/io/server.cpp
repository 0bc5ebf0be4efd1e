#include "tools/lvsctl/metrics/io/server.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <memory>
#include <optional>

namespace lvs::lvsctl {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;

constexpr const char* kPath = "/metrics";
constexpr const char* kOpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr std::chrono::milliseconds kAcceptPause{100};  // After "too many open files".

using Text = http::response<http::string_body>;

Text answer(http::status status, std::string body, const char* type = "text/plain") {
  Text response{status, 11};
  response.set(http::field::content_type, type);
  response.keep_alive(false);
  response.body() = std::move(body);
  response.prepare_payload();
  return response;
}

// One page for all who ask within its age.
class Pages {
 public:
  Pages(const std::function<std::string()>& make, Duration age) : make_(make), age_(age) {}

  const std::string& now() {
    const TimePoint now = Clock::now();
    if (!made_at_ || now - *made_at_ >= age_) {
      page_ = make_();
      made_at_ = Clock::now();
    }
    return page_;
  }

 private:
  const std::function<std::string()>& make_;
  Duration age_;
  std::optional<TimePoint> made_at_;
  std::string page_;
};

enum class Answering { what_is_asked, too_busy };

// One request, one answer, and the connection is closed.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, Pages& pages, const ServerLimits& limits, Answering answering,
          std::shared_ptr<size_t> open)
      : stream_(std::move(socket)), pages_(pages), answering_(answering), open_(std::move(open)) {
    ++*open_;
    parser_.header_limit(limits.head_bytes);
    parser_.body_limit(0);
    stream_.expires_after(answering == Answering::too_busy
                              ? std::min(limits.refusal_patience, limits.patience)
                              : limits.patience);
  }
  ~Session() { --*open_; }

  void start() {
    http::async_read(
        stream_, buffer_, parser_, [self = shared_from_this()](const error_code& error, size_t) {
          if (!error) {
            self->say(self->answer_to(self->parser_.get()));
          } else if (error == http::error::header_limit || error == http::error::body_limit) {
            self->say(answer(http::status::payload_too_large, "too large\n"));
          }
        });
  }

 private:
  Text answer_to(const http::request<http::string_body>& request) {
    if (answering_ == Answering::too_busy) {
      Text refused = answer(http::status::service_unavailable, "too many clients at once\n");
      refused.set(http::field::retry_after, "1");
      return refused;
    }
    const bool is_head = request.method() == http::verb::head;
    if (request.method() != http::verb::get && !is_head) {
      Text refused = answer(http::status::method_not_allowed, "expected GET\n");
      refused.set(http::field::allow, "GET, HEAD");
      return refused;
    }
    const std::string_view target(request.target().data(), request.target().size());
    if (target.substr(0, target.find('?')) != kPath) {
      return answer(http::status::not_found, "expected /metrics\n");
    }
    Text page = answer(http::status::ok, pages_.now(), kOpenMetrics);
    if (is_head) {
      page.body().clear();
    }
    return page;
  }

  void say(Text response) {
    response_ = std::move(response);
    http::async_write(stream_, response_, [self = shared_from_this()](const error_code&, size_t) {
      error_code ignored;
      self->stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::request_parser<http::string_body> parser_;
  Text response_;
  Pages& pages_;
  Answering answering_;
  std::shared_ptr<size_t> open_;
};

class Server {
 public:
  Server(asio::io_context& io, Pages& pages, const ServerLimits& limits)
      : acceptor_(io), pause_(io), pages_(pages), limits_(limits) {}

  Result<Endpoint> listen(const Endpoint& at) {
    const Tcp::endpoint place(asio::ip::make_address(to_string(at.address)), at.port);
    try {
      acceptor_.open(place.protocol());
      acceptor_.set_option(Tcp::acceptor::reuse_address(true));
      acceptor_.bind(place);
      acceptor_.listen();
      accept();
      return Endpoint{at.address, acceptor_.local_endpoint().port()};
    } catch (const boost::system::system_error& failed) {
      return Error{failed.code().value(), to_string(at) + ": " + failed.code().message()};
    }
  }

 private:
  // One too many is told so soon: it would wait for somebody who is slow on purpose.
  void accept() {
    acceptor_.async_accept([this](const error_code& error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) {
        return;
      }
      if (error) {
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](const error_code&) { accept(); });
        return;
      }
      start(std::move(socket));
      accept();
    });
  }

  void start(Tcp::socket socket) {
    const bool is_too_many = *open_ >= limits_.connections;
    const auto& count = is_too_many ? refused_ : open_;
    if (*count < limits_.connections) {
      std::make_shared<Session>(std::move(socket), pages_, limits_,
                                is_too_many ? Answering::too_busy : Answering::what_is_asked, count)
          ->start();
    }
  }

  Tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  Pages& pages_;
  ServerLimits limits_;
  std::shared_ptr<size_t> open_ = std::make_shared<size_t>(0);     // Sessions outlive these.
  std::shared_ptr<size_t> refused_ = std::make_shared<size_t>(0);  // One too many each.
};

}  // namespace

Result<Ok> serve_metrics(const Endpoint& at, const ServerLimits& limits,
                         const std::function<std::string()>& page,
                         const std::function<void(const Endpoint&)>& listening) {
  Pages pages(page, limits.page_age);
  asio::io_context io(1);
  Server server(io, pages, limits);
  const auto place = server.listen(at);
  if (!place) {
    return place.error();
  }
  asio::signal_set ends(io, SIGTERM, SIGINT);
  ends.async_wait([&](const error_code&, int) { io.stop(); });
  listening(*place);
  io.run();
  return Ok{};
}

}  // namespace lvs::lvsctl
