// Command lines as they are typed, and a resolver that knows two names.
#pragma once

#include <sstream>

#include "tools/lvsadm/options.h"

namespace lvs::lvsadm::test {

inline std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) {
    all.push_back(word);
  }
  return all;
}

inline Resolver resolver() {
  return {[](const std::string& host) {
            return host == "vip.example" ? Address::parse("192.0.2.1") : std::nullopt;
          },
          [](const std::string& service, ipvs::Protocol protocol) -> std::optional<uint16_t> {
            return service == "http" && protocol == ipvs::Protocol::tcp
                       ? std::optional<uint16_t>(80)
                       : std::nullopt;
          }};
}

}  // namespace lvs::lvsadm::test
