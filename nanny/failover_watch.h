// When a nanny of a failover service (--fos) ends. It does not keep a table: its exit is the
// message. A service that was seen and is lost: status 0; one that two checks in a row never saw:
// status 1.
#pragma once

#include <optional>

namespace lvs::nanny {

constexpr int kChecksBeforeFailover = 2;

class FailoverWatch {
 public:
  enum class End { lost, never_seen };

  std::optional<End> count(bool works) {
    if (works) {
      seen_ = true;
      return std::nullopt;
    }
    if (seen_) {
      return End::lost;
    }
    ++missed_;
    return missed_ < kChecksBeforeFailover ? std::nullopt : std::optional(End::never_seen);
  }

 private:
  bool seen_ = false;
  int missed_ = 0;
};

}  // namespace lvs::nanny
