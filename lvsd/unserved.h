// Whether a new client of a service would get anybody, and if not, why.
//
// A service serves nobody when none of its servers, nor its sorry server, takes connections: each
// is down, was never checked, has weight 0, or this director has no way to it. That costs every
// client, and can come from something that no check ever fails of, as a check that cannot be made;
// so it is said of the service and not only of its servers.
//
// It is told at once, unless checks that have not ended yet may still bring a server: these get the
// time of a few checks first.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "lvsd/events.h"

namespace lvs::lvsd {

constexpr int kChecksWaitedFor = 3;

struct Unserved {
  std::string why;         // Empty: somebody is served.
  bool is_decided = true;  // False: there are servers of which nothing was heard at all.
  bool operator==(const Unserved&) const = default;
};

using ToldOf = std::function<const Verdict*(const ipvs::DestKey& server)>;  // nullptr: nothing yet.

// Of a service as it is wanted in the table.
Unserved why_unserved(const config::VirtualService& service, const ipvs::Entry& entry,
                      const std::map<ipvs::DestKey, Standing>& standings, const ToldOf& told_of);

// Tells when a service begins and ceases to serve nobody.
class UnservedWatch {
 public:
  void note(const ipvs::ServiceKey& key, const config::VirtualService& service, Unserved found,
            TimePoint now, Actions& actions);
  void forget(const ipvs::ServiceKey& key);  // It is not, or not here, to be served.
  void tell_due(TimePoint now, Actions& actions);
  std::optional<TimePoint> wake_at() const;

 private:
  struct Case {
    std::string name;
    std::string why;
    std::optional<TimePoint> tell_at;  // Nothing: told.
  };
  static void tell(const ipvs::ServiceKey& key, Case& unserved, Actions& actions);

  std::map<ipvs::ServiceKey, Case> cases_;
  std::set<std::pair<TimePoint, ipvs::ServiceKey>> due_;
};

}  // namespace lvs::lvsd
