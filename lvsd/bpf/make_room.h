/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room in a full table, made by the packet that needs it: nobody else may be there to do it, and a
 * flood fills a table faster than any sweeper empties it. First goes what has expired, then what
 * ip_vs drops first under pressure (drop_entry): connections that are half open, templates whose
 * client never had a connection established. What is established stays.
 *
 * One CPU at a time, and not more often than it pays. */
#pragma once

#include <linux/in.h>

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/drops.h"

#define FREED_AT_ONCE 4096U
#define PAUSE_NS 50000000ULL
#define FLOOD_HALF_OPEN_NS 500000000ULL
#define FLOOD_UDP_IDLE_NS 5000000000ULL
#define LONG_PAUSE_NS 1000000000ULL

/* How long what costs little to lose is kept; 0: until it expires. */
struct patience {
  __u64 half_open_ns;
  __u64 udp_idle_ns;
  __u64 udp_timeout;
};

struct making_room {
  __u64 now;
  __u32* freed; /* In a map: a count on the stack the verifier would follow step by step. */
  __u32 evicts; /* Also what has not expired. */
  struct patience patience;
};

static __always_inline struct patience patience_of(const struct lvs_config* config,
                                                   __u64 half_open_ns, __u64 udp_idle_ns) {
  return (struct patience){.half_open_ns = half_open_ns,
                           .udp_idle_ns = udp_idle_ns,
                           .udp_timeout = config ? config->timeouts[LVS_TIMEOUT_UDP] : 0};
}

/* TCP that its client never completed, UDP that nobody has used for long. */
static __always_inline int is_cheap(const struct patience* patience, const struct lvs_key* key,
                                    const struct lvs_flow* flow, __u64 word, __u64 now) {
  const __u8 state = word & LVS_WORD_STATE;
  if (key->protocol == IPPROTO_TCP) {
    return patience->half_open_ns && (state == LVS_TCP_SYN_RECV || state == LVS_TCP_SYNACK) &&
           now >= flow->created + patience->half_open_ns;
  }
  return patience->udp_idle_ns &&
         now + patience->udp_timeout >= flow->expires + patience->udp_idle_ns;
}

static __always_inline void note_freed(struct making_room* work, enum change killed, int is_over,
                                       __u32 evicted) {
  if (killed != CHANGE_DONE) {
    return;
  }
  *work->freed += 1;
  if (!is_over) {
    count_drop(evicted);
  }
}

static long look_at_flow(void* map, struct lvs_key* key, struct lvs_flow* flow,
                         struct making_room* work) {
  if (flow->direction != LVS_TO_SERVER) {
    return 0;
  }
  const __u64 word = flow->word;
  const int is_over = work->now >= flow->expires;
  if (is_over || (work->evicts && is_cheap(&work->patience, key, flow, word, work->now))) {
    struct lvs_key copy = *key;
    const enum change killed = kill_flow(&copy, flow, generation_of(word), work->now);
    note_freed(work, killed, is_over, LVS_EVICTED_HALF_OPEN);
  }
  return *work->freed >= FREED_AT_ONCE;
}

static long look_at_template(void* map, struct lvs_key* key, struct lvs_template* template,
                             struct making_room* work) {
  const __u64 word = template->word;
  const int is_over = work->now >= template->expires;
  if (is_over || (work->evicts && !(word & LVS_TEMPLATE_ASSURED))) {
    struct lvs_key copy = *key;
    const enum change killed = kill_template(&copy, template, generation_of(word), work->now, 0);
    note_freed(work, killed, is_over, LVS_EVICTED_TEMPLATE);
  }
  return *work->freed >= FREED_AT_ONCE;
}

/* Whether it is this CPU's turn to search a table. */
static __always_inline int is_search_due(__u64* not_before, __u64 now) {
  const __u64 at = *not_before;
  return now >= at && __sync_val_compare_and_swap(not_before, at, now + LONG_PAUSE_NS) == at;
}

static __always_inline int search(struct making_room* work, int even_living) {
  *work->freed = 0;
  work->evicts = even_living;
  bpf_for_each_map_elem(&lvs_flows, look_at_flow, work, 0);
  return *work->freed;
}

static __always_inline int search_templates(struct making_room* work, int even_living) {
  *work->freed = 0;
  work->evicts = even_living;
  bpf_for_each_map_elem(&lvs_templates, look_at_template, work, 0);
  return *work->freed;
}

/* How many connections went. */
VERIFIED_ALONE int make_room_for_flow(__u64 now) {
  struct lvs_config* config = config_of_core();
  struct scratch* scratch = scratch_of_cpu();
  if (!config || !scratch || !is_search_due(&config->reclaim_at, now)) {
    return 0;
  }
  struct making_room work = {
      .now = now,
      .freed = &scratch->freed,
      .patience = patience_of(config, FLOOD_HALF_OPEN_NS, FLOOD_UDP_IDLE_NS)};
  if (!search(&work, 0)) {
    search(&work, 1);
  }
  if (scratch->freed >= FREED_AT_ONCE) {
    config->reclaim_at = now + PAUSE_NS;
  }
  return scratch->freed;
}

/* A template stays while a connection is under it, so half-open ones go before. */
VERIFIED_ALONE int make_room_for_template(__u64 now) {
  struct lvs_config* config = config_of_core();
  struct scratch* scratch = scratch_of_cpu();
  if (!config || !scratch || !is_search_due(&config->reclaim_templates_at, now)) {
    return 0;
  }
  struct making_room work = {
      .now = now,
      .freed = &scratch->freed,
      .patience = patience_of(config, FLOOD_HALF_OPEN_NS, FLOOD_UDP_IDLE_NS)};
  if (!search_templates(&work, 0)) {
    search(&work, 1);
    search_templates(&work, 1);
  }
  if (scratch->freed >= FREED_AT_ONCE) {
    config->reclaim_templates_at = now + PAUSE_NS;
  }
  return scratch->freed;
}

/* Not 0: the table is full, or another CPU's entry is there. */
static __always_inline long insert_flow(const struct lvs_key* key, const struct lvs_flow* flow,
                                        __u64 now) {
  long failed = bpf_map_update_elem(&lvs_flows, key, flow, BPF_NOEXIST);
  if (failed && !bpf_map_lookup_elem(&lvs_flows, key) && make_room_for_flow(now)) {
    failed = bpf_map_update_elem(&lvs_flows, key, flow, BPF_NOEXIST);
  }
  return failed;
}

static __always_inline long insert_template(const struct lvs_key* key,
                                            const struct lvs_template* template, __u64 now) {
  long failed = bpf_map_update_elem(&lvs_templates, key, template, BPF_NOEXIST);
  if (failed && !bpf_map_lookup_elem(&lvs_templates, key) && make_room_for_template(now)) {
    failed = bpf_map_update_elem(&lvs_templates, key, template, BPF_NOEXIST);
  }
  return failed;
}
