// What an HTTP answer says about its server: the status must lie in an accepted range, the body
// (its first 64 KiB) must contain the wanted expression when there is one.
#pragma once

#include <optional>
#include <string_view>

#include "common/config/model.h"
#include "common/regex.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kHttpBodyMax = 64 * 1024;
constexpr size_t kHttpHeadersMax = 64 * 1024;

ProbeResult judge_http(const config::HttpCheck& check, const std::optional<Regex>& body_regex,
                       const Endpoint& target, int status, std::string_view body);

// "http://10.0.0.2:8080/path"; the host of the check, where it has one, stands for the address.
std::string http_url(const config::HttpCheck& check, const Endpoint& target);
// Where that connects to in truth, in libcurl's CONNECT_TO form: "::10.0.0.2:8080".
std::string http_connect_to(const Endpoint& target);

}  // namespace lvs::nanny
