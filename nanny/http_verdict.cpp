#include "nanny/http_verdict.h"

#include <algorithm>

namespace lvs::nanny {
namespace {

// "host:port": a host that is written with a port keeps it; "[2001:db8::1]" has colons but no port.
std::string url_place(const std::string& host, const Endpoint& target) {
  if (host.empty()) {
    return to_string(target);
  }
  const size_t colon = host.rfind(':');
  const bool has_port = colon != std::string::npos && host.find(']', colon) == std::string::npos;
  return has_port ? host : host + ":" + std::to_string(target.port);
}

}  // namespace

ProbeResult judge_http(const config::HttpCheck& check, const std::optional<Regex>& body_regex,
                       const Endpoint& target, int status, std::string_view body) {
  const bool accepted = std::any_of(
      check.status.begin(), check.status.end(),
      [&](const auto& range) { return range.first <= status && status <= range.second; });
  const std::string reason = "status " + std::to_string(status);
  const std::string trouble = unexpected_answer(target, "").marker;
  if (!accepted) {
    return fails(reason, trouble);
  }
  if (body_regex && !body_regex->found_in(body.substr(0, kHttpBodyMax))) {
    return fails(reason + ", body is not what was expected: " + quoted(body), trouble);
  }
  return works(reason);
}

std::string http_url(const config::HttpCheck& check, const Endpoint& target) {
  const std::string scheme = check.tls ? "https://" : "http://";
  const std::string path = check.path.starts_with('/') ? check.path : "/" + check.path;
  return scheme + url_place(check.host, target) + path;
}

std::string http_connect_to(const Endpoint& target) {
  return "::" + to_string(target);
}

}  // namespace lvs::nanny
