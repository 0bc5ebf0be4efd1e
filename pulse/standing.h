// Which of two directors serves more of the clients. Who hears no witness while the other does may
// be cut off from all of them, and counts as such, unless the other serves nobody either. Then,
// where both tell how many services they cannot serve (no carrier where its address is, no way to
// its servers, no server that passes its checks), the one with fewer of them is the better, but for
// those of a peer that who serves is in doubt of itself (lvsd/failing_services.h); other lacks
// decide between equals. Where one does not tell, or they run different files, what they lack
// decides alone, but never for one that tells that it serves nobody beside one that serves
// somebody, or that holds the addresses and did when it told last.
#pragma once

#include <algorithm>
#include <compare>
#include <cstdint>

#include "pulse/wire.h"

namespace lvs::pulse {

struct Standing {
  uint32_t reasons = 0;
  Unserved unserved;
  uint64_t config_digest = 0;
  uint16_t services = 0;         // In all, by this configuration.
  uint16_t excused = 0;          // Of the unserved ones: not held against it.
  uint16_t recovered = 0;        // Of the unserved ones: they pass, for as long as they failed.
  bool served_somebody = false;  // When it told last; of who holds the addresses.

  bool hears_witness() const { return (reasons & kNoWitness) == 0; }
  // Of a peer with another file: by the number of services in this one.
  bool serves_nobody() const { return unserved && *unserved - recovered >= services; }
  bool is_held_to_serve_nobody() const { return unserved && held_against() >= services; }
  bool serves_somebody() const { return unserved ? !serves_nobody() : served_somebody; }
  int held_against() const { return std::max(0, unserved.value_or(0) - excused); }
  bool can_serve() const { return fitness_of(reasons) != Fitness::none; }
};

// Greater: the better one.
inline std::weak_ordering operator<=>(const Standing& one, const Standing& other) {
  if (one.can_serve() != other.can_serve()) {
    return one.can_serve() <=> other.can_serve();
  }
  const bool both_tell = one.unserved && other.unserved && one.config_digest == other.config_digest;
  if (!both_tell) {
    if (one.is_held_to_serve_nobody() && other.serves_somebody()) {
      return std::weak_ordering::less;
    }
    if (other.is_held_to_serve_nobody() && one.serves_somebody()) {
      return std::weak_ordering::greater;
    }
    return fitness_of(one.reasons) <=> fitness_of(other.reasons);
  }
  if (one.hears_witness() != other.hears_witness() &&
      !(one.hears_witness() ? one : other).serves_nobody()) {
    return one.hears_witness() <=> other.hears_witness();
  }
  if (one.held_against() != other.held_against()) {
    return other.held_against() <=> one.held_against();
  }
  return fitness_of(one.reasons & ~kNoWay) <=> fitness_of(other.reasons & ~kNoWay);
}
// By the count of services alone: a move for this reason is one for servers that fail.
inline bool serves_more_than(const Standing& one, const Standing& other) {
  return one > other && one.unserved && other.unserved &&
         one.held_against() < other.held_against() && one.hears_witness() == other.hears_witness();
}
// Of two that hold the addresses at once the primary stays, unless it tells that it serves nobody
// and the backup serves somebody: it took over where it was cut off, and clients are with the other
// one. Excuses are one director's own view; here both must come to the same.
inline bool backup_stays(const Standing& primary, const Standing& backup) {
  return primary.config_digest == backup.config_digest && primary.unserved && backup.unserved &&
         *primary.unserved >= primary.services && *backup.unserved < backup.services;
}
inline bool operator==(const Standing& one, const Standing& other) {
  return (one <=> other) == 0;
}

}  // namespace lvs::pulse
