// Of which services this director's checks find too few servers that work, as it counts when the
// two directors are compared (pulse/standing.h). When servers themselves fail, both directors see
// it, one of them a while before the other, and a failure that one check meets is missed by
// another; moving would cost the clients of all services a move, and help nobody. So each service
// has a doubt of its own, with a patience of several of its own checks, and counts
//
//                                 if this director serves     if it does not
//   it fails                      after its patience          at once
//   it passes again               at once                     after its patience
//   it is not known: no check     no: nothing was seen that   yes: nobody is moved here before
//     has decided                 could be held against it    it is known that he is served
//   it cannot be checked, for     what was known holds for    the same; and it is told that it
//     a cause on this machine     its patience, then: no      cannot be checked
//
// "After its patience": seen for longer than not (slow_belief.h). What is known for the first time,
// or again, is believed as far as it is good for this director: it began to pass, or to fail, just
// now. Neither does the role matter for what is seen, so a change of role finds the other count as
// if it had been the one that counts all the time.
//
// Numbers alone would let one service hide another: a slow one that fails for both directors counts
// for the passive one at once, and for the active one only after its patience, so long it would
// keep a fast one from moving that fails here alone. So the services are told by name, too: those
// that count if this director does not serve, and those that would be *doubtful* if it did: not
// known, or failing for less than their patience. Who serves does not hold against its peer what it
// doubts itself. No service is ever both counted against one and doubtful to it.
//
// One that does not serve tells as well which of those that it counts have *recovered*: they pass,
// and have for as long as they had failed, so they failed by chance. That is no good reason to move
// anybody here for their sake; nor is it one to leave others unserved.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lvsd/slow_belief.h"

namespace lvs::lvsd {

inline constexpr Duration kPatienceMin = std::chrono::seconds{3};
inline constexpr size_t kNamedMax = 60;    // Pulse tells its peer of as many (pulse/wire.h).
inline constexpr size_t kListedMax = 500;  // What pulse compares them with.

enum class Seen : uint8_t { nothing, passes, fails, uncheckable };

// Why a service counts for one that does not serve.
enum class Doubt : uint8_t {
  unknown,
  uncheckable,
  fails,         // Believed: it counts for one that serves as well.
  fails_lately,  // For less than its patience,
  passes_lately  // as this.
};

// The same for the same service on both directors.
using ServiceId = uint32_t;

struct FailingCount {
  size_t if_serving = 0;
  size_t if_not = 0;
  // In order; the first kNamedMax,
  std::vector<ServiceId> failing;      // Those of `if_not`.
  std::vector<ServiceId> uncheckable;  // Of these.
  std::vector<ServiceId> recovered;    // Of these.
  // or kListedMax.
  std::vector<ServiceId> certain;       // Those of `if_serving`.
  std::vector<ServiceId> doubtful;      // To one that serves.
  std::optional<TimePoint> changes_at;  // If all that is seen stays.
  bool operator==(const FailingCount&) const = default;
};

// Key: what a service is known by, whatever happens to the others.
template <typename Key>
class FailingServices {
 public:
  // `patience`: several checks of this service, each until it fails.
  void see(const Key& key, Seen seen, Duration patience, TimePoint now) {
    Service& service = services_[key];
    if (seen == Seen::uncheckable) {
      give_up(service, patience, now);
      return;
    }
    if (seen == Seen::nothing || service.is_uncheckable(now)) {
      service = {};
    }
    service.given_up_at.reset();
    if (seen == Seen::nothing) {
      return;
    }
    service.seen = seen;
    service.patience = std::max(patience, kPatienceMin);
    service.fails.see(seen == Seen::fails, service.patience, now);
    service.passes.see(seen == Seen::passes, service.patience, now);
    service.failed.see(seen == Seen::fails, service.patience, now);
  }
  void forget(const Key& key) { services_.erase(key); }
  // Nobody looked until now, and what was seen last is what is seen now.
  void begin_anew(TimePoint now) {
    for (auto& [key, service] : services_) {
      const Service before = std::exchange(service, {});
      see(key, before.seen, before.patience, now);
      if (before.given_up_at) {
        give_up(service, before.patience, now);
      }
    }
  }

