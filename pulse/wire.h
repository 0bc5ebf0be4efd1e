// Heartbeat format 2: what a director tells its peer, as one UDP datagram on every path, each
// `keepalive`. Pure functions of bytes. Everything is covered by an HMAC-SHA256 with the shared key
// (with `heartbeat_key = none` the key is empty and the tag is no more than a checksum), and
// nothing in the packet depends on a clock: freshness comes from what of ours it answers (peer.h).
// All integers in network byte order.
// clang-format off
//
//   offset size  field
//        0    4  magic "LVSH"
//        4    1  version of this layout, 3
//        5    1  node: 1 primary, 2 backup
//        6    1  role: 0 passive, 1 adopting, 2 active, 3 handing over
//        7    1  flags: 1 able, 2 goodbye, 4 asking for a handover to the sender; others: 0,
//                ignored
//        8    8  cluster id: two pairs on one segment with the same key do not mix
//       16    8  my incarnation: random for each process, never 0
//       24    8  your incarnation: the one of yours that I answer; 0: none heard yet
//       32    8  sequence: from 1, rising; the copies on other paths have the same
//       40    8  your sequence: the last one of your incarnation that I have; 0: none
//       48    8  term: counts takeovers of the pair
//       56    4  reasons for not being able, bits of Reason; 0 if and only if able
//       60    4  configuration serial (serial_no of lvs.cf)
//       64    8  configuration digest
//       72    1  number of hardware addresses, 0 to 8
//       73    1  zero, ignored
//       74    2  services that it cannot serve (standing.h); 65535: not known
//       76  6*n  own hardware addresses, those with which the sender answers ARP
//   76+6*n    1  f, number of services named, 1 to 60; left out with the names where there is none
//   77+6*n  4*f  the first of those whose servers fail it, as lvsd calls them
//        .    8  those of them that it cannot check for a cause of its own, a bit each, the first
//                the lowest; left out where there is none of them nor of the next
//        .    8  those of them that failed by chance, in the same way; left out where there is none
//        .    e  what a newer program adds, ignored; e is 0 here
//        .   32  HMAC-SHA256 of all bytes before it
//
// clang-format on
// The layout's version changes only when an older program would misread it: during an upgrade the
// two directors run different programs, and must go on believing each other.
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace lvs::pulse {

using Mac = std::array<uint8_t, 6>;

inline constexpr size_t kMacsMax = 8;
inline constexpr size_t kFailingNamedMax = 60;
static_assert(kFailingNamedMax <= 64);  // A bit each.
inline constexpr size_t kTagSize = 32;
inline constexpr size_t kHeaderSize = 76;
inline constexpr size_t kHeartbeatSizeMin = kHeaderSize + kTagSize;
inline constexpr size_t kHeartbeatSizeMax = 512;  // Of a newer program's, too.
inline constexpr uint16_t kUnservedMax = 65534;   // More are told as so many.

enum class Node : uint8_t { primary = 1, backup = 2 };

// What the sender does with the floating addresses.
enum class Role : uint8_t {
  passive = 0,   // Holds none of them.
  adopting = 1,  // Holds those that its predecessor process left; does not know yet whether it may
                 // ("unconfirmed").
  active = 2,    // Holds them.
  handing_over = 3,  // Holds them and asks its able peer to take them.
};

inline bool holds_addresses(Role role) {
  return role == Role::active || role == Role::handing_over;
}

// Why a director is not able to serve. A set of bits.
enum Reason : uint32_t {
  kLinkDown = 1,           // A monitored link is down (monitor_links).
  kNoServiceLink = 2,      // No link that carries a floating address has carrier.
  kLvsdStarting = 4,       // lvsd has not been ready since this process started.
  kLvsdAway = 8,           // lvsd is away for longer than lvsd_grace.
  kLvsdFailing = 16,       // lvsd failed to restart three times in a row.
  kNoWitness = 32,         // No witness answers.
  kStopping = 64,          // Told to stop.
  kServiceLinkDown = 128,  // One of several links that carry a floating address has no carrier.
  kAddressFailed = 256,    // The kernel refuses a floating address.
  kHeld = 512,             // The operator keeps it in its role (lvsctl hold).
  kNoWay = 1024,           // No way to any server of a service: no route, or no carrier.
  kChecksStopped = 2048,   // Its servers are not checked: nanny does not run.
};
inline constexpr uint32_t kReasonsAll = 4095;

// A director that lacks something may be the best there is. Who could serve in part, or only lacks
// a witness, a monitored link or checks, does so when nobody fitter can; and even who has no way to
// the servers of a service, for the sake of the others, and because the way may come back.
enum class Fitness : uint8_t { none, hardly, partly, whole };
inline Fitness fitness_of(uint32_t reasons) {
  constexpr uint32_t kBearable =
      kLinkDown | kNoWitness | kServiceLinkDown | kAddressFailed | kChecksStopped;
  return reasons == 0                             ? Fitness::whole
         : (reasons & ~kBearable) == 0            ? Fitness::partly
         : (reasons & ~(kBearable | kNoWay)) == 0 ? Fitness::hardly
                                                  : Fitness::none;
}

// How many services a director cannot serve; nothing: it does not know.
using Unserved = std::optional<uint16_t>;
// The same for the same service on both directors (lvsd/failing_services.h).
using ServiceId = uint32_t;

struct Heartbeat {
  Node node = Node::primary;
  Role role = Role::passive;
  bool goodbye = false;
  bool asking = false;
  uint64_t cluster_id = 0;
  uint64_t my_incarnation = 0;
  uint64_t your_incarnation = 0;
  uint64_t sequence = 0;
  uint64_t your_sequence = 0;
  uint64_t term = 0;
  uint32_t reasons = 0;  // 0: able.
  uint32_t config_serial = 0;
  uint64_t config_digest = 0;
  Unserved unserved;
  std::vector<Mac> macs;
  std::vector<ServiceId> failing;
  uint64_t uncheckable = 0;  // Of these, by their place.
  uint64_t recovered = 0;    // The same way.

  bool is_uncheckable(size_t place) const { return (uncheckable >> place & 1) != 0; }
  bool has_recovered(size_t place) const { return (recovered >> place & 1) != 0; }
  std::vector<ServiceId> failing_still() const;  // Those that have not recovered.
  bool able() const { return reasons == 0; }
  bool operator==(const Heartbeat&) const = default;
};

// Why a datagram did not act. The first group is found by decode(), the second by Peer (peer.h).
enum class Refusal : uint8_t {
  malformed,
  other_version,  // Piranha's four bytes too.
  bad_hmac,
  wrong_cluster,
  own_node,
  replay,
  unknown_incarnation,
};
inline constexpr size_t kRefusalKinds = 7;
const char* name(Refusal refusal);           // "bad-hmac"
const char* name(Node node);                 // "primary"
const char* name(Role role);                 // "handing-over"
std::string reason_names(uint32_t reasons);  // "lvsd-away,no-witness"; "able" for none.
std::string to_string(const Mac& mac);       // 02:00:00:00:00:01

using Key = std::vector<uint8_t>;  // The bytes of the key file; empty with `heartbeat_key = none`.
using Decoded = std::variant<Heartbeat, Refusal>;

// More hardware addresses than kMacsMax, or services than kFailingNamedMax: the first are sent.
std::vector<uint8_t> encode(const Heartbeat& heartbeat, const Key& key);
Decoded decode(std::span<const uint8_t> datagram, const Key& key);

}  // namespace lvs::pulse
