// Messages assembled by hand: pieces of bytes in the order of the wire. Multi-byte numbers of the
// host are written out little-endian, as on every machine these tests run on; numbers of the
// network stand as they are.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "common/ipvs/codec.h"

namespace lvs::ipvs::test {

inline Bytes join(std::initializer_list<Bytes> pieces) {
  Bytes all;
  for (const Bytes& piece : pieces) {
    all.insert(all.end(), piece.begin(), piece.end());
  }
  return all;
}

inline Bytes le16(uint16_t v) {
  return {static_cast<uint8_t>(v), static_cast<uint8_t>(v >> 8)};
}
inline Bytes le32(uint32_t v) {
  return join({le16(static_cast<uint16_t>(v)), le16(static_cast<uint16_t>(v >> 16))});
}
inline Bytes le64(uint64_t v) {
  return join({le32(static_cast<uint32_t>(v)), le32(static_cast<uint32_t>(v >> 32))});
}

inline Bytes padded(Bytes piece) {
  piece.resize((piece.size() + 3) & ~size_t{3});
  return piece;
}

inline Bytes attribute(uint16_t type, const Bytes& payload) {
  return padded(join({le16(static_cast<uint16_t>(4 + payload.size())), le16(type), payload}));
}

inline Bytes message(uint16_t type, uint16_t flags, uint32_t seq, uint32_t port,
                     const Bytes& payload) {
  return join({le32(static_cast<uint32_t>(16 + payload.size())), le16(type), le16(flags), le32(seq),
               le32(port), payload});
}

inline Bytes generic(uint16_t type, uint16_t flags, uint32_t seq, uint8_t command,
                     const Bytes& payload) {
  return message(type, flags, seq, 0, join({{command, 1, 0, 0}, payload}));
}

inline const Bytes kVip = {192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
inline const Bytes kServer = {10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
inline const Bytes kVip6 = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

}  // namespace lvs::ipvs::test
