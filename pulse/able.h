// Whether this director could serve, and if not, why: apart from whether it does. "Not active" in a
// heartbeat would mean not yet, not needed or not able, and only the last should make the peer
// jump.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/time.h"
#include "pulse/settings.h"

namespace lvs::pulse {

// A device that is just being made anew refuses too.
inline constexpr Duration kRefusalPatience = std::chrono::seconds{1};
inline constexpr int kFailedRestartsMax = 3;  // From this one on lvsd counts as failing.

class Ability {
 public:
  // Whether it came up just now.
  bool set_link(const std::string& device, bool up, bool exists) {
    const bool was_up = is_up(device);
    links_[device] = {up && exists, exists};
    return !was_up && is_up(device);
  }
  void set_lvsd(bool ready, int failed_restarts, TimePoint now);
  // Found holding addresses: the predecessor was able. lvsd is away and not starting, the witness
  // answers until told otherwise.
  void adopt(TimePoint now);
  void set_witness(bool answers) { witness_ = answers ? Witness::answers : Witness::silent; }
  // A new one, which has had no time to answer: until it is known, nothing is held against it.
  void trust_witness() { witness_ = Witness::answers; }
  // Since when the kernel has been refusing an address; nothing: it refuses none.
  void set_refused_since(std::optional<TimePoint> since) { refused_since_ = since; }

  // Bits of Reason; 0: able.
  uint32_t reasons(const Settings& settings, TimePoint now) const;
  // What these reasons leave. Before it is known whether a witness answers: none.
  Fitness fitness(const Settings& settings, TimePoint now) const;
  // When the reasons may change by the passing of time alone.
  std::optional<TimePoint> next_change(const Settings& settings, TimePoint now) const;
  // Carrier on at least one of the devices that carry floating addresses.
  bool has_service_link(const Settings& settings) const;
  bool exists(const std::string& device) const;  // Unless told otherwise.

 private:
  struct LinkState {
    bool up = true;
    bool exists = true;
  };
  enum class Witness { unknown, silent, answers };
  bool is_up(const std::string& device) const;

  std::map<std::string, LinkState> links_;
  bool lvsd_was_ready_ = false;
  std::optional<TimePoint> lvsd_away_since_;
  int failed_restarts_ = 0;
  Witness witness_ = Witness::unknown;
  std::optional<TimePoint> refused_since_;
};

}  // namespace lvs::pulse
