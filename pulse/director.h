// Which of the two directors holds the floating addresses: the arbitration of pulse as a pure value. It owns no timer,
// no socket, no clock; the shell (io/) and the simulator (tests/sim/) feed it events and perform its actions in order.
// The rules are Piranha's decision table, made deterministic, plus ability, terms, leases and a split guard.
//
//   state         holds  means
//   listening     no     started, or came back to a segment: silence is no evidence yet
//   standby       no     the peer serves, or nobody may
//   preparing     no     the peer hands over: arming our core first
//   adopting      yes    found own addresses with a living lease at start; renews, announces nothing, beats "adopting"
//   active        yes    serves
//   handing-over  yes    serves until the peer is active, then lets go
//   stopped       no     said goodbye
//
//   event                  listening, standby    preparing         adopting             active             handing-over
//   peer active            standby               standby           higher term, or we   primary: stay and  standby (done)
//                                                                  are the backup:      announce; backup:
//                                                                  standby; else active standby
//   peer adopting          wait                  standby           higher term wins,    stay               stay
//                                                                  ties: the primary
//   peer handing over      preparing if able     stay              as peer active       as peer active     as peer active
//   peer passive, able     primary: active       active            active               stay               stay
//   peer passive, not able active if able        active            active               stay               active
//   peer says goodbye      active if able        active            active               stay               active
//   silence for deadtime   active if able and    active            active               stay               active
//                          no split guard veto
//   core armed             -                     active            -                    -                  -
//   no carrier left        stay, not able        standby           standby              standby            standby
//   lease over             -                     -                 standby              standby            standby
//   not able               stay                  standby           -                    handing-over, if   stay
//                                                                                       the peer is able
//   asked to hand over     -                     -                 -                    handing-over       -
//   stop                   stopped               stopped           stopped              handing-over if    stopped when
//                                                                                       the peer is able,  the peer is active
//                                                                                       else stopped       or time is over
// "if able" is Ability (able.h); silence is counted by Peer (peer.h); the veto is SplitGuard (split_guard.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/log.h"
#include "common/result.h"
#include "common/time.h"
#include "pulse/settings.h"
#include "pulse/status.h"
#include "pulse/wire.h"

namespace lvs::pulse {

using PathId = size_t;  // Index into Settings::paths.

// What must outlive the process (not the machine): a file under /run.
struct Kept {
  uint64_t term = 0;
  std::vector<Mac> peer_macs;
  bool operator==(const Kept&) const = default;
};

// ---- Events ---------------------------------------------------------------------------------------------------------

// The first event, once. `found`: configured floating addresses that the machine already holds.
struct FoundAddress {
  Address address;
  std::optional<TimePoint> valid_until;  // Time *before* the kernel was asked + the lifetime it told; nothing: permanent.
};
struct Started {
  std::vector<FoundAddress> found;
  Kept kept;
};
struct TimerFired {};
struct Heard {                    // A datagram came in on a path; the shell has called decode().
  PathId path = 0;
  Decoded decoded;
};
struct LinkChanged {              // Up: administratively up and carrier. Devices never told about count as up.
  std::string device;
  bool up = true;
};
struct LvsdChanged {              // Ready: its control socket answered "ready". Also when the count changes.
  bool ready = false;
  int failed_restarts = 0;        // In a row; 0 when ready.
};
struct CoreArmed {};              // lvsd answered ArmCore: its core is armed now.
struct WitnessChanged {           // Whether at least one witness answers.
  bool answers = false;
};
struct AddressClaimed {           // Someone answered for, or announced, a floating address: an ARP/NA with its own MAC.
  Address address;
  Mac mac{};
};
struct AddressGone {              // A floating address vanished from the machine (RTM_DELADDR), also by our own removal.
  Address address;
};
struct AddressFailed {            // AddAddress or RenewAddress did not succeed.
  Address address;
  Error error;
};
struct Switchover {};             // The operator; answered by one Answer.
struct Stop {};                   // SIGTERM; ends with Exit.
struct Reconfigured {             // lvs.cf was reread. Node and cluster id keep their first values.
  Settings settings;
};

using Event = std::variant<Started, TimerFired, Heard, LinkChanged, LvsdChanged, CoreArmed, WitnessChanged,
                           AddressClaimed, AddressGone, AddressFailed, Switchover, Stop, Reconfigured>;

// ---- Actions, to be performed in the order given --------------------------------------------------------------------

struct SendHeartbeat {            // encode() it once, send it on every path, or on the one named.
  Heartbeat heartbeat;
  std::optional<PathId> only;
};
struct ArmCore {};                // Tell lvsd "active" (and again whenever it comes back); answer with CoreArmed.
struct DisarmCore {};             // Tell lvsd "not active".
// With a lifetime: preferred and valid lifetime of the address, and the action must be dropped, unperformed, when
// Clock::now() >= *perform_before (the process was stopped between decision and action). Without: permanent.
struct AddAddress {
  FloatingAddress address;
  std::optional<std::chrono::seconds> lifetime;
  std::optional<TimePoint> perform_before;
};
struct RenewAddress {             // The same with NLM_F_REPLACE: a new lifetime for an address that is there.
  FloatingAddress address;
  std::optional<std::chrono::seconds> lifetime;
  std::optional<TimePoint> perform_before;
};
struct RemoveAddress {            // An address that is not there is no error.
  FloatingAddress address;
};
struct Announce {                 // One gratuitous ARP / unsolicited NA; the core repeats.
  FloatingAddress address;
};
struct ProbeAddress {             // One ARP request / NS for it from an own address; answers come as AddressClaimed.
  FloatingAddress address;
};
struct RunCommand {               // active_cmd, inactive_cmd: started, not waited for.
  std::string command;
};
struct Keep {                     // Write to /run.
  Kept kept;
};
struct Answer {                   // To the operator's Switchover.
  bool ok = false;
  std::string text;
};
struct Exit {};                   // Stopped: nothing is held any more, the process may end.

using Action = std::variant<SendHeartbeat, ArmCore, DisarmCore, AddAddress, RenewAddress, RemoveAddress, Announce,
                            ProbeAddress, RunCommand, Keep, Answer, Exit, LogEvent>;

struct Step {
  std::vector<Action> actions;
  std::optional<TimePoint> wake_at;  // Strictly in the future.
};

class Director {
 public:
  // `incarnation`: random, not 0.
  Director(Settings settings, uint64_t incarnation);
  Director(Director&&) noexcept;
  Director& operator=(Director&&) noexcept;
  ~Director();

  Step step(const Event& event, TimePoint now);
  Status status(TimePoint now) const;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace lvs::pulse
