/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room in a full table, made by the packet that needs it: nobody else may be there to do it, and a
 * flood fills a table faster than any sweeper empties it. First goes what has expired, then what
 * ip_vs drops first under pressure (drop_entry): connections that are half open, and with them
 * those that are over and only linger; templates whose client never had a connection established.
 * What is established stays.
 *
 * One CPU at a time, not more often than it pays, and never the whole of a large table: entries lie
 * in it by chance, so what there is plenty of is found in any part. */
#pragma once

#include <linux/in.h>

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/drops.h"

#define FREED_AT_ONCE 4096U
#define LOOKED_AT_ONCE 65536U /* About 20 ms of a CPU that has other packets to see to. */
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
  /* In a map: a count on the stack the verifier would follow step by step. */
  __u32* freed;
  __u32* looked_at;
  __u32 evicts; /* Also what has not expired. */
  struct patience patience;
};

static __always_inline struct patience patience_of(const struct lvs_config* config,
                                                   __u64 half_open_ns, __u64 udp_idle_ns) {
  return (struct patience){.half_open_ns = half_open_ns,
                           .udp_idle_ns = udp_idle_ns,
                           .udp_timeout = config ? config->timeouts[LVS_TIMEOUT_UDP] : 0};
}

static __always_inline int is_closed(__u8 protocol, __u64 word) {
  const __u8 state = word & LVS_WORD_STATE;
  return protocol == IPPROTO_TCP    ? state == LVS_TCP_CLOSE || state == LVS_TCP_TIME_WAIT
         : protocol == IPPROTO_SCTP ? lvs_sctp_is_closed(state)
                                    : 0;
}

/* TCP and SCTP that its client never completed or that is over, UDP that nobody has used for long.
 */
