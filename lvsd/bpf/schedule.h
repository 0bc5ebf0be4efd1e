/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which real server gets a new connection: the schedulers of ip_vs. All walk the table's order
 * (newest first, downwards in the slice) and keep the first of equals. rr and wrr go on where they
 * stood, as ip_vs's cursor does; the others look at the counters. */
#pragma once

#include <bpf/bpf_endian.h>

#include "lvsd/bpf/family.h"
#include "lvsd/bpf/hashes.h"

#define NO_DEST LVS_NO_DEST
#define TURN_TRIES 4

/* What changes from one real server to the next is in a map. Linux 6.1 verifies the body of a loop
 * once, with what is on the stack when the loop begins, and takes out the branches that could not
 * be taken then: on the stack, the last real server would always be the best one. */
struct comparison {
  struct best* best;
  __u32 end; /* Behind the highest slot to look at. */
  __u32 scheduler;
};
struct descent {
  struct walk* walk;
  __u32 end;
  __u32 from;
};

static __always_inline struct lvs_dest* dest_for_new(__u32 id) {
  struct lvs_dest* dest = quick_dest_of(id);
  return dest && dest->use == LVS_DEST_AVAILABLE && !dest->overload ? dest : 0;
}

static __always_inline const struct lvs_slot* slot_at(__u32 index) {
  return bpf_map_lookup_elem(&lvs_slots, &index);
}

/* Copies a slice's header; false when there is none. */
VERIFIED_ALONE int read_slice(__u32 offset, struct lvs_slice* slice) {
  struct lvs_slot* slots = (struct lvs_slot*)slice;
  if (!slice) {
    return 0;
  }
  for (__u32 i = 0; i < LVS_SLICE_SLOTS; i++) {
    const struct lvs_slot* slot = slot_at(offset + i);
    if (!slot) {
      return 0;
    }
    slots[i] = *slot;
  }
  return offset != 0;
}

static long look_at_place(__u32 i, struct descent* descent) {
  struct walk* walk = descent->walk;
  const struct lvs_slot* slot = slot_at(descent->end - 1 - i);
  if (!slot || slot->weight <= 0 || !dest_for_new(slot->dest)) {
    return 0;
  }
  if (slot->weight > walk->most) {
    walk->most = slot->weight;
  }
  if (slot->weight < walk->level) {
    return 0;
  }
  walk->dest = slot->dest;
  walk->place = descent->from - 1 - i;
  return 1;
}

/* The first at or below `from - 1` that has at least the current weight. */
static __always_inline int descend(struct walk* walk, __u32 list, __u32 from) {
  struct descent descent = {.walk = walk, .end = list + from, .from = from};
  walk->most = 0;
  walk->dest = NO_DEST;
  bpf_loop(from, look_at_place, &descent, 0);
  return walk->dest != NO_DEST;
}

/* The highest current weight not above `most`, in steps from `level`. */
static __always_inline __s32 lowered(__s32 level, __s32 most, __s32 step) {
  if (level <= most || step <= 0) {
    return level;
  }
  const __u32 steps = ((__u32)(level - most) + (__u32)step - 1) / (__u32)step;
  const __s64 lower = level - (__s64)steps * step;
  return lower > 0 ? (__s32)lower : 0;
}

/* As ip_vs's wrr: down the list from the cursor for one of the current weight, then with the next
 * lower one from the head, and so on. A walk over the whole list that finds none knows how far the
 * weight has to fall: the third finds what there is. rr is wrr with all weights 1. */
static __always_inline int find_turn(struct walk* walk, __u32 list, __u32 place) {
  const struct lvs_slice* slice = &walk->slice;
  const __u32 dests = slice->dests;
  if (descend(walk, list, place < dests ? place : dests)) {
    return 1;
  }
  walk->level -= slice->step;
  if (walk->level <= 0) {
    walk->level = slice->top;
  }
  if (descend(walk, list, dests)) {
    return 1;
  }
  const __s32 most = walk->most;
  if (most <= 0) {
    return 0;
  }
  __s32 level = lowered(walk->level, most, slice->step);
  if (level <= 0) {
    level = lowered(slice->top, most, slice->step);
  }
  walk->level = level > 0 ? level : 1;
  return descend(walk, list, dests);
}

