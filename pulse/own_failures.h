// Which of the services that the passive director fails are its own trouble: it named them for some
// time before who serves came to doubt them. One check that fails here as well does not make them a
// trouble of the servers.
#pragma once

#include <map>
#include <vector>

#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

// Longer than two directors take to see the same server fail, by checks that are usual.
inline constexpr Duration kOwnAfter = std::chrono::seconds{10};

class OwnFailures {
 public:
  void named(const std::vector<ServiceId>& failing, TimePoint now) { keep(named_, failing, now); }
  void doubted(const std::vector<ServiceId>& doubtful, TimePoint now) {
    keep(doubted_, doubtful, now);
  }
  bool has(ServiceId id) const {
    const auto named = named_.find(id);
    const auto doubted = doubted_.find(id);
    return named != named_.end() && doubted != doubted_.end() &&
           doubted->second - named->second >= kOwnAfter;
  }

 private:
  using Since = std::map<ServiceId, TimePoint>;

  static void keep(Since& since, const std::vector<ServiceId>& ids, TimePoint now) {
    Since next;
    for (const ServiceId id : ids) {
      const auto before = since.find(id);
      next.emplace(id, before == since.end() ? now : before->second);
    }
    since = std::move(next);
  }

  Since named_;
  Since doubted_;
};

}  // namespace lvs::pulse