  // Something is known of a service, or there is none to know anything of.
  bool is_any_known(TimePoint now) const {
    return services_.empty() || std::ranges::any_of(services_, [&](const auto& each) {
             return each.second.is_known(now);
           });
  }
  bool is_each_uncheckable(TimePoint now) const {
    return !services_.empty() && std::ranges::all_of(services_, [&](const auto& each) {
      return each.second.is_uncheckable(now);
    });
  }

  template <typename IdOf>
  FailingCount count(TimePoint now, const IdOf& id_of) const {
    FailingCount count;
    for (const auto& [key, service] : services_) {
      note_earliest(count.changes_at, service.uncheckable_from(now));
      note_earliest(count.changes_at, service.fails.believed_from(now));
      note_earliest(count.changes_at, service.passes.believed_from(now));
      note_earliest(count.changes_at, service.failed.empty_from(now));
      const auto doubt = service.doubt(now);
      if (!doubt) {
        continue;
      }
      const ServiceId id = id_of(key);
      ++count.if_not;
      count.failing.push_back(id);
      if (*doubt == Doubt::fails) {
        ++count.if_serving;
        count.certain.push_back(id);
      } else if (*doubt != Doubt::passes_lately) {
        count.doubtful.push_back(id);
      }
      if (*doubt == Doubt::uncheckable) {
        count.uncheckable.push_back(id);
      }
      if (*doubt == Doubt::passes_lately && service.failed.is_empty(now)) {
        count.recovered.push_back(id);
      }
    }
    for (auto* ids : {&count.failing, &count.uncheckable, &count.recovered}) {
      put_in_order(*ids, kNamedMax);
    }
    for (auto* ids : {&count.certain, &count.doubtful}) {
      put_in_order(*ids, kListedMax);
    }
    return count;
  }

  // In the order of their keys.
  std::vector<std::pair<Key, Doubt>> doubts(TimePoint now) const {
    std::vector<std::pair<Key, Doubt>> doubts;
    for (const auto& [key, service] : services_) {
      if (const auto doubt = service.doubt(now)) {
        doubts.emplace_back(key, *doubt);
      }
    }
    return doubts;
  }

 private:
  struct Service {
    Seen seen = Seen::nothing;
    Duration patience{0};
    SlowBelief fails{false};  // Of one that serves.
    SlowBelief passes{true};  // Of one that does not.
    LeakyBucket failed;
    std::optional<TimePoint> given_up_at;

    bool is_uncheckable(TimePoint now) const {
      return given_up_at && now >= *given_up_at + patience;
    }
    std::optional<TimePoint> uncheckable_from(TimePoint now) const {
      return given_up_at && !is_uncheckable(now) ? std::optional(*given_up_at + patience)
                                                 : std::nullopt;
    }
    bool is_known(TimePoint now) const { return seen != Seen::nothing && !is_uncheckable(now); }
    std::optional<Doubt> doubt(TimePoint now) const {
      if (is_uncheckable(now)) {
        return Doubt::uncheckable;
      }
      if (seen == Seen::nothing) {
        return Doubt::unknown;
      }
      if (passes.is_believed(now)) {
        return std::nullopt;
      }
      return fails.is_believed(now) ? Doubt::fails
             : seen == Seen::passes ? Doubt::passes_lately
                                    : Doubt::fails_lately;
    }
  };
  // Failures that are seen no more do not become believed.
  static void give_up(Service& service, Duration patience, TimePoint now) {
    if (service.seen == Seen::fails) {
      service = {};
    }
    service.patience = std::max(patience, kPatienceMin);
    service.given_up_at = service.given_up_at.value_or(now);
  }
  static void note_earliest(std::optional<TimePoint>& first, std::optional<TimePoint> next) {
    if (next && (!first || *next < *first)) {
      first = next;
    }
  }
  static void put_in_order(std::vector<ServiceId>& ids, size_t most) {
    std::ranges::sort(ids);
    ids.resize(std::min(ids.size(), most));
  }

  std::map<Key, Service> services_;
};

}  // namespace lvs::lvsd
