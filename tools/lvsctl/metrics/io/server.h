// Serves the metrics page over HTTP/1.1: GET /metrics, with or without parameters, and HEAD. What
// strangers may do is bounded: connections at once (as many again are told that it is too busy),
// the size of a request's head, the time for a request and its answer. The page is made at most
// once a second, however often it is asked for.
#pragma once

#include <functional>
#include <string>

#include "common/address.h"
#include "common/result.h"
#include "common/time.h"

namespace lvs::lvsctl {

struct ServerLimits {
  size_t connections = 16;
  uint32_t head_bytes = 8192;
  Duration refusal_patience = std::chrono::seconds{1};  // Of one too many, for its request.
  Duration patience = std::chrono::seconds{10};         // Of a connection, for one request.
  Duration page_age = std::chrono::seconds{1};          // A page this young is given again.
};

// Until SIGTERM or SIGINT. `listening` is told the endpoint, once.
Result<Ok> serve_metrics(const Endpoint& at, const ServerLimits& limits,
                         const std::function<std::string()>& page,
                         const std::function<void(const Endpoint&)>& listening);

}  // namespace lvs::lvsctl
