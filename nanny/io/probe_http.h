// HTTP and HTTPS through libcurl's multi interface: every request of the process shares one multi
// handle. libcurl's sockets live in an epoll set of their own, and the loop watches that set's one
// descriptor; so no socket has two owners. The request has one timeout as a whole. Redirects are
// judged, not followed; no proxy, no reuse of connections; TLS certificates and names are verified
// unless the check says otherwise. The one home of libcurl, which the first probe loads.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "common/config/model.h"
#include "common/result.h"
#include "common/time.h"
#include "nanny/io/probe.h"

namespace lvs::nanny::io {

class HttpClient {
 public:
  // ca_file: who may sign servers' certificates; empty: whom the system trusts.
  HttpClient(boost::asio::io_context& io, std::string ca_file);
  ~HttpClient();

  // Probes must not outlive their client. Without libcurl, or a descriptor for it, they end
  // undecided.
  std::unique_ptr<Probe> probe(const Endpoint& target, const config::HttpCheck& check,
                               Duration timeout, Tell tell);

  class Impl;  // Public only for the transfers.

 private:
  Result<Impl*> impl();

  boost::asio::io_context& io_;
  std::string ca_file_;
  std::unique_ptr<Impl> impl_;  // None before the first probe.
};

}  // namespace lvs::nanny::io
