/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which real server gets a new connection: the schedulers of ip_vs. All walk the table's order
 * (newest first) and keep the first of equals. rr and wrr are cycles that lvsd has laid out turn by
 * turn; the others look at the counters. */
#pragma once

#include "lvsd/bpf/maps.h"

#define NO_DEST 0xffffffffU
#define TURN_TRIES 4

struct choice {
  __u32 offset; /* First slot to look at. */
  __u32 slots;
  __u32 turn; /* rr, wrr: where to begin. */
  __u32 scheduler;
  __u32 dest; /* The best so far. */
  __s32 weight;
  __u64 load;
};

static __always_inline struct lvs_dest* dest_for_new(__u32 id) {
  struct lvs_dest* dest = dest_of(id);
  return dest && dest->use == LVS_DEST_AVAILABLE && !dest->overload ? dest : 0;
}

static long look_at_turn(__u32 i, struct choice* choice) {
  __u32 turn = choice->turn + i;
  if (turn >= choice->slots) {
    turn -= choice->slots;
  }
  const __u32 index = choice->offset + turn;
  const struct lvs_slot* slot = bpf_map_lookup_elem(&lvs_slots, &index);
  if (!slot || !dest_for_new(slot->dest)) {
    return 0;
  }
  choice->dest = slot->dest;
  choice->turn = turn + 1;
  return 1;
}

static __always_inline __u32 take_turn(struct lvs_service* service, __u32 offset,
                                       const struct lvs_slice* slice) {
  struct choice choice = {.dest = NO_DEST, .slots = slice->sequence};
  choice.offset = offset + LVS_SLICE_SLOTS + slice->dests;
  if (!slice->sequence) {
    return NO_DEST;
  }
  /* Unrolled: Linux 6.1 refuses a loop whose back-edge is a fall-through, as the compiler lays this
   * one out. */
#pragma unroll
  for (int i = 0; i < TURN_TRIES; i++) {
    const __u64 current = service->current;
    if (current >> 32 != offset) {
      return choice.dest;
    }
    const __u32 turn = (__u32)current & ~LVS_TURN_UNTAKEN;
    choice.turn = turn < slice->sequence ? turn : 0;
    choice.dest = NO_DEST;
    if (!look_at_turn(0, &choice)) {
      bpf_loop(slice->sequence, look_at_turn, &choice, 0);
    }
    if (choice.dest == NO_DEST) {
      return NO_DEST;
    }
    const __u64 next = (__u64)offset << 32 | choice.turn;
    if (__sync_val_compare_and_swap(&service->current, current, next) == current) {
      return choice.dest;
    }
  }
  return choice.dest;
}

static __always_inline int is_better(const struct choice* best, __u64 load, __s32 weight) {
  switch (best->scheduler) {
    case LVS_LC:
      return load < best->load;
    case LVS_FO:
    case LVS_OVF:
      return weight > best->weight;
    default:
      return (__s64)(best->load * (__u32)weight) > (__s64)(load * (__u32)best->weight);
  }
}

static long look_at_load(__u32 i, struct choice* choice) {
  const __u32 index = choice->offset + i;
  const struct lvs_slot* slot = bpf_map_lookup_elem(&lvs_slots, &index);
  if (!slot || slot->weight <= 0) {
    return 0;
  }
  const struct lvs_dest* dest = dest_for_new(slot->dest);
  if (!dest) {
    return 0;
  }
  const __u32 active = dest->active;
  const __u32 scheduler = choice->scheduler;
  __u64 load = ((__u64)active << 8) + dest->total;
  if (scheduler == LVS_SED || scheduler == LVS_NQ) {
    load = (__u64)active + 1;
  }
  if (scheduler == LVS_OVF && active > (__u32)slot->weight) {
    return 0;
  }
  if (scheduler == LVS_NQ && !active) {
    choice->dest = slot->dest;
    return 1;
  }
  if (choice->dest == NO_DEST || is_better(choice, load, slot->weight)) {
    choice->dest = slot->dest;
    choice->weight = slot->weight;
    choice->load = load;
  }
  return 0;
}

/* NO_DEST when every real server is away, quiesced or overloaded. */
__attribute__((noinline)) __u32 schedule(struct lvs_service* service, __u32 offset,
                                         const struct lvs_slice* slice) {
  if (!service || !slice) {
    return NO_DEST;
  }
  if (slice->scheduler == LVS_RR || slice->scheduler == LVS_WRR) {
    return take_turn(service, offset, slice);
  }
  struct choice choice = {.dest = NO_DEST, .scheduler = slice->scheduler};
  choice.offset = offset + LVS_SLICE_SLOTS;
  bpf_loop(slice->dests, look_at_load, &choice, 0);
  return choice.dest;
}

/* Copies a slice's header; false when there is none. */
static __always_inline int read_slice(__u32 offset, struct lvs_slice* slice) {
  struct lvs_slot* slots = (struct lvs_slot*)slice;
  for (__u32 i = 0; i < LVS_SLICE_SLOTS; i++) {
    const __u32 index = offset + i;
    const struct lvs_slot* slot = bpf_map_lookup_elem(&lvs_slots, &index);
    if (!slot) {
      return 0;
    }
    slots[i] = *slot;
  }
  return offset != 0;
}
