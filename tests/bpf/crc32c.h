// CRC32c, bit by bit, as RFC 9260 has it: what SCTP's checksum is when it is computed from nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lvs::test {

inline uint32_t crc32c(const uint8_t* bytes, size_t size) {
  constexpr uint32_t kPolynomial = 0x82f63b78;
  uint32_t crc = ~0U;
  for (size_t i = 0; i < size; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
  }
  return ~crc;
}

}  // namespace lvs::test
