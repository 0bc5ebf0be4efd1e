// HMAC-SHA256 and SHA-256 as pure functions of bytes; the one file of pulse that knows OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace lvs::pulse {

using Digest = std::array<uint8_t, 32>;

Digest sha256(std::span<const uint8_t> bytes);
Digest hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> bytes);

// Takes the same time wherever the first difference is.
bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b);

}  // namespace lvs::pulse
