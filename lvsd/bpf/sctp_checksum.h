/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SCTP's checksum, CRC32c, after a port has changed, without the rest of the packet (RFC 9260,
 * appendix A). The checksum covers no addresses, so a port is all of it that NAT changes.
 *
 * A CRC is linear: two packets of one length that differ in 16 bits have checksums that differ by
 * the CRC, begun at 0, of those 16 bits and as many zero bytes as follow them. That is a product of
 * polynomials over GF(2), modulo CRC32c's: the 16 bits times x^(8 * bytes that follow), and the
 * power is a product of four from a table, one for each hexadecimal digit of the number of bytes.
 *
 * A word stands for a polynomial as the CRC's register does: its highest bit is x^0, its lowest
 * x^31. Compiled into the programs and into the unit tests. */
#pragma once

#include "lvsd/bpf/tcp_states.h"

#define LVS_CRC32C 0x82f63b78U /* x^32 modulo the polynomial. */

/* [digit's place][digit]: x^(8 * digit * 16^place) */
const __u32 lvs_crc32c_powers[4][16] = {
    {0x80000000, 0x00800000, 0x00008000, 0x00000080, 0x82f63b78, 0xfbc3faf9, 0x8b277743, 0x52a0c93f,
     0x6ea2d55c, 0x1c08b7d6, 0xf56e0ef4, 0x34019664, 0xa66805eb, 0x7a1f6b24, 0xe75d06aa,
     0xc94ec098},
    {0x80000000, 0x18b8ea18, 0x510ac59a, 0xb2dea967, 0xb82be955, 0x36c41f1c, 0x19b29a35, 0xc9e90b9e,
     0xb8fdb1e7, 0xe55ef1f3, 0x1fe0b5c3, 0xe0553f1e, 0x18e4a304, 0x2b830011, 0x56993a31,
     0x0246e2e6},
    {0x80000000, 0x88e56f72, 0x74c360a4, 0x631bb273, 0xe4172b16, 0x71892b1b, 0x835305c9, 0x196b1eae,
     0x0d65762a, 0xafc81338, 0xb5a50ab7, 0xf373c3ac, 0x5f60970f, 0xd46d3063, 0x3a5275ea,
     0x02331c01},
    {0x80000000, 0x35d73a62, 0x28461564, 0x43eefc9f, 0xbf455269, 0x5edcdeb9, 0x65059450, 0x4e6f41a4,
     0xe2ea32dc, 0xf5b95b32, 0x695a4c87, 0xf204502c, 0x9a4f01b6, 0x941a0916, 0x4303cb97,
     0x4c3d3d65},
};

/* Without a branch on a bit, and without a mask of all or no bits, on which the verifier branches.
 */
static inline __u32 lvs_crc32c_times(__u32 one, __u32 other) {
  __u32 product = 0;
#pragma GCC unroll 32
  for (int i = 31; i >= 0; i--) {
    __u32 has_power = one >> i & 1;
    __u32 carry = other & 1;
    LVS_KEEP(has_power);
    LVS_KEEP(carry);
    product ^= other * has_power;
    other = other >> 1 ^ LVS_CRC32C * carry;
  }
  return product;
}

/* By how much the checksum changes. `change`: of the port, its first byte the lowest; `bytes`: from
 * the port to the end of the packet. Both checksums: the first byte the lowest. */
static inline __u32 lvs_crc32c_change(__u16 change, __u32 bytes) {
  const __u32 behind = bytes + 2; /* The register is two bytes longer than the port. */
  __u32 product = (__u32)change << 16;
  for (__u32 place = 0; place < 4; place++) {
    const __u32 digit = behind >> (4 * place) & 15;
    if (digit) {
      product = lvs_crc32c_times(product, lvs_crc32c_powers[place][digit]);
    }
  }
  return product;
}
