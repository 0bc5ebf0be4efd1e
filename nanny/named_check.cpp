#include "nanny/named_check.h"

namespace lvs::nanny {
namespace {

config::SendExpect exchange(const config::NamedCheck& check) {
  return {option_of(check, "send"), option_of(check, "expect"), option_of(check, "regex") == "1"};
}

}  // namespace

std::string option_of(const config::NamedCheck& check, const std::string& name,
                      const std::string& fallback) {
  for (const auto& [key, value] : check.options) {
    if (key == name) {
      return value;
    }
  }
  return fallback;
}

std::optional<Runnable> runnable(const config::NamedCheck& check, ipvs::Protocol protocol) {
  if (check.kind == "udp") {
    return Runnable{exchange(check), ipvs::Protocol::udp, false};
  }
  if (check.kind == "ping" && protocol == ipvs::Protocol::tcp) {
    return Runnable{{}, ipvs::Protocol::tcp, true};
  }
  return std::nullopt;
}

}  // namespace lvs::nanny
