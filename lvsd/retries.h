// Which operations keep failing, and when each may be tried again. A target is one service or one
// server of it: a server that the core refuses waits by itself and holds nobody else up; a service
// that cannot be made holds back its own servers only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/backoff.h"
#include "common/ipvs/request.h"
#include "common/result.h"

namespace lvs::lvsd {

constexpr Duration kRetryFirst = std::chrono::milliseconds{200};
constexpr Duration kRetryMax = std::chrono::seconds{30};

struct OpTarget {
  std::optional<ipvs::ServiceKey>
      service;  // Nothing: the core as a whole (time-outs, sync daemons).
  std::optional<ipvs::DestKey> server;
  std::optional<ipvs::DaemonRole> daemon = {};
  auto operator<=>(const OpTarget&) const = default;
};

OpTarget target_of(const ipvs::Request& request);

// What became of operations, one for each in their order; nothing: done.
using OpErrors = std::vector<std::optional<Error>>;

// Done or not: only reading the table tells.
bool is_unanswered(const std::optional<Error>& error);

class Retries {
 public:
  struct Failure {
    Backoff backoff{kRetryFirst, kRetryMax};
    TimePoint retry_at;
    int count = 0;
    std::string what;
  };

  // Which operations began to fail with this batch, for the log; failures that go on are only
  // counted. What was not answered (ENOBUFS) is no failure.
  std::vector<size_t> note(const std::vector<ipvs::Request>& ops, const OpErrors& errors,
                           TimePoint now);
  // The operations that may be tried now.
  std::vector<ipvs::Request> due(std::vector<ipvs::Request> ops, TimePoint now) const;
  // Forgets failures of targets that no operation is about any more, of the core as a whole and of
  // `services`: `ops` is all that there is to do about these.
  void keep_only(const std::vector<ipvs::Request>& ops, const std::set<ipvs::ServiceKey>& services);
  void forget_all() { failures_.clear(); }
  std::optional<TimePoint> next_at() const;
  // Those whose time has come.
  std::vector<OpTarget> targets_due(TimePoint now) const;
  const std::map<OpTarget, Failure>& failures() const { return failures_; }

 private:
  bool is_held(const OpTarget& target, TimePoint now) const;
  std::map<OpTarget, Failure> failures_;
};

}  // namespace lvs::lvsd
