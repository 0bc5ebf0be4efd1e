// The peer heard but not believed: datagrams come from its address that no director of this pair
// may act on, because of another key, version or pair. They prove a machine that lives, not what it
// does with the addresses; and they are an alarm, since such a pair cannot agree on anything.
#pragma once

#include <optional>
#include <string>

#include "common/time.h"
#include "pulse/wire.h"

namespace lvs::pulse {

class Disbelief {
 public:
  // A replay, or a process that has not answered us yet, is no such thing: it ends by itself.
  static bool is_about(Refusal refusal) {
    return refusal != Refusal::replay && refusal != Refusal::unknown_incarnation;
  }
  // What the operator should do.
  static std::string advice(Refusal cause);

  void heard(Refusal cause, TimePoint now) {
    cause_ = cause;
    heard_at_ = now;
  }
  // Why the peer is not believed, while such datagrams come.
  std::optional<Refusal> cause(TimePoint now, Duration deadtime) const {
    return heard_at_ && now < *heard_at_ + deadtime ? std::optional{cause_} : std::nullopt;
  }
  std::optional<TimePoint> until(Duration deadtime) const {
    return heard_at_ ? std::optional{*heard_at_ + deadtime} : std::nullopt;
  }

 private:
  Refusal cause_ = Refusal::malformed;
  std::optional<TimePoint> heard_at_;
};

}  // namespace lvs::pulse
