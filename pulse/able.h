// Whether this director could serve, and if not, why: apart from whether it does. "Not active" in a
// heartbeat would mean not yet, not needed or not able, and only the last should make the peer
// jump.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/absence.h"
#include "common/time.h"
#include "pulse/settings.h"

namespace lvs::pulse {

// A device that is just being made anew refuses too.
inline constexpr Duration kRefusalPatience = std::chrono::seconds{1};
inline constexpr int kFailedRestartsMax = 3;  // From this one on lvsd counts as failing.
// A link that is lost for a moment (a switch port that negotiates anew, a bond that changes its
// port) costs the clients less than a move of everything to the peer.
inline constexpr Duration kSettleMax = std::chrono::milliseconds{500};
inline Duration settling_time(const Settings& settings) {
  return std::min(kSettleMax, settings.deadtime / 4);
}

class Ability {
 public:
  // Whether it came up just now. One that went down counts as down after `patience`: who serves
  // has it, who does not has nothing to lose.
  bool set_link(const std::string& device, bool up, bool exists, TimePoint now);
  void set_lvsd(bool ready, int failed_restarts, TimePoint now);
  // Found holding addresses: the predecessor was able. lvsd is away and not starting, the witness
  // answers until told otherwise.
  void adopt(TimePoint now);
  void set_witness(bool answers) { witness_ = answers ? Witness::answers : Witness::silent; }
  // A new one, which has had no time to answer: until it is known, nothing is held against it.
  void trust_witness() { witness_ = Witness::answers; }
  void set_patience(Duration patience) { patience_ = patience; }
  // Whether there is a way to a server of each service, as far as the checks of servers can tell;
  // nothing: lvsd is away or has not heard yet. What was known last then holds until a link comes
  // up.
  void set_way(std::optional<bool> has_way, TimePoint now);
  void set_checks(bool run) { checks_run_ = run; }
  // Since when the kernel has been refusing an address; nothing: it refuses none.
  void set_refused_since(std::optional<TimePoint> since) { refused_since_ = since; }

  // Bits of Reason; 0: able.
  uint32_t reasons(const Settings& settings, TimePoint now) const;
  // What these reasons leave. Before it is known whether a witness answers: none.
  Fitness fitness(const Settings& settings, TimePoint now) const;
  // When the reasons may change by the passing of time alone.
  std::optional<TimePoint> next_change(const Settings& settings, TimePoint now) const;
  // Carrier on at least one of the devices that carry floating addresses.
  bool has_service_link(const Settings& settings, TimePoint now) const;
  // How many services have their address on a device that does not work.
  unsigned services_without_link(const Settings& settings, TimePoint now) const;
  // No carrier on any of these: what came by them cannot be heard.
  bool are_all_down(const std::set<std::string>& devices, TimePoint now) const;
  bool exists(const std::string& device) const;  // Unless told otherwise.
  // Of those that a reason can be about.
  std::set<std::string> links_down(const Settings& settings) const;

 private:
  struct LinkState {
    bool exists = true;
    Absence down;
  };
  enum class Witness { unknown, silent, answers };
  bool is_up(const std::string& device) const;
  // Up, or down for so short a time that it may have been nothing.
  bool works(const std::string& device, TimePoint now) const;

  std::map<std::string, LinkState> links_;
  Duration patience_{0};
  bool lvsd_was_ready_ = false;
  std::optional<TimePoint> lvsd_away_since_;
  int failed_restarts_ = 0;
  Witness witness_ = Witness::unknown;
  std::optional<TimePoint> refused_since_;
  bool checks_run_ = true;
  Absence way_;
  bool is_way_known_ = false;
};

}  // namespace lvs::pulse
