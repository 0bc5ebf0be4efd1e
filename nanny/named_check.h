// Checks that lvs.cf names and this nanny runs in part. `udp` is an exchange of datagrams. dns,
// smtp, ftp, ping and agent have no probe of their own yet: on a TCP service a connection is
// checked in their place, and the log says so; on any other there is nothing to check, and no
// verdict is given.
#pragma once

#include <optional>
#include <string>

#include "common/config/model.h"

namespace lvs::nanny {

struct Runnable {
  config::SendExpect check;
  ipvs::Protocol protocol = ipvs::Protocol::tcp;
  bool is_stand_in = false;
  bool operator==(const Runnable&) const = default;
};

// Nothing: it cannot be run.
std::optional<Runnable> runnable(const config::NamedCheck& check, ipvs::Protocol protocol);

}  // namespace lvs::nanny
