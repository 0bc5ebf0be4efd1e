#include "pulse/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <memory>

namespace lvs::pulse {
namespace {

constexpr size_t kBlockSize = 64;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

// The algorithm is looked up once, which takes longer than to hash a heartbeat. It fails only
// without memory; nothing may then pass for a tag.
Digest sha256_of(std::initializer_list<std::span<const uint8_t>> parts) {
  static const EVP_MD* const kSha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  thread_local const Context context(EVP_MD_CTX_new());
  bool works = EVP_DigestInit_ex2(context.get(), kSha256, nullptr) == 1;
  for (const auto& part : parts) {
    works = works && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  Digest digest{};
  if (!works || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1) {
    std::abort();
  }
  return digest;
}

}  // namespace

Digest sha256(std::span<const uint8_t> bytes) {
  return sha256_of({bytes});
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
  std::array<uint8_t, kBlockSize> inner_pad{};
  std::array<uint8_t, kBlockSize> outer_pad{};
  for (size_t i = 0; i < kBlockSize; ++i) {
    inner_pad[i] = block[i] ^ 0x36;
    outer_pad[i] = block[i] ^ 0x5c;
  }
  const Digest inner = sha256_of({inner_pad, bytes});
  return sha256_of({outer_pad, inner});
}

bool equal_in_constant_time(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace lvs::pulse
