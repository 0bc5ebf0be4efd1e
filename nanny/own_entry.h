// The one entry of the IPVS table that a nanny started by hand keeps, as Piranha's did: added when
// the server answers, deleted when it does not; quiesced (weight 0) instead with -q, if it was
// there. What the table holds is believed until the core contradicts: an entry that exists already
// is edited, one that has vanished is added again.
#pragma once

#include <cstdint>
#include <optional>

#include "common/ipvs/request.h"
#include "common/monitor.h"

namespace lvs::nanny {

class OwnEntry {
 public:
  enum class OnFailure { remove, quiesce };
  OwnEntry(ipvs::ServiceKey service, ipvs::DestKey key, ipvs::Dest dest, OnFailure on_failure)
      : service_(std::move(service)), key_(key), dest_(dest), on_failure_(on_failure) {}

  void server_is(Health health);
  void stop() { wanted_ = std::nullopt; }

  // What brings the table nearer to what is wanted; nothing: it is there. Then one of the two
  // below, until nothing.
  std::optional<ipvs::Request> next() const;
  void done();
  // errno of the core. False: asking again at once is no use.
  bool refused(int code);

 private:
  ipvs::ServiceKey service_;
  ipvs::DestKey key_;
  ipvs::Dest dest_;
  OnFailure on_failure_;
  std::optional<int32_t> wanted_;  // The weight; nothing: no entry.
  std::optional<int32_t> held_;  // As far as we know; kUnknownWeight: there, its weight not known.
};

}  // namespace lvs::nanny
