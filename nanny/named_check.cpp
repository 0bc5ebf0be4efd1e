#include "nanny/named_check.h"

namespace lvs::nanny {
namespace {

config::SendExpect exchange(const config::NamedCheck& check) {
  config::SendExpect out;
  for (const auto& [name, value] : check.options) {
    if (name == "send") {
      out.send = value;
    } else if (name == "expect") {
      out.expect = value;
    } else if (name == "regex") {
      out.is_regex = value == "1";
    }
  }
  return out;
}

}  // namespace

std::optional<Runnable> runnable(const config::NamedCheck& check, ipvs::Protocol protocol) {
  if (check.kind == "udp") {
    return Runnable{exchange(check), ipvs::Protocol::udp, false};
  }
  if (protocol == ipvs::Protocol::tcp) {
    return Runnable{{}, ipvs::Protocol::tcp, true};
  }
  return std::nullopt;
}

}  // namespace lvs::nanny
