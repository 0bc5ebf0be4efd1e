// Laws of the heartbeat format: what decodes encodes to the same bytes, but for what only a newer
// program could have meant, which is left out; and nothing decodes with another key.
// Mutated bytes hardly ever carry a right tag, so each input is also tried with its tag put right.
#include <algorithm>
#include <cstdlib>

#include "pulse/hmac.h"
#include "pulse/wire.h"

namespace {

using namespace lvs::pulse;

const Key kKey = {'f', 'u', 'z', 'z'};
const Key kOtherKey = {'f', 'u', 'z', 'y'};

void check(const std::vector<uint8_t>& bytes) {
  const Decoded decoded = decode(bytes, kKey);
  const auto* heartbeat = std::get_if<Heartbeat>(&decoded);
  if (heartbeat == nullptr) {
    return;
  }
  const std::vector<uint8_t> again = encode(*heartbeat, kKey);
  constexpr uint8_t kFlagsKnown = 7;
  const bool is_newer =
      bytes.size() > again.size() || (bytes[7] & ~kFlagsKnown) != 0 || bytes[73] != 0;
  if (is_newer ? decode(again, kKey) != decoded : again != bytes) {
    std::abort();
  }
  if (decode(bytes, kOtherKey) != Decoded{Refusal::bad_hmac}) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  check(bytes);
  if (size >= kTagSize) {
    const std::span<const uint8_t> signed_part(bytes.data(), size - kTagSize);
    const Digest tag = hmac_sha256(kKey, signed_part);
    std::copy(tag.begin(), tag.end(), bytes.end() - kTagSize);
    check(bytes);
  }
  return 0;
}
