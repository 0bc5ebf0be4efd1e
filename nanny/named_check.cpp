#include "nanny/named_check.h"

namespace lvs::nanny {

std::string option_of(const config::NamedCheck& check, const std::string& name,
                      const std::string& fallback) {
  for (const auto& [key, value] : check.options) {
    if (key == name) {
      return value;
    }
  }
  return fallback;
}

config::SendExpect exchange_of(const config::NamedCheck& check) {
  return {option_of(check, "send"), option_of(check, "expect"), option_of(check, "regex") == "1"};
}

}  // namespace lvs::nanny
