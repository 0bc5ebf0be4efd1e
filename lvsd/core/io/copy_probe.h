// Whether the copies that nft makes of first packets still come to ipvs0. On their way they meet
// the director's OUTPUT rules as packets from the client to the VIP, and one that drops such takes
// all service away without a trace. So a packet like them is sent the same way, and counted by the
// program on ipvs0.
#pragma once

#include <cstdint>

#include "common/address.h"
#include "common/io/unique_fd.h"

namespace lvs::core {

class CopyProbe {
 public:
  // Sends one, from nobody to this VIP. `arrived`: how many have come to ipvs0, of this family.
  void send(const Address& vip, uint32_t arrived);
  // Several in a row did not come. One alone may still be under way.
  bool is_lost() const { return missed_ >= kMisses; }

 private:
  static constexpr unsigned kMisses = 3;

  io::UniqueFd socket_;
  Family family_ = Family::v4;
  bool is_sent_ = false;
  uint32_t arrived_ = 0;
  unsigned missed_ = 0;
};

}  // namespace lvs::core
