/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hash functions of ip_vs's schedulers dh, sh and mh, for the programs and for the tables that
 * lvsd lays out. Addresses and ports go in in host order. */
#pragma once

#include <linux/types.h>

/* The kernel's hash_32(). */
static inline __u32 lvs_hash32(__u32 value, __u32 bits) {
  return value * 0x61c88647U >> (32 - bits);
}

static inline __u64 lvs_rotated(__u64 value, __u32 by) {
  return value << by | value >> (64 - by);
}

struct lvs_sip {
  __u64 v0, v1, v2, v3;
};
static inline void lvs_sip_round(struct lvs_sip* s) {
  s->v0 += s->v1;
  s->v1 = lvs_rotated(s->v1, 13) ^ s->v0;
  s->v0 = lvs_rotated(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = lvs_rotated(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = lvs_rotated(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = lvs_rotated(s->v1, 17) ^ s->v2;
  s->v2 = lvs_rotated(s->v2, 32);
}

/* The kernel's hsiphash_1u32() on a 64-bit machine: SipHash-1-3 of four bytes, cut to 32 bits. Both
 * halves of the key are this one. */
static inline __u32 lvs_hsiphash(__u32 value, __u64 key) {
  const __u64 last = (__u64)4 << 56 | value;
  struct lvs_sip s = {0x736f6d6570736575ULL ^ key, 0x646f72616e646f6dULL ^ key,
                      0x6c7967656e657261ULL ^ key, 0x7465646279746573ULL ^ key};
  s.v3 ^= last;
  lvs_sip_round(&s);
  s.v0 ^= last;
  s.v2 ^= 0xff;
  lvs_sip_round(&s);
  lvs_sip_round(&s);
  lvs_sip_round(&s);
  return (__u32)(s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
}

#define LVS_HASH_BITS 8U /* dh, sh */
#define LVS_HASH_SLOTS (1U << LVS_HASH_BITS)
#define LVS_MH_SLOTS 4093U
#define LVS_MH_KEY 2654435761ULL
#define LVS_MH_SKIP_KEY 2654446892ULL
