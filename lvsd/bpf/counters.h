/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What real servers have: connections (exact, one atomic step each at bind, change and unbind) and
 * traffic (per CPU, summed by lvsd; a service's traffic is the sum over its real servers). */
#pragma once

#include "lvsd/bpf/maps.h"

static __always_inline void count_connection(__u32 dest) {
  struct lvs_stats* stats = bpf_map_lookup_elem(&lvs_dest_stats, &dest);
  if (stats) {
    stats->connections += 1;
  }
}

static __always_inline void count_packet(__u32 dest, __u8 direction, __u32 bytes) {
  struct lvs_stats* stats = bpf_map_lookup_elem(&lvs_dest_stats, &dest);
  if (!stats) {
    return;
  }
  if (direction == LVS_TO_SERVER) {
    stats->in_packets += 1;
    stats->in_bytes += bytes;
  } else {
    stats->out_packets += 1;
    stats->out_bytes += bytes;
  }
}

/* Of a datagram in fragments the first counts as the packet, as ip_vs sees it: in one piece. */
static __always_inline void count_later_fragment(__u32 dest, __u8 direction, __u32 bytes) {
  struct lvs_stats* stats = bpf_map_lookup_elem(&lvs_dest_stats, &dest);
  if (stats && direction == LVS_TO_SERVER) {
    stats->in_bytes += bytes;
  } else if (stats) {
    stats->out_bytes += bytes;
  }
}

/* A connection is bound before its entry is inserted, so that a counter never goes below zero. */
static __always_inline void bind_connection(struct lvs_dest* dest, int is_active) {
  const __u32 total = __sync_fetch_and_add(&dest->total, 1) + 1;
  if (is_active) {
    __sync_fetch_and_add(&dest->active, 1);
  }
  if (dest->upper_threshold && total >= dest->upper_threshold) {
    dest->overload = 1;
  }
}

static __always_inline void unbind_connection(struct lvs_dest* dest, int was_active) {
  const __u32 total = __sync_fetch_and_add(&dest->total, -1) - 1;
  const __u32 upper = dest->upper_threshold;
  if (was_active) {
    __sync_fetch_and_add(&dest->active, -1);
  }
  if (dest->overload) {
    const __u32 low = dest->lower_threshold ? dest->lower_threshold : upper - upper / 4;
    if (!upper || total < low) {
      dest->overload = 0;
    }
  }
}
