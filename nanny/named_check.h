// The options of a check that lvs.cf names.
#pragma once

#include <string>

#include "common/config/model.h"

namespace lvs::nanny {

std::string option_of(const config::NamedCheck& check, const std::string& name,
                      const std::string& fallback = "");

// Of `udp`: what is sent and what is expected.
config::SendExpect exchange_of(const config::NamedCheck& check);

}  // namespace lvs::nanny
