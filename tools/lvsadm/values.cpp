#include "tools/lvsadm/values.h"

#include <algorithm>
#include <charconv>

#include "common/ipvs/capabilities.h"
#include "common/prefix.h"

namespace lvs::lvsadm {
namespace {

std::optional<Address> address_or_name(const std::string& text, const Resolver& resolver) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto address = Address::parse(text);
  return address ? address : resolver.host(text);
}

std::optional<uint16_t> port_or_name(const std::string& text, ipvs::Protocol protocol,
                                     const Resolver& resolver) {
  if (text.empty()) {
    return std::nullopt;
  }
  if (const auto port = number(text, 0, 65535)) {
    return static_cast<uint16_t>(*port);
  }
  const bool is_name = text.find_first_not_of("0123456789") != std::string::npos;
  return is_name ? resolver.port(text, protocol) : std::nullopt;
}

}  // namespace

std::optional<uint32_t> number(const std::string& text, uint32_t min, uint32_t max) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end || value < min || value > max) {
    return std::nullopt;
  }
  return value;
}

std::optional<HostPort> host_port(const std::string& text, ipvs::Protocol protocol,
                                  const Resolver& resolver) {
  if (const auto whole = Address::parse(text)) {
    return HostPort{*whole, std::nullopt};
  }
  const size_t colon = text.rfind(':');
  const std::string host = text.substr(0, colon);
  const bool is_v6 = host.find(':') != std::string::npos;
  if (is_v6 && !(host.starts_with('[') && host.ends_with(']'))) {
    return std::nullopt;
  }
  const auto address = address_or_name(host, resolver);
  if (!address) {
    return std::nullopt;
  }
  if (colon == std::string::npos) {
    return HostPort{*address, std::nullopt};
  }
  const auto port = port_or_name(text.substr(colon + 1), protocol, resolver);
  return port ? std::optional(HostPort{*address, port}) : std::nullopt;
}

std::optional<ipvs::KillConnections> prefix(const std::string& text) {
  const auto given = Prefix::parse(text);
  return given ? std::optional(ipvs::KillConnections{given->network().address, given->length})
               : std::nullopt;
}

std::variant<uint32_t, std::string> scheduler_flags(const std::string& words,
                                                    const std::string& scheduler) {
  uint32_t flags = 0;
  for (size_t start = 0; start <= words.size();) {
    const size_t end = std::min(words.find(',', start), words.size());
    const std::string word = words.substr(start, end - start);
    const auto* known = ipvs::find_named(ipvs::kSchedulerFlags, word);
    if (known == nullptr) {
      return "invalid scheduler flag `" + word + "'";
    }
    if (*known->scheduler != '\0' && known->scheduler != scheduler) {
      return "incompatible scheduler flag `" + word + "'";
    }
    flags |= known->bit;
    start = end + 1;
  }
  return flags;
}

std::string scheduler_flag_names(uint32_t flags, const std::string& scheduler) {
  // As ipvsadm: a scheduler that has names of its own shows nothing else.
  const bool has_own = scheduler == "sh" || scheduler == "mh";
  std::string names;
  for (const auto& flag : ipvs::kSchedulerFlags) {
    const bool speaks_for = has_own ? flag.scheduler == scheduler : *flag.scheduler == '\0';
    if ((flags & flag.bit) != 0 && speaks_for) {
      names += (names.empty() ? "" : ",") + std::string(flag.name);
    }
  }
  return names;
}

}  // namespace lvs::lvsadm