static __always_inline __u32 take_turn(struct lvs_service* service, __u32 offset,
                                       struct walk* walk) {
  const __u32 list = offset + LVS_SLICE_SLOTS;
  __u32 taken = NO_DEST;
  /* Unrolled: Linux 6.1 refuses a loop whose back-edge is a fall-through, as the compiler lays this
   * one out. */
#pragma unroll
  for (int i = 0; i < TURN_TRIES; i++) {
    const __u64 current = *(volatile __u64*)&service->current;
    if (LVS_CURRENT_SLICE(current) != offset || !read_slice(offset, &walk->slice)) {
      return taken;
    }
    walk->level = LVS_CURRENT_LEVEL(current);
    if (!find_turn(walk, list, LVS_CURRENT_PLACE(current))) {
      return NO_DEST;
    }
    taken = walk->dest;
    const __u64 next = LVS_CURRENT(offset, walk->place, walk->level);
    if (__sync_val_compare_and_swap(&service->current, current, next) == current) {
      return taken;
    }
  }
  return taken;
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

/* As ip_vs reckons it. */
static __always_inline __u64 overhead(const struct lvs_dest* dest) {
  return ((__u64)dest->active << 8) + dest->total;
}

static long look_at_load(__u32 i, struct comparison* comparison) {
  struct best* best = comparison->best;
  const struct lvs_slot* slot = slot_at(comparison->end - 1 - i);
  if (!slot || slot->weight <= 0) {
    return 0;
  }
  const struct lvs_dest* dest = dest_for_new(slot->dest);
  if (!dest) {
    return 0;
  }
  const __u32 active = dest->active;
  const __u32 scheduler = comparison->scheduler;
  __u64 load = overhead(dest);
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

/* dh, sh and mh: a hash leads to a slot of the slice's table. */
struct hashing {
  struct walk* walk;
  __u32 table;
  __u32 size;
  __u32 value;
  __u32 from;
  __u32 is_mh;
};

static __always_inline __u32 hashed(const struct hashing* hashing, __u32 offset) {
  if (hashing->is_mh) {
    return lvs_hsiphash(hashing->value + offset, LVS_MH_KEY) % LVS_MH_SLOTS;
  }
  return (offset + lvs_hash32(hashing->value, LVS_HASH_BITS)) % LVS_HASH_SLOTS;
}

/* Ends the search at a free real server, or at a slot without any. */
static long look_at_hashed(__u32 i, struct hashing* hashing) {
  const __u32 offset = (hashing->from + i) % hashing->size;
  const struct lvs_slot* slot = slot_at(hashing->table + hashed(hashing, offset));
  if (!slot || slot->dest == NO_DEST) {
    return 1;
  }
  const struct lvs_dest* dest = dest_for_new(slot->dest);
  if (!dest || dest->weight <= 0) {
    return 0;
  }
  hashing->walk->dest = slot->dest;
  return 1;
}

static __always_inline __u32 take_hashed(struct walk* walk, __u32 offset,
                                         const struct lvs_slice* slice, __u32 value) {
  const int is_dh = slice->scheduler == LVS_DH;
  struct hashing hashing = {.walk = walk,
                            .table = offset + LVS_SLICE_SLOTS + slice->room,
                            .size = slice->sequence,
                            .value = value,
                            .is_mh = slice->scheduler == LVS_MH};
  walk->dest = NO_DEST;
  if (look_at_hashed(0, &hashing) || is_dh || !(slice->flags & LVS_SERVICE_FALLBACK)) {
    return walk->dest;
  }
  hashing.from = hashed(&hashing, 0);
  bpf_loop(slice->sequence, look_at_hashed, &hashing, 0);
  return walk->dest;
}

/* What dh, sh and mh hash of a packet, in host order. */
static __always_inline __u32 hashed_value(const int family, const struct lvs_slice* slice,
                                          const union any_key* key, __be16 client_port) {
  if (slice->scheduler == LVS_DH) {
    return folded(family, target_of(family, key));
  }
  const __u32 port = slice->flags & LVS_SERVICE_HASH_PORT ? bpf_ntohs(client_port) : 0;
  return folded(family, source_of(family, key)) + port;
}

/* NO_DEST when every real server is away, quiesced or overloaded. */
VERIFIED_ALONE __u32 schedule(struct lvs_service* service, __u32 offset,
                              const struct lvs_slice* slice, __u32 value) {
  struct scratch* scratch = scratch_of_cpu();
  if (!service || !slice || !scratch) {
    return NO_DEST;
  }
  if (slice->sequence) {
    return take_hashed(&scratch->walk, offset, slice, value);
  }
  if (slice->scheduler == LVS_RR || slice->scheduler == LVS_WRR) {
    return take_turn(service, offset, &scratch->walk);
  }
  scratch->best = (struct best){.dest = NO_DEST};
  struct comparison comparison = {.best = &scratch->best,
                                  .end = offset + LVS_SLICE_SLOTS + slice->dests,
                                  .scheduler = slice->scheduler};
  bpf_loop(slice->dests, look_at_load, &comparison, 0);
  return scratch->best.dest;
}
