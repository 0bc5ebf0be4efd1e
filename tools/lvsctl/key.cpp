#include "tools/lvsctl/key.h"

namespace lvs::lvsctl {

namespace {

// The other director as far as it can be told: a configuration may come before the addresses.
std::string other_director(const config::Config& config,
                           const std::function<bool(const Address&)>& is_own) {
  if (!config.primary || !config.backup || config.backup->is_unspecified()) {
    return "OTHER-DIRECTOR";
  }
  if (is_own(*config.primary)) {
    return to_string(*config.backup);
  }
  return is_own(*config.backup) ? to_string(*config.primary) : "OTHER-DIRECTOR";
}

}  // namespace

Result<std::string> key_file(const config::Config& config, const std::string& config_file,
                             WhichKey which) {
  if (which == WhichKey::next) {
    return config.heartbeat_key_next
               ? Result<std::string>(*config.heartbeat_key_next)
               : Error{EINVAL, config_file +
                                   ": heartbeat_key_next names no file; see Heartbeats in "
                                   "pulse(8) for how a key is changed"};
  }
  if (!config.heartbeat_key) {
    return Error{EINVAL, config_file +
                             ": heartbeat_key = none: heartbeats are not signed and need no key; "
                             "remove this line first"};
  }
  return *config.heartbeat_key;
}

std::string key_text(std::span<const uint8_t, kKeyBytes> random) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : random) {
    text += {kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return text + "\n";
}

std::string next_steps(const config::Config& config, const std::string& key_file, WhichKey which,
                       const std::function<bool(const Address&)>& is_own) {
  const std::string other = other_director(config, is_own);
  const std::string host = other.find(':') == std::string::npos ? other : "[" + other + "]";
  return key_file +
         ": made, for root alone. The other director needs the same file:\n"
         "  scp -p " +
         key_file + " root@" + host + ":" + key_file + "\n" +
         (which == WhichKey::now
              ? "A pulse that runs takes it when both have it: service pulse reload, on both at "
                "once\n"
              : "Both believe it after a reload: service pulse reload, on both\n");
}

}  // namespace lvs::lvsctl
