/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which real server gets a new connection: the schedulers of ip_vs. All walk the table's order
 * (newest first) and keep the first of equals. rr and wrr are cycles that lvsd has laid out turn by
 * turn; the others look at the counters. */
#pragma once

#include "lvsd/bpf/maps.h"

#define NO_DEST 0xffffffffU
#define TURN_TRIES 4

struct turns {
  __u32 offset; /* First slot to look at. */
  __u32 slots;
  __u32 turn; /* Where to begin; then the turn after the one that was taken. */
  __u32 dest;
};

/* What changes from one real server to the next is in a map. Linux 6.1 verifies the body of a loop
 * once, with what is on the stack when the loop begins, and takes out the branches that could not
 * be taken then: on the stack, the last real server would always be the best one. */
struct comparison {
  struct best* best;
  __u32 offset;
  __u32 scheduler;
};

static __always_inline struct lvs_dest* dest_for_new(__u32 id) {
  struct lvs_dest* dest = dest_of(id);
  return dest && dest->use == LVS_DEST_AVAILABLE && !dest->overload ? dest : 0;
}

static long look_at_turn(__u32 i, struct turns* turns) {
  __u32 turn = turns->turn + i;
  if (turn >= turns->slots) {
    turn -= turns->slots;
  }
  const __u32 index = turns->offset + turn;
  const struct lvs_slot* slot = bpf_map_lookup_elem(&lvs_slots, &index);
  if (!slot || !dest_for_new(slot->dest)) {
    return 0;
  }
  turns->dest = slot->dest;
  turns->turn = turn + 1;
  return 1;
}

static __always_inline __u32 take_turn(struct lvs_service* service, __u32 offset,
                                       const struct lvs_slice* slice) {
  struct turns turns = {.dest = NO_DEST, .slots = slice->sequence};
  turns.offset = offset + LVS_SLICE_SLOTS + slice->dests;
  if (!slice->sequence) {
    return NO_DEST;
  }
  /* Unrolled: Linux 6.1 refuses a loop whose back-edge is a fall-through, as the compiler lays this
   * one out. */
#pragma unroll
  for (int i = 0; i < TURN_TRIES; i++) {
    const __u64 current = service->current;
    if (current >> 32 != offset) {
      return turns.dest;
    }
    const __u32 turn = (__u32)current & ~LVS_TURN_UNTAKEN;
    turns.turn = turn < slice->sequence ? turn : 0;
    turns.dest = NO_DEST;
    if (!look_at_turn(0, &turns)) {
      bpf_loop(slice->sequence, look_at_turn, &turns, 0);
    }
    if (turns.dest == NO_DEST) {
      return NO_DEST;
    }
    const __u64 next = (__u64)offset << 32 | turns.turn;
    if (__sync_val_compare_and_swap(&service->current, current, next) == current) {
      return turns.dest;
    }
  }
  return turns.dest;
}

static __always_inline int is_better(__u32 scheduler, const struct best* best, __u64 load,
                                     __s32 weight) {
  switch (scheduler) {
    case LVS_LC:
      return load < best->load;
    case LVS_FO:
    case LVS_OVF:
      return weight > best->weight;
    default:
      return (__s64)(best->load * (__u32)weight) > (__s64)(load * (__u32)best->weight);
  }
}

static long look_at_load(__u32 i, struct comparison* comparison) {
  struct best* best = comparison->best;
  const __u32 index = comparison->offset + i;
  const struct lvs_slot* slot = bpf_map_lookup_elem(&lvs_slots, &index);
  if (!slot || slot->weight <= 0) {
    return 0;
  }
  const struct lvs_dest* dest = dest_for_new(slot->dest);
  if (!dest) {
    return 0;
  }
  const __u32 active = dest->active;
  const __u32 scheduler = comparison->scheduler;
  __u64 load = ((__u64)active << 8) + dest->total;
  if (scheduler == LVS_SED || scheduler == LVS_NQ) {
    load = (__u64)active + 1;
  }
  if (scheduler == LVS_OVF && active > (__u32)slot->weight) {
    return 0;
  }
  if (scheduler == LVS_NQ && !active) {
    best->dest = slot->dest;
    return 1;
  }
  if (best->dest == NO_DEST || is_better(scheduler, best, load, slot->weight)) {
    best->dest = slot->dest;
    best->weight = slot->weight;
    best->load = load;
  }
  return 0;
}

/* NO_DEST when every real server is away, quiesced or overloaded. */
VERIFIED_ALONE __u32 schedule(struct lvs_service* service, __u32 offset,
                              const struct lvs_slice* slice) {
  struct scratch* scratch = scratch_of_cpu();
  if (!service || !slice || !scratch) {
    return NO_DEST;
  }
  if (slice->scheduler == LVS_RR || slice->scheduler == LVS_WRR) {
    return take_turn(service, offset, slice);
  }
  scratch->best = (struct best){.dest = NO_DEST};
  struct comparison comparison = {
      .best = &scratch->best, .offset = offset + LVS_SLICE_SLOTS, .scheduler = slice->scheduler};
  bpf_loop(slice->dests, look_at_load, &comparison, 0);
  return scratch->best.dest;
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
