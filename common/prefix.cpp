#include "common/prefix.h"

#include <charconv>

namespace lvs {

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) {
    return std::nullopt;
  }
  const auto longest = static_cast<unsigned>(address->size() * 8);
  if (slash == std::string_view::npos) {
    return Prefix{*address, longest};
  }
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, length);
  if (digits.empty() || error != std::errc() || stop != end || length > longest) {
    return std::nullopt;
  }
  return Prefix{*address, length};
}

std::string to_string(const Prefix& prefix) {
  const bool is_single = prefix.length == prefix.address.size() * 8;
  return to_string(prefix.address) + (is_single ? "" : "/" + std::to_string(prefix.length));
}

}  // namespace lvs
