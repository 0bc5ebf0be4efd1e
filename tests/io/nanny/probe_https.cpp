// HTTPS against a real nginx with a certificate made for the occasion. nginx gets its listening
// socket handed over (as it does from an older nginx when it is upgraded), so the port is whatever
// the kernel gave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "nanny/io/probe_http.h"
#include "tests/io/nanny/loop.h"

namespace lvs::nanny::io {
namespace {

using namespace std::chrono_literals;
using config::HttpCheck;
using testing::HasSubstr;

constexpr const char* kHost = "www.example.test";
constexpr int kInherited = 99;  // A descriptor that nginx does not take for something else first.

bool run(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

class Nginx {
 public:
  Nginx() : listener_(loop_, {boost::asio::ip::address_v4::loopback(), 0}) {
    std::string name = (std::filesystem::temp_directory_path() / "nanny-nginx-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    place = loopback(listener_.local_endpoint().port());
  }
  ~Nginx() {
    if (pid_ > 0) {
      ::kill(pid_, SIGTERM);
      ::waitpid(pid_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  bool start() {
    if (!run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj /CN=" +
             std::string(kHost) + " -addext subjectAltName=DNS:" + kHost + " -keyout " + in("key") +
             " -out " + certificate())) {
      return false;
    }
    std::ofstream(in("nginx.conf"))
        << "daemon off; pid " << in("pid") << "; error_log " << in("log")
        << ";\nevents {}\nhttp { access_log off; client_body_temp_path " << in("b")
        << "; proxy_temp_path " << in("p") << "; fastcgi_temp_path " << in("f")
        << "; uwsgi_temp_path " << in("u") << "; scgi_temp_path " << in("s")
        << ";\nserver { listen " << to_string(place) << " ssl; ssl_certificate " << certificate()
        << "; ssl_certificate_key " << in("key")
        << ";\nlocation = /alive { return 200 \"pool: ok\"; } } }\n";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(listener_.native_handle(), kInherited);
      ::setenv("NGINX", (std::to_string(kInherited) + ";").c_str(), 1);
      ::execlp("/usr/sbin/nginx", "nginx", "-e", in("log").c_str(), "-c", in("nginx.conf").c_str(),
               nullptr);
      ::_exit(127);
    }
    return pid_ > 0;
  }

  std::string certificate() const { return in("cert.pem"); }
  Endpoint place;

 private:
  std::string in(const std::string& file) const { return (folder_ / file).string(); }

  boost::asio::io_context loop_;
  boost::asio::ip::tcp::acceptor listener_;
  std::filesystem::path folder_;
  pid_t pid_ = -1;
};

class ProbeHttps : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    nginx_ = std::make_unique<Nginx>();
    if (!std::filesystem::exists("/usr/sbin/nginx") || !nginx_->start()) {
      nginx_.reset();
    }
  }
  static void TearDownTestSuite() { nginx_.reset(); }
  void SetUp() override {
    if (!nginx_) {
      GTEST_SKIP() << "nginx or openssl is not installed";
    }
  }

  ProbeResult probe(const HttpCheck& check, const std::string& ca_file) {
    boost::asio::io_context loop;
    HttpClient http(loop, ca_file);
    std::optional<ProbeResult> told;
    const auto probe = http.probe(nginx_->place, check, 10s,
                                  [&](ProbeResult result) { told = std::move(result); });
    EXPECT_TRUE(run_until(loop, [&] { return told.has_value(); }));
    return told.value_or(ProbeResult{});
  }

  static HttpCheck alive() {
    HttpCheck check;
    check.tls = true;
    check.path = "/alive";
    check.host = kHost;
    check.body_regex = "^pool: ok$";
    return check;
  }

  static std::unique_ptr<Nginx> nginx_;
};

std::unique_ptr<Nginx> ProbeHttps::nginx_;

TEST_F(ProbeHttps, ATrustedCertificateOfTheRightNameWorks) {
  EXPECT_EQ(probe(alive(), nginx_->certificate()), works("status 200"));
}

TEST_F(ProbeHttps, AStatusBehindTlsIsJudged) {
  HttpCheck check = alive();
  check.path = "/missing";
  EXPECT_EQ(probe(check, nginx_->certificate()).reason, "status 404");
}

TEST_F(ProbeHttps, ACertificateThatNobodyVouchesForFails) {
  const ProbeResult result = probe(alive(), "");
  EXPECT_EQ(result.outcome, Outcome::fails);
  EXPECT_THAT(result.reason, HasSubstr("certificate"));
}

TEST_F(ProbeHttps, ACertificateOfAnotherNameFails) {
  HttpCheck check = alive();
  check.host = "other.example.test";
  const ProbeResult result = probe(check, nginx_->certificate());
  EXPECT_EQ(result.outcome, Outcome::fails);
  EXPECT_THAT(result.reason, HasSubstr("other.example.test"));
}

TEST_F(ProbeHttps, WithoutAHostTheAddressIsTheName) {
  HttpCheck check = alive();
  check.host.clear();
  EXPECT_THAT(probe(check, nginx_->certificate()).reason, HasSubstr("127.0.0.1"));
}

TEST_F(ProbeHttps, VerificationCanBeSwitchedOff) {
  HttpCheck check = alive();
  check.verify = false;
  check.host = "other.example.test";
  EXPECT_EQ(probe(check, ""), works("status 200"));
}

}  // namespace
}  // namespace lvs::nanny::io
