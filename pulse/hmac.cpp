#include "pulse/hmac.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <vector>

namespace lvs::pulse {
namespace {

constexpr size_t kBlockSize = 64;

}  // namespace

Digest sha256(std::span<const uint8_t> bytes) {
  Digest digest{};
  SHA256(bytes.data(), bytes.size(), digest.data());
  return digest;
}

// RFC 2104, spelled out: two hashes of a padded key block and the message.
Digest hmac_sha256(std::span<const uint8_t> key, std::span<const uint8_t> bytes) {
  std::array<uint8_t, kBlockSize> block{};
  if (key.size() > kBlockSize) {
    const Digest shortened = sha256(key);
    std::copy(shortened.begin(), shortened.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }

  std::vector<uint8_t> inner(kBlockSize);
  std::transform(block.begin(), block.end(), inner.begin(),
                 [](uint8_t b) -> uint8_t { return b ^ 0x36; });
  inner.insert(inner.end(), bytes.begin(), bytes.end());
  const Digest inner_digest = sha256(inner);

  std::array<uint8_t, kBlockSize + sizeof(Digest)> outer{};
  std::transform(block.begin(), block.end(), outer.begin(),
                 [](uint8_t b) -> uint8_t { return b ^ 0x5c; });
  std::copy(inner_digest.begin(), inner_digest.end(), outer.begin() + kBlockSize);
  return sha256(outer);
}

bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lvs::pulse
