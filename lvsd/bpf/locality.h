/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lblc and lblcr: an address keeps the real server that it was sent to before (lblcr: a set of
 * them, of which it takes the least loaded), so that a cache has what it is asked for. It leaves
 * one that has more active connections than weight when another has fewer than half of its own. The
 * rest is wlc. What has not been asked for is the sweep of lvsd/core/localities.h.
 *
 * Two processors that change a set at once may lose one of the changes. */
#pragma once

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/schedule.h"

/* What they look at; what changes is in a map, as schedule.h tells. */
struct members {
  struct census* census;
  struct lvs_locality* locality;
  __u32 count;
  __u32 member;
  __u32 is_lblcr;
};
struct idle_search {
  struct census* census;
  __u32 end;
};

static __always_inline int is_by_locality(const struct lvs_slice* slice) {
  return slice->scheduler == LVS_LBLC || slice->scheduler == LVS_LBLCR;
}

/* Null: its id is another's now. */
static __always_inline const struct lvs_dest* dest_of_member(__u32 member) {
  const struct lvs_dest* dest = dest_of(LVS_MEMBER_DEST(member));
  return dest && (dest->generation & 0xffff) == LVS_MEMBER_GENERATION(member) ? dest : 0;
}

/* From the newest to the oldest. */
static long look_at_member(__u32 i, struct members* members) {
  struct census* census = members->census;
  const __u32 place = members->count - 1 - i;
  if (place >= LVS_LOCALITY_MEMBERS) {
    return 1;
  }
  const __u32 member = members->locality->member[place];
  const struct lvs_dest* dest = dest_of_member(member);
  if (!dest) {
    census->gone = member;
    return 0;
  }
  const struct best it = {.dest = member, .weight = dest->weight, .load = overhead(dest)};
  if (it.weight <= 0) {
    return 0;
  }
  if (census->most.dest == NO_DEST ||
      is_better(LVS_WLC, &it, census->most.load, census->most.weight)) {
    census->most = it;
  }
  if (dest->use != LVS_DEST_AVAILABLE || (members->is_lblcr && dest->overload)) {
    return 0;
  }
  if (census->least.dest == NO_DEST || is_better(LVS_WLC, &census->least, it.load, it.weight)) {
    census->least = it;
  }
  return 0;
}

static long keep_another(__u32 i, struct members* members) {
  if (i >= LVS_LOCALITY_MEMBERS) {
    return 1;
  }
  const __u32 member = members->locality->member[i];
  const __u32 kept = members->census->kept;
  if (member == members->member || kept >= LVS_LOCALITY_MEMBERS) {
    return 0;
  }
  members->locality->member[kept] = member;
  members->census->kept = kept + 1;
  return 0;
}

static long look_for_member(__u32 i, struct members* members) {
  if (i >= LVS_LOCALITY_MEMBERS) {
    return 1;
  }
  members->census->is_found = members->locality->member[i] == members->member;
  return members->census->is_found;
}

static long look_for_idle(__u32 i, struct idle_search* search) {
  const struct lvs_slot* slot = slot_at(search->end - 1 - i);
  const struct lvs_dest* dest = slot ? dest_of(slot->dest) : 0;
  search->census->is_found = dest && (__s32)(dest->active * 2) < slot->weight;
  return search->census->is_found;
}

static __always_inline int is_left(const struct match* match, struct census* census,
                                   const struct lvs_dest* dest) {
  if ((__s32)dest->active <= dest->weight) {
    return 0;
  }
  struct idle_search search = {.census = census,
                               .end = match->offset + LVS_SLICE_SLOTS + match->slice.dests};
  census->is_found = 0;
  bpf_loop(match->slice.dests, look_for_idle, &search, 0);
  return census->is_found;
}

static __always_inline void leave_out(struct members* members, __u32 member, __u64 now) {
  members->member = member;
  members->census->kept = 0;
  bpf_loop(members->count, keep_another, members, 0);
  members->count = members->census->kept;
  members->locality->members = members->count;
  members->locality->changed = now;
}

