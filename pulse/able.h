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

inline constexpr int kFailedRestartsMax = 3;  // From this one on lvsd counts as failing.

class Ability {
 public:
  void set_link(const std::string& device, bool up) { links_[device] = up; }
  void set_lvsd(bool ready, int failed_restarts, TimePoint now);
  // Found holding addresses: the predecessor was able. lvsd is away and not starting, the witness
  // answers until told otherwise.
  void adopt(TimePoint now);
  void set_witness(bool answers) { witness_answers_ = answers; }

  // Bits of Reason; 0: able.
  uint32_t reasons(const Settings& settings, TimePoint now) const;
  // When the reasons may change by the passing of time alone.
  std::optional<TimePoint> next_change(const Settings& settings, TimePoint now) const;
  // Carrier on at least one of the devices that carry floating addresses.
  bool has_service_link(const Settings& settings) const;

 private:
  bool is_up(const std::string& device) const;

  std::map<std::string, bool> links_;
  bool lvsd_was_ready_ = false;
  std::optional<TimePoint> lvsd_away_since_;
  int failed_restarts_ = 0;
  bool witness_answers_ = false;
};

}  // namespace lvs::pulse
