/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Persistence by call, as ip_vs's engine sip has it: a template stands for one Call-ID of its
 * clients and not for all that they send. 40 bits of a hash go into the template's key, where
 * templates of clients have zeros; so whatever ends, counts and lists templates knows these. Two
 * calls of one network of clients with the same bits share a real server, and nothing else comes
 * of it.
 *
 * A datagram in fragments is read as far as its first goes. */
#pragma once

#include "lvsd/bpf/packet.h"

/* Handed to the loop: what it changes is in a map, see schedule.h. */
struct call_reading {
  struct __sk_buff* skb;
  struct lvs_call* call;
  __u32 begin; /* Of the message in the frame. */
};

static __always_inline int load_chunk(const struct call_reading* reading, __u32 i) {
  __u32 less = reading->call->bytes - i - 1;
  if (less >= LVS_CALL_CHUNK) {
    less = LVS_CALL_CHUNK - 1;
  }
  LVS_KEEP(less);
  return !bpf_skb_load_bytes(reading->skb, reading->begin + i, reading->call->chunk,
                             (less & (LVS_CALL_CHUNK - 1)) + 1);
}

/* Ends with the Call-ID, or where it is known that there is none. */
static long read_of_call(__u32 i, struct call_reading* reading) {
  struct lvs_call* call = reading->call;
  const __u32 place = i & (LVS_CALL_CHUNK - 1);
  if (!place && !load_chunk(reading, i)) {
    return 1;
  }
  call->verdict = lvs_call_read(call, call->chunk[place]);
  return call->verdict != LVS_CALL_GOES_ON;
}

/* Reads the message from `begin` to `end` of the frame; whether it has a Call-ID, which is in the
 * scratch then. */
VERIFIED_ALONE int read_call_id(struct __sk_buff* skb, __u32 begin, __u32 end) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || end <= begin || end > skb->len) {
    return 0;
  }
  struct lvs_call* call = &scratch->call;
  __builtin_memset(call, 0, sizeof(*call));
  call->bytes = end - begin;
  struct call_reading reading = {.skb = skb, .call = call, .begin = begin};
  bpf_loop(call->bytes, read_of_call, &reading, 0);
  return call->verdict == LVS_CALL_FOUND;
}

static __always_inline int find_call_id(const int family, struct __sk_buff* skb,
                                        const struct packet* packet) {
  return packet->protocol == IPPROTO_UDP &&
         read_call_id(skb, l4_offset(family, packet) + UDP_HEADER, end_of_packet(family, skb));
}

static __always_inline void put_call_into_key(const int family, void* to, __u64 hash) {
  struct lvs_key* key = to;
  struct lvs_key6* key6 = to;
  __u8* zero = family == AF_INET6 ? key6->zero : key->zero;
  __be16* sport = family == AF_INET6 ? &key6->sport : &key->sport;
  *sport = (__u16)hash ? (__u16)hash : 1;
  zero[0] = hash >> 16;
  zero[1] = hash >> 24;
  zero[2] = hash >> 32;
}
