#include "nanny/io/probe_http.h"

#include <sys/epoll.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/io/unique_fd.h"
#include "nanny/http_verdict.h"
#include "nanny/io/curl.h"
#include "nanny/io/endpoint.h"

namespace lvs::nanny::io {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr int kEventsAtOnce = 64;

}  // namespace

class HttpClient::Impl {
 public:
  Impl(asio::io_context& io, const Curl& curl, lvs::io::UniqueFd sockets)
      : curl_(curl),
        sockets_(io, sockets.release()),
        timer_(io),
        multi_(curl.multi_init(), curl.multi_cleanup) {
    curl.multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Impl::on_socket);
    curl.multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
    curl.multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Impl::on_timer);
    curl.multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
    watch();
  }

  const Curl& curl() const { return curl_; }
  CURLM* multi() const { return multi_.get(); }

 private:
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
    const int set = static_cast<Impl*>(self)->sockets_.native_handle();
    epoll_event event{};
    event.data.fd = socket;
    if (what == CURL_POLL_REMOVE) {
      ::epoll_ctl(set, EPOLL_CTL_DEL, socket, &event);
      return 0;
    }
    event.events =
        ((what & CURL_POLL_IN) != 0 ? EPOLLIN : 0U) | ((what & CURL_POLL_OUT) != 0 ? EPOLLOUT : 0U);
    if (::epoll_ctl(set, EPOLL_CTL_MOD, socket, &event) != 0) {
      ::epoll_ctl(set, EPOLL_CTL_ADD, socket, &event);
    }
    return 0;
  }

  static int on_timer(CURLM*, long timeout_ms, void* self) {
    static_cast<Impl*>(self)->arm(timeout_ms);
    return 0;
  }

  void arm(long timeout_ms) {
    timer_.cancel();
    if (timeout_ms < 0) {
      return;
    }
    timer_.expires_after(std::chrono::milliseconds{timeout_ms});
    timer_.async_wait([this](const error_code& error) {
      if (!error) {
        act(CURL_SOCKET_TIMEOUT, 0);
        tell_finished();
      }
    });
  }

  void watch() {
    sockets_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
      if (error) {
        return;
      }
      std::array<epoll_event, kEventsAtOnce> events;
      const int ready = ::epoll_wait(sockets_.native_handle(), events.data(), kEventsAtOnce, 0);
      for (int i = 0; i < ready; ++i) {
        const epoll_event& event = events[static_cast<size_t>(i)];
        act(event.data.fd,
            ((event.events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
                ((event.events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
                ((event.events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0));
      }
      tell_finished();
      watch();
    });
  }

  void act(curl_socket_t socket, int events) {
    int running = 0;
    curl_.multi_socket_action(multi_.get(), socket, events, &running);
  }

  void tell_finished();

  const Curl& curl_;
  asio::posix::stream_descriptor sockets_;
  asio::steady_timer timer_;
  // Behind the two that its callbacks use while it is freed.
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_;
};

namespace {

// One request. libcurl calls it back for headers and body; the client tells it when libcurl is
// done.
class Transfer : public Probe {
 public:
  Transfer(HttpClient::Impl& client, const std::string& ca_file, const Endpoint& target,
           const config::HttpCheck& check, std::optional<Regex> body_regex, Duration timeout,
           Tell tell)
      : curl_(client.curl()),
        multi_(client.multi()),
        target_(target),
        check_(check),
        body_regex_(std::move(body_regex)),
        tell_(std::move(tell)),
        easy_(curl_.easy_init(), curl_.easy_cleanup),
        connect_to_(curl_.slist_append(nullptr, http_connect_to(target).c_str()),
                    curl_.slist_free_all) {
    set_request();
    set_limits(timeout);
    set_trust(ca_file);
    curl_.multi_add_handle(multi_, easy_.get());
  }

  ~Transfer() override { curl_.multi_remove_handle(multi_, easy_.get()); }

  void finish(CURLcode code) {
    const Tell tell = std::exchange(tell_, nullptr);
    tell(verdict(code));
  }

 private:
  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_.easy_setopt(easy_.get(), option, value);
  }

  void set_request() {
    set(CURLOPT_PRIVATE, static_cast<void*>(this));
    set(CURLOPT_URL, http_url(check_, target_).c_str());
    set(CURLOPT_CONNECT_TO, connect_to_.get());
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_PROXY, "");
    set(CURLOPT_USERAGENT, "nanny (Caribe)");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
    set(CURLOPT_NOSIGNAL, 1L);
    if (check_.method == "HEAD") {
      set(CURLOPT_NOBODY, 1L);
    } else {
      set(CURLOPT_CUSTOMREQUEST, check_.method.c_str());
    }
  }

  void set_limits(Duration timeout) {
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<int64_t>(1, to_ms(timeout).count())));
    set(CURLOPT_ERRORBUFFER, error_.data());
    set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  }

  void set_trust(const std::string& ca_file) {
    set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    set(CURLOPT_SSL_VERIFYPEER, check_.verify ? 1L : 0L);
    set(CURLOPT_SSL_VERIFYHOST, check_.verify ? 2L : 0L);
    if (!ca_file.empty()) {
      set(CURLOPT_CAINFO, ca_file.c_str());
    }
  }

  static size_t on_header(char*, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes_ += size * count;
    return transfer.header_bytes_ <= kHttpHeadersMax ? size * count : 0;
  }

  // Refusing further bytes ends the transfer: what has come by then is judged.
  static size_t on_body(char* bytes, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.body_.append(bytes, std::min(size * count, kHttpBodyMax - transfer.body_.size()));
    transfer.body_is_cut_ = transfer.body_.size() == kHttpBodyMax;
    return transfer.body_is_cut_ ? 0 : size * count;
  }

  ProbeResult timed_out() {
    long local_port = 0;  // Known once TCP is connected; CONNECT_TIME comes with the handshake.
    curl_off_t ready = 0;
    curl_.easy_getinfo(easy_.get(), CURLINFO_LOCAL_PORT, &local_port);
    curl_.easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &ready);
    if (ready > 0) {
      return read_timed_out(target_);
    }
    return local_port != 0 ? handshake_timed_out(target_) : connect_timed_out(target_);
  }

  ProbeResult verdict(CURLcode code) {
    if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && body_is_cut_)) {
      long status = 0;
      curl_.easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
      return judge_http(check_, body_regex_, target_, static_cast<int>(status), body_);
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
      return timed_out();
    }
    long os_errno = 0;
    curl_.easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &os_errno);
    if (code == CURLE_COULDNT_CONNECT && os_errno != 0) {
      return system_error("connect", static_cast<int>(os_errno));
    }
    if (code == CURLE_OUT_OF_MEMORY) {
      return system_error("http", ENOMEM);
    }
    if (header_bytes_ > kHttpHeadersMax) {
      return fails("http: more than " + std::to_string(kHttpHeadersMax) + " bytes of headers");
    }
    return fails(printable(std::string("http: ") +
                           (error_[0] != '\0' ? error_.data() : curl_.easy_strerror(code))));
  }

  const Curl& curl_;
  CURLM* multi_;
  Endpoint target_;
  config::HttpCheck check_;
  std::optional<Regex> body_regex_;
  Tell tell_;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_;
  std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> connect_to_;
  std::array<char, CURL_ERROR_SIZE> error_{};
  std::string body_;
  bool body_is_cut_ = false;
  size_t header_bytes_ = 0;
};

}  // namespace