static __always_inline int is_cheap(const struct patience* patience, __u8 protocol,
                                    const struct lvs_flow* flow, __u64 word, __u64 now) {
  const __u8 state = word & LVS_WORD_STATE;
  if (protocol != IPPROTO_UDP) {
    const int is_half_open =
        protocol == IPPROTO_TCP ? lvs_tcp_is_half_open(state) : lvs_sctp_is_half_open(state);
    return patience->half_open_ns && (is_half_open || is_closed(protocol, word)) &&
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

static __always_inline int is_enough(const struct making_room* work) {
  *work->looked_at += 1;
  return *work->freed >= FREED_AT_ONCE || *work->looked_at >= LOOKED_AT_ONCE;
}

static __always_inline long consider_flow(const int family, const void* key, __u8 protocol,
                                          struct lvs_flow* flow, struct making_room* work) {
  if (flow->direction != LVS_TO_SERVER) {
    return is_enough(work);
  }
  const __u64 word = flow->word;
  const int is_over = work->now >= flow->expires;
  if (is_over || (work->evicts && is_cheap(&work->patience, protocol, flow, word, work->now))) {
    union any_key copy;
    copy_key(family, &copy, key);
    const enum change killed = kill_flow(family, &copy, flow, generation_of(word), work->now);
    note_freed(work, killed, is_over || is_closed(protocol, word), LVS_EVICTED_HALF_OPEN);
  }
  return is_enough(work);
}

static long look_at_flow(void* map, struct lvs_key* key, struct lvs_flow* flow,
                         struct making_room* work) {
  return consider_flow(AF_INET, key, key->protocol, flow, work);
}

static long look_at_flow6(void* map, struct lvs_key6* key, struct lvs_flow6* flow,
                          struct making_room* work) {
  return consider_flow(AF_INET6, key, key->protocol, &flow->flow, work);
}

static __always_inline long consider_template(const int family, const void* key,
                                              struct lvs_template* template,
                                              struct making_room* work) {
  const __u64 word = template->word;
  const int is_over = work->now >= template->expires;
  if (is_over || (work->evicts && !(word & LVS_TEMPLATE_ASSURED))) {
    union any_key copy;
    copy_key(family, &copy, key);
    const enum change killed =
        kill_template(family, &copy, template, generation_of(word), work->now, 0);
    note_freed(work, killed, is_over, LVS_EVICTED_TEMPLATE);
  }
  return is_enough(work);
}

static long look_at_template(void* map, struct lvs_key* key, struct lvs_template* template,
                             struct making_room* work) {
  return consider_template(AF_INET, key, template, work);
}

static long look_at_template6(void* map, struct lvs_key6* key, struct lvs_template* template,
                              struct making_room* work) {
  return consider_template(AF_INET6, key, template, work);
}

/* Whether it is this CPU's turn to search a table. */
static __always_inline int is_search_due(__u64* not_before, __u64 now) {
  const __u64 at = *not_before;
  return now >= at && __sync_val_compare_and_swap(not_before, at, now + LONG_PAUSE_NS) == at;
}

static __always_inline int search(const int family, struct making_room* work, int even_living) {
  *work->freed = 0;
  *work->looked_at = 0;
  work->evicts = even_living;
  if (family == AF_INET6) {
    bpf_for_each_map_elem(&lvs_flows6, look_at_flow6, work, 0);
  } else {
    bpf_for_each_map_elem(&lvs_flows, look_at_flow, work, 0);
  }
  return *work->freed;
}

static __always_inline int search_templates(const int family, struct making_room* work,
                                            int even_living) {
  *work->freed = 0;
  *work->looked_at = 0;
  work->evicts = even_living;
  if (family == AF_INET6) {
    bpf_for_each_map_elem(&lvs_templates6, look_at_template6, work, 0);
  } else {
    bpf_for_each_map_elem(&lvs_templates, look_at_template, work, 0);
  }
  return *work->freed;
}

static __always_inline struct making_room work_for(const struct lvs_config* config,
                                                   struct scratch* scratch, __u64 now) {
  return (struct making_room){
      .now = now,
      .freed = &scratch->freed,
      .looked_at = &scratch->looked_at,
      .patience = patience_of(config, FLOOD_HALF_OPEN_NS, FLOOD_UDP_IDLE_NS)};
}

/* How many connections went. */
static __always_inline int make_room_in_flows(const int family, __u64 now) {
  struct lvs_config* config = config_of_core();
  struct scratch* scratch = scratch_of_cpu();
  if (!config || !scratch) {
    return 0;
  }
  __u64* not_before = family == AF_INET6 ? &config->reclaim6_at : &config->reclaim_at;
  if (!is_search_due(not_before, now)) {
    return 0;
  }
  struct making_room work = work_for(config, scratch, now);
  if (!search(family, &work, 0)) {
    search(family, &work, 1);
  }
  if (scratch->freed >= FREED_AT_ONCE) {
    *not_before = now + PAUSE_NS;
  }
  return scratch->freed;
}

/* A template stays while a connection is under it, so half-open ones go before. */
static __always_inline int make_room_in_templates(const int family, __u64 now) {
  struct lvs_config* config = config_of_core();
  struct scratch* scratch = scratch_of_cpu();
  if (!config || !scratch) {
    return 0;
  }
  __u64* not_before =
      family == AF_INET6 ? &config->reclaim_templates6_at : &config->reclaim_templates_at;
  if (!is_search_due(not_before, now)) {
    return 0;
  }
  struct making_room work = work_for(config, scratch, now);
  if (!search_templates(family, &work, 0)) {
    search(family, &work, 1);
    search_templates(family, &work, 1);
  }
  if (scratch->freed >= FREED_AT_ONCE) {
    *not_before = now + PAUSE_NS;
  }
  return scratch->freed;
}

VERIFIED_ALONE int make_room_for_flow4(__u64 now) {
  return make_room_in_flows(AF_INET, now);
}
VERIFIED_ALONE int make_room_for_flow6(__u64 now) {
  return make_room_in_flows(AF_INET6, now);
}
VERIFIED_ALONE int make_room_for_template4(__u64 now) {
  return make_room_in_templates(AF_INET, now);
}
VERIFIED_ALONE int make_room_for_template6(__u64 now) {
  return make_room_in_templates(AF_INET6, now);
}

static __always_inline int make_room_for_flow(const int family, __u64 now) {
  return family == AF_INET6 ? make_room_for_flow6(now) : make_room_for_flow4(now);
}

static __always_inline int make_room_for_template(const int family, __u64 now) {
  return family == AF_INET6 ? make_room_for_template6(now) : make_room_for_template4(now);
}

/* Not 0: the table is full, or another CPU's entry is there. */
static __always_inline long insert_flow(const int family, const void* key,
                                        const struct lvs_flow* flow, __u64 now) {
  long failed = put_flow(family, key, flow, BPF_NOEXIST);
  if (failed && !find_flow(family, key) && make_room_for_flow(family, now)) {
    failed = put_flow(family, key, flow, BPF_NOEXIST);
  }
  return failed;
}

static __always_inline long insert_template(const int family, const void* key,
                                            const struct lvs_template* template, __u64 now) {
  long failed = put_template(family, key, template);
  if (failed && !find_template(family, key) && make_room_for_template(family, now)) {
    failed = put_template(family, key, template);
  }
  return failed;
}