/* The real server that the address had before; NO_DEST: none that may be chosen. */
VERIFIED_ALONE __u32 choose_member(const struct match* match, struct lvs_locality* locality) {
  struct scratch* scratch = scratch_of_cpu();
  const struct lvs_config* config = config_of_core();
  if (!match || !locality || !scratch || !config) {
    return NO_DEST;
  }
  const __u64 now = locality->used;
  struct census* census = &scratch->census;
  struct members members = {.census = census,
                            .locality = locality,
                            .count = locality->members,
                            .is_lblcr = match->slice.scheduler == LVS_LBLCR};
  census->least.dest = census->most.dest = census->gone = NO_DEST;
  bpf_loop(members.count, look_at_member, &members, 0);
  const __u32 chosen = census->least.dest;
  const __u64 patience = setting(config, LVS_LBLCR_EXPIRATION) * NS_PER_S;
  const __u32 given_up = census->gone == NO_DEST ? census->most.dest : census->gone;
  if (members.is_lblcr && members.count > 1 && now > locality->changed + patience &&
      given_up != NO_DEST) {
    leave_out(&members, given_up, now);
  }
  const __u32 id = LVS_MEMBER_DEST(chosen);
  const struct lvs_dest* dest = chosen == NO_DEST ? 0 : dest_of(id);
  return dest && !is_left(match, census, dest) ? id : NO_DEST;
}

/* The set of an address gets one more; a set that is full loses its oldest. */
VERIFIED_ALONE int add_member(struct lvs_locality* locality, __u32 member) {
  struct scratch* scratch = scratch_of_cpu();
  if (!locality || !scratch) {
    return 0;
  }
  struct members members = {.census = &scratch->census,
                            .locality = locality,
                            .count = locality->members,
                            .member = member};
  members.census->is_found = 0;
  bpf_loop(members.count, look_for_member, &members, 0);
  if (members.census->is_found) {
    return 0;
  }
  if (members.count >= LVS_LOCALITY_MEMBERS) {
    leave_out(&members, locality->member[0], 0);
  }
  const __u32 place = members.count;
  if (place >= LVS_LOCALITY_MEMBERS) {
    return 0;
  }
  locality->member[place] = member;
  locality->members = place + 1;
  locality->changed = locality->used;
  return 1;
}

static __always_inline void remember(struct lvs_service* service,
                                     const struct lvs_locality_key* key, struct scratch* scratch,
                                     __u32 member, __u64 now) {
  struct lvs_locality* locality = &scratch->locality;
  if (service->cached >= LVS_LOCALITIES_MOST) {
    return;
  }
  locality->used = locality->changed = now;
  locality->members = 1;
  locality->member[0] = member;
  if (!bpf_map_update_elem(&lvs_localities, key, locality, BPF_NOEXIST)) {
    __sync_fetch_and_add(&service->cached, 1);
  }
}

/* NO_DEST when every real server is away, quiesced or overloaded. */
VERIFIED_ALONE __u32 schedule_by_locality(struct lvs_service* service, const struct match* match) {
  struct scratch* scratch = scratch_of_cpu();
  if (!service || !match || !scratch) {
    return NO_DEST;
  }
  struct lvs_locality_key key = {.service = match->id, .cache = service->cache};
  __builtin_memcpy(key.address, match->target, sizeof(key.address));
  struct lvs_locality* locality = bpf_map_lookup_elem(&lvs_localities, &key);
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (locality) {
    locality->used = now;
    const __u32 before = choose_member(match, locality);
    if (before != NO_DEST) {
      return before;
    }
  }
  const __u32 id = schedule(service, match->offset, &match->slice, 0);
  const struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    return NO_DEST;
  }
  const __u32 member = LVS_MEMBER(id, dest->generation);
  if (!locality) {
    remember(service, &key, scratch, member, now);
  } else if (match->slice.scheduler == LVS_LBLCR) {
    add_member(locality, member);
  } else {
    locality->member[0] = member;
  }
  return id;
}
