// Checks that lvs.cf names. `udp` is an exchange of datagrams; dns, smtp, ftp and agent are
// conversations (dialogue.h). ping has no probe of its own yet: on a TCP service a connection is
// checked in its place, and the log says so; on any other there is nothing to check, and no verdict
// is given.
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

std::string option_of(const config::NamedCheck& check, const std::string& name,
                      const std::string& fallback = "");

// Nothing: it is no exchange.
std::optional<Runnable> runnable(const config::NamedCheck& check, ipvs::Protocol protocol);

}  // namespace lvs::nanny
