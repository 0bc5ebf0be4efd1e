#include "lvsd/io/load_config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <openssl/sha.h>

#include <array>
#include <memory>

#include "common/config/not_in_effect.h"
#include "common/io/read_file.h"

namespace lvs::lvsd::io {
namespace {

constexpr size_t kDigestBytes = 8;

std::optional<Address> resolve(std::string_view name) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(std::string(name).c_str(), nullptr, &hints, &found) != 0) {
    return std::nullopt;
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  if (found->ai_family == AF_INET) {
    return Address::v4_bytes(&reinterpret_cast<const sockaddr_in*>(found->ai_addr)->sin_addr);
  }
  return Address::v6_bytes(&reinterpret_cast<const sockaddr_in6*>(found->ai_addr)->sin6_addr);
}

std::string digest_of(const std::string& text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (size_t i = 0; i < kDigestBytes; ++i) {
    hex += "0123456789abcdef"[digest[i] >> 4];
    hex += "0123456789abcdef"[digest[i] & 15];
  }
  return hex;
}

std::string all_errors(const config::Diagnostics& diagnostics) {
  std::string text;
  for (const auto& diagnostic : diagnostics) {
    if (diagnostic.severity == config::Severity::error) {
      text += (text.empty() ? "" : "\n") + config::to_string(diagnostic);
    }
  }
  return text;
}

}  // namespace

Result<LoadedConfig> load_config(const std::string& path) {
  const auto text = lvs::io::read_file(path, config::kMaxFileBytes);
  if (!text) {
    return text.error();
  }
  auto parsed = config::parse(*text, path, resolve);
  if (!parsed.config) {
    return Error{EINVAL, all_errors(parsed.diagnostics)};
  }
  LoadedConfig loaded{std::move(*parsed.config), digest_of(*text), {}};
  for (auto& diagnostic : parsed.diagnostics) {
    if (diagnostic.severity == config::Severity::warning) {
      loaded.remarks.push_back(std::move(diagnostic));
    }
  }
  for (auto& remark : config::not_in_effect(loaded.config, path)) {
    loaded.remarks.push_back(std::move(remark));
  }
  return loaded;
}

}  // namespace lvs::lvsd::io
