// One director machine of a world: its kernel (addresses whose leases run out by themselves,
// carrier) and the processes on it. Losing power takes everything; killing the arbiter leaves the
// kernel's part, /run and lvsd.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "lvsd/failing_services.h"
#include "pulse/director.h"

namespace lvs::sim {

inline constexpr size_t kInboxMax = 64;  // What a socket holds while its reader is frozen.

struct Machine {
  pulse::Node node = pulse::Node::primary;
  pulse::Mac mac{};
  Address address;  // Its own one on the segment of the clients.
  pulse::Key key;
  bool knows_peer = true;  // False: the peer's name has no address here.

  // Kernel and hardware.
  bool has_power = false;
  std::optional<TimePoint> paused_at;  // Its hypervisor stopped all of it.
  Duration clock_behind{0};            // What its clock did not count of such pauses.
  bool has_carrier = true;             // Of the public device.
  bool has_inner_carrier = true;       // Of the one to the real servers, if there are two.
  bool sees_witness = true;
  bool has_way = true;                                    // To the real servers.
  std::set<lvsd::ServiceId> failing_services;             // As its checks see it.
  std::set<lvsd::ServiceId> uncheckable_services;         // For a cause on this machine.
  std::map<Address, std::optional<TimePoint>> addresses;  // With the end of the lease by its clock.
  uint64_t address_changes = 0;                           // Distinguishes lease ends.
  pulse::Kept kept;                                       // /run
  // By path: frames for a neighbour whose hardware address was asked for in vain, and until when it
  // is not asked again.
  std::array<std::deque<std::pair<TimePoint, std::vector<uint8_t>>>, 2> waiting;
  std::array<TimePoint, 2> asks_again_at{};

  // lvsd.
  bool lvsd_ready = false;
  uint64_t lvsd_life = 0;
  std::optional<TimePoint> lvsd_since;              // Ready.
  lvsd::FailingServices<lvsd::ServiceId> services;  // As its checks saw them.
  std::set<lvsd::ServiceId> unchecked_services;
  bool core_armed = false;
  bool last_asked_all = false;  // Its last question of the segment could reach the peer.
  bool core_wanted = false;     // What the arbiter told last; lvsd learns it when it comes back.
  bool core_ahead = false;      // The same.

  // What came last and how it was judged: the same comes on each path.
  struct {
    std::vector<uint8_t> bytes;
    pulse::Key key;
    pulse::Decoded decoded;
  } heard_last;

  // The arbiter.
  std::optional<pulse::Director> director;
  uint64_t life = 0;  // Of the process: what was meant for an earlier one is dropped.
  bool is_frozen = false;
  std::deque<pulse::Event> inbox;  // What came while it, or its machine, stood still.
  std::optional<TimePoint> wake_at;
  uint64_t wake_serial = 0;  // Between what happens in the same instant.
  bool has_started = false;
  bool exited = false;  // Ended by itself after Stop.
  bool is_to_freeze_announcing = false;
  bool is_frozen_for_good = false;  // Until its keeper replaces it.
  std::optional<bool> last_answer;
  std::optional<pulse::Notice> told;                     // To notify_fifo, by this process.
  std::optional<pulse::ServicesChanged> services_heard;  // From lvsd, by this process.

  TimePoint clock(TimePoint now) const { return paused_at.value_or(now) - clock_behind; }
  TimePoint when(TimePoint by_clock) const { return by_clock + clock_behind; }
  // For the world outside.
  bool holds() const { return has_power && !paused_at && !addresses.empty(); }
  bool is_running() const { return director.has_value() && !is_frozen && !paused_at; }
};

}  // namespace lvs::sim