// Telling may destroy the transfer and start others, so nothing of the message is used afterwards.
void HttpClient::Impl::tell_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_.multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE) {
      continue;
    }
    Transfer* transfer = nullptr;
    const CURLcode code = message->data.result;
    curl_.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    transfer->finish(code);
  }
}

HttpClient::HttpClient(asio::io_context& io, std::string ca_file)
    : io_(io), ca_file_(std::move(ca_file)) {
}
HttpClient::~HttpClient() = default;

Result<HttpClient::Impl*> HttpClient::impl() {
  if (!impl_) {
    const auto curl = load_curl();
    if (!curl) {
      return curl.error();
    }
    lvs::io::UniqueFd sockets{::epoll_create1(EPOLL_CLOEXEC)};
    if (!sockets) {
      return os_error(errno, "http: epoll_create1");
    }
    impl_ = std::make_unique<Impl>(io_, **curl, std::move(sockets));
  }
  return impl_.get();
}

std::unique_ptr<Probe> HttpClient::probe(const Endpoint& target, const config::HttpCheck& check,
                                         Duration timeout, Tell tell) {
  const auto client = impl();
  if (!client) {
    return probe_that_ends(io_, {Outcome::undecided, client.error().what, ""}, std::move(tell));
  }
  std::optional<Regex> body_regex;
  if (!check.body_regex.empty()) {
    Result<Regex> compiled = Regex::compile(check.body_regex);
    if (!compiled) {
      return probe_that_ends(io_, fails("body: " + compiled.error().what), std::move(tell));
    }
    body_regex = std::move(compiled).value();
  }
  return std::make_unique<Transfer>(**client, ca_file_, target, check, std::move(body_regex),
                                    timeout, std::move(tell));
}

}  // namespace lvs::nanny::io
