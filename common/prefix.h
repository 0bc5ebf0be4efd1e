// A network of either family as a value: "192.0.2.0/24", and a single address as the longest one.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"

namespace lvs {

struct Prefix {
  Address address;
  unsigned length = 0;

  // An address, or one with a length that its family has. Bits behind the length stay.
  static std::optional<Prefix> parse(std::string_view text);
  // Without the bits behind the length.
  Prefix network() const { return {address.masked(length), length}; }
  auto operator<=>(const Prefix&) const = default;
};

std::string to_string(const Prefix& prefix);  // A single address without its length.

}  // namespace lvs
