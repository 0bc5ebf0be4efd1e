// The values of options: addresses with ports, numbers in ranges, lists of flags.
#pragma once

#include <optional>
#include <string>

#include "tools/lvsadm/options.h"

namespace lvs::lvsadm {

// Decimal digits alone, within the range.
std::optional<uint32_t> number(const std::string& text, uint32_t min, uint32_t max);

struct HostPort {
  Address address;
  std::optional<uint16_t> port;
};
// host, host:port, [v6], [v6]:port, or a v6 address as it is.
std::optional<HostPort> host_port(const std::string& text, ipvs::Protocol protocol,
                                  const Resolver& resolver);

// 10.0.0.0/8, 2001:db8::/32, or a whole address.
std::optional<ipvs::KillConnections> prefix(const std::string& text);

// "sh-port,flag-3" -> bits; a UsageError text when a word is unknown or of another scheduler.
std::variant<uint32_t, std::string> scheduler_flags(const std::string& words,
                                                    const std::string& scheduler);
// The inverse, as listed: "sh-fallback,sh-port"; empty for none.
std::string scheduler_flag_names(uint32_t flags, const std::string& scheduler);

}  // namespace lvs::lvsadm
