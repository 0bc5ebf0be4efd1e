// What a director tells its operator (lvsctl status, the control socket): plain values, filled by
// Director::status().
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

enum class State { listening, standby, preparing, adopting, active, handing_over, stopped };
const char* name(State state);  // "handing-over"

// Who keeps a director in its role, since when (seconds of the epoch: the core has no clock).
struct Hold {
  std::string by;
  int64_t since = 0;
  bool operator==(const Hold&) const = default;
};

struct PathStatus {
  std::string name;
  bool alive = false;
  std::optional<Duration> silent;  // Since the last accepted heartbeat; nothing: none yet.
  uint64_t heard = 0;
  uint64_t lost = 0;  // Of those that the peer numbered between two that were heard.
};

// What became of each floating address of the configuration.
enum class Holding {
  not_held,
  held,
  foreign,  // The device holds it, but somebody else added it: it stays when we let go.
  failed,   // The kernel refuses it.
  missing,  // Its device is not there.
};
const char* name(Holding holding);  // "not-held"

struct AddressStatus {
  Address address;
  std::string device;
  Holding holding = Holding::not_held;
  std::string error;
};

struct PeerStatus {
  bool alive = false;
  bool stopped = false;  // Its last word was a goodbye.
  std::optional<Duration> silent;
  Role role = Role::passive;
  uint32_t reasons = 0;
  uint64_t term = 0;
  uint32_t config_serial = 0;
  bool same_config = true;
  Unserved unserved;
  std::vector<Mac> macs;
  // Heard but not believed: why, and what to do.
  std::optional<Refusal> not_believed;
  std::string advice;
};

struct Counters {
  uint64_t beats_sent = 0;
  uint64_t beats_accepted = 0;
  std::array<uint64_t, kRefusalKinds> refused{};  // By Refusal.
  uint64_t takeovers = 0;
  uint64_t standdowns = 0;
  uint64_t leases_lost = 0;
  uint64_t addresses_restored = 0;
  uint64_t rivals_seen = 0;  // Signs of another holder while holding.
  uint64_t vetoes = 0;       // Takeovers put off by the split guard.
};

struct Status {
  Node node = Node::primary;
  bool alone = false;
  bool legacy_heartbeats = false;
  State state = State::listening;
  Duration in_state{0};
  std::string reason;  // Why it is in this state: "peer-silent".
  uint64_t term = 0;
  uint64_t config_digest = 0;
  uint32_t reasons = 0;                 // Bits of Reason; 0: able.
  Unserved unserved;                    // As it is told to the peer.
  std::set<std::string> links_down;     // Devices without carrier, of those that count.
  std::set<std::string> links_missing;  // Those of them that do not exist.
  bool switching = false;               // The operator asked for it, and it has not begun.
  std::string doubt;  // Why a silent peer is not taken over from: "peer-holds-address"; or empty.
  bool holding = false;  // At least one.
  std::vector<AddressStatus> addresses;
  std::optional<Duration> lease_left;
  PeerStatus peer;
  std::vector<PathStatus> paths;
  Counters counters;
  std::optional<Hold> hold;
  Duration late{0};      // How late the last wake-up was,
  Duration late_max{0};  // and the latest one so far.
};

}  // namespace lvs::pulse
