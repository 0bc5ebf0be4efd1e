#include "nanny/http_verdict.h"

#include <gtest/gtest.h>

namespace lvs::nanny {
namespace {

const Endpoint kTarget{*Address::parse("10.0.0.2"), 8080};

ProbeResult judged(const config::HttpCheck& check, int status, const std::string& body = "") {
  std::optional<Regex> regex;
  if (!check.body_regex.empty()) {
    regex = Regex::compile(check.body_regex).value();
  }
  return judge_http(check, regex, kTarget, status, body);
}

TEST(HttpVerdict, StatusRangesIncludeBothEnds) {
  config::HttpCheck check;
  check.status = {{200, 299}, {404, 404}};
  for (const int good : {200, 250, 299, 404}) {
    EXPECT_EQ(judged(check, good).outcome, Outcome::works) << good;
  }
  for (const int bad : {199, 300, 403, 405, 0}) {
    EXPECT_EQ(judged(check, bad).outcome, Outcome::fails) << bad;
  }
}

TEST(HttpVerdict, RedirectsCountAsWorkingUnlessRefused) {
  EXPECT_EQ(judged({}, 302), works("status 302"));
  EXPECT_EQ(judged({}, 503).reason, "status 503");
}

TEST(HttpVerdict, TheBodyMustMatchWhenAnExpressionIsGiven) {
  config::HttpCheck check;
  check.body_regex = "^pool: (ok|fine)$";
  EXPECT_EQ(judged(check, 200, "pool: ok").outcome, Outcome::works);
  EXPECT_EQ(judged(check, 200, "pool: empty").reason,
            "status 200, body is not what was expected: \"pool: empty\"");
  EXPECT_EQ(judged(check, 500, "pool: ok").reason, "status 500");
}

TEST(HttpVerdict, ABodyBeyondTheLimitIsNotLookedAt) {
  config::HttpCheck check;
  check.body_regex = "ok";
  EXPECT_EQ(judged(check, 200, std::string(kHttpBodyMax - 2, '.') + "ok").outcome, Outcome::works);
  EXPECT_EQ(judged(check, 200, std::string(kHttpBodyMax - 1, '.') + "ok").outcome, Outcome::fails);
}

TEST(HttpVerdict, TheUrlNamesTheHostAndTheConnectionGoesToTheServer) {
  config::HttpCheck check;
  check.path = "/alive?x=1";
  EXPECT_EQ(http_url(check, kTarget), "http://10.0.0.2:8080/alive?x=1");
  check.tls = true;
  check.host = "www.example.org";
  EXPECT_EQ(http_url(check, kTarget), "https://www.example.org:8080/alive?x=1");
  check.host = "www.example.org:443";
  EXPECT_EQ(http_url(check, kTarget), "https://www.example.org:443/alive?x=1");
  check.host = "[2001:db8::1]";
  EXPECT_EQ(http_url(check, kTarget), "https://[2001:db8::1]:8080/alive?x=1");
  EXPECT_EQ(http_connect_to(kTarget), "::10.0.0.2:8080");
  EXPECT_EQ(http_connect_to({*Address::parse("2001:db8::2"), 80}), "::[2001:db8::2]:80");
}

}  // namespace
}  // namespace lvs::nanny
