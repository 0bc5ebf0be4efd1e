#include "nanny/http_verdict.h"

#include <algorithm>

namespace lvs::nanny {

ProbeResult judge_http(const config::HttpCheck& check, const std::optional<Regex>& body_regex,
                       const Endpoint& target, int status, std::string_view body) {
  const bool accepted = std::any_of(
      check.status.begin(), check.status.end(),
      [&](const auto& range) { return range.first <= status && status <= range.second; });
  const std::string reason = "status " + std::to_string(status);
  const std::string trouble = unexpected_answer(target).marker;
  if (!accepted) {
    return fails(reason, trouble);
  }
  if (body_regex && !body_regex->found_in(body.substr(0, kHttpBodyMax))) {
    return fails(reason + ", body does not match", trouble);
  }
  return works(reason);
}

std::string http_url(const config::HttpCheck& check, const Endpoint& target) {
  const std::string scheme = check.tls ? "https://" : "http://";
  const std::string path = check.path.starts_with('/') ? check.path : "/" + check.path;
  const std::string place =
      check.host.empty() ? to_string(target) : check.host + ":" + std::to_string(target.port);
  return scheme + place + path;
}

std::string http_connect_to(const Endpoint& target) {
  return "::" + to_string(target);
}

}  // namespace lvs::nanny
