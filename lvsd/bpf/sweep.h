/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sweeper: takes out what has expired, what lvsd names (clients to be killed), and, when the
 * table is filling up, what is cheap to lose. It and the packet path are equals: either ends a
 * connection by the same compare-and-swap.
 *
 * lvsd walks the maps, some entries at a time, and says which may have to go
 * (lvsd/core/sweeping.h); here they are looked at once more, as they are now. */
#pragma once

#include "lvsd/bpf/connect.h"

struct sweeping {
  __u64 now;
  __u32 killed;
  __u32 where;
  struct address6 prefix;
  struct address6 mask;
  __u32 kill_family; /* 0: no clients are named. */
  __u32 ends_lost;   /* Connections whose real server was removed end. */
  __u32 unassured;
  __u32 was_drawn; /* For drop_entry. */
  struct patience patience;
};

static __always_inline int is_named(const int family, const struct sweeping* work,
                                    const __be32* client) {
  const __be32* prefix = work->prefix.word;
  const __be32* mask = work->mask.word;
  return work->kill_family == family && (client[0] & mask[0]) == prefix[0] &&
         (family == AF_INET ||
          ((client[1] & mask[1]) == prefix[1] && (client[2] & mask[2]) == prefix[2] &&
           (client[3] & mask[3]) == prefix[3]));
}

/* What drop_entry ends of those that were drawn. ip_vs takes a datagram's flow for given up when it
 * is idle and had at most eight packets; nobody counts them here, so one that was brief. What is
 * established stays. */
static __always_inline int is_dropped_entry(const struct sweeping* work, __u8 protocol,
                                            const struct lvs_flow* flow, __u64 word) {
  const __u8 state = word & LVS_WORD_STATE;
  if (!work->was_drawn) {
    return 0;
  }
  if (protocol != IPPROTO_UDP) {
    return protocol == IPPROTO_TCP ? lvs_tcp_is_half_open(state)
                                   : state == LVS_SCTP_INIT1 || state == LVS_SCTP_INIT;
  }
  const __u64 used_until = flow->expires - work->patience.udp_timeout;
  return work->now >= used_until + LVS_DROP_IDLE_NS &&
         used_until <= flow->created + LVS_DROP_BRIEF_NS;
}

/* Only because the table is filling up, or by drop_entry. */
static __always_inline int is_early_end(const struct sweeping* work, __u8 protocol,
                                        const struct lvs_flow* flow, __u64 word) {
  return work->now < flow->expires && !work->kill_family && !is_closed(protocol, word) &&
         (is_cheap(&work->patience, protocol, flow, word, work->now) ||
          is_dropped_entry(work, protocol, flow, word));
}

static __always_inline int is_to_go(const struct sweeping* work, __u8 protocol,
                                    const struct lvs_flow* flow, __u64 word) {
  return work->now >= flow->expires || (work->ends_lost && has_lost_its_server(flow)) ||
         is_cheap(&work->patience, protocol, flow, word, work->now) ||
         is_dropped_entry(work, protocol, flow, word);
}

static __always_inline long sweep_flow_of(const int family, const void* key, __u8 protocol,
                                          struct lvs_flow* flow, struct sweeping* work) {
  union any_key copy;
  copy_key(family, &copy, key);
  if (flow->direction == LVS_TO_CLIENT) {
    union any_key other;
    copy_key(family, &other, other_of(family, flow));
    const struct lvs_flow* owner = find_flow(family, &other);
    const int is_orphan = !owner || generation_of(owner->word) != generation_of(flow->word);
    if (is_orphan && work->now >= flow->created + LVS_DEAD_NS) {
      delete_flow(family, &copy);
    }
    return 0;
  }
  const __u64 word = flow->word;
  if (word & LVS_WORD_DEAD) {
    if (work->now >= flow->expires + LVS_DEAD_NS) {
      delete_flow(family, &copy);
    }
  } else if (is_to_go(work, protocol, flow, word) ||
             is_named(family, work, source_of(family, &copy))) {
    const int is_early = is_early_end(work, protocol, flow, word);
    const int is_done =
        kill_flow(family, &copy, flow, generation_of(word), work->now) == CHANGE_DONE;
    work->killed += is_done;
    if (is_done && is_early) {
      count_drop(LVS_EVICTED_HALF_OPEN);
    }
  }
  return 0;
}

static __always_inline long sweep_template_of(const int family, const void* key,
                                              struct lvs_template* template,
                                              struct sweeping* work) {
  union any_key copy;
  copy_key(family, &copy, key);
  const __u64 word = template->word;
  if (word & LVS_TEMPLATE_DEAD) {
    if (work->now >= template->expires + LVS_DEAD_NS) {
      delete_template(family, &copy);
    }
    return 0;
  }
  const int is_killed = is_named(family, work, source_of(family, &copy));
  const int is_cheap = (work->unassured || work->was_drawn) &&
                       !(word & (LVS_TEMPLATE_ASSURED | LVS_TEMPLATE_CONTROLLED));
  if (!is_killed && !is_cheap && work->now < template->expires) {
    return 0;
  }
  if (!is_killed && (word & LVS_TEMPLATE_CONTROLLED)) {
    template->expires = work->now + LVS_CONTROLLER_RETRY_NS;
    return 0;
  }
  const int is_early = !is_killed && work->now < template->expires;
  if (kill_template(family, &copy, template, generation_of(word), work->now, is_killed) ==
          CHANGE_DONE &&
      is_early) {
    count_drop(LVS_EVICTED_TEMPLATE);
  }
  return 0;
}

static __always_inline void sweep_one(const int family, const void* key, int is_template,
                                      struct sweeping* work) {
  if (is_template) {
    struct lvs_template* template = find_template(family, key);
    if (template) {
      sweep_template_of(family, key, template, work);
    }
    return;
  }
  struct lvs_flow* flow = find_flow(family, key);
  if (flow) {
    const __u8 protocol = family == AF_INET6 ? ((const struct lvs_key6*)key)->protocol
                                             : ((const struct lvs_key*)key)->protocol;
    sweep_flow_of(family, key, protocol, flow, work);
  }
}

static long sweep_named(__u32 index, struct sweeping* work) {
  const struct lvs_key6* key = bpf_map_lookup_elem(&lvs_sweep_keys, &index);
  if (!key) {
    return 1;
  }
  const int is_template = work->where == LVS_SWEEP_TEMPLATES || work->where == LVS_SWEEP_TEMPLATES6;
  if (work->where == LVS_SWEEP_FLOWS6 || work->where == LVS_SWEEP_TEMPLATES6) {
    sweep_one(AF_INET6, key, is_template, work);
  } else {
    sweep_one(AF_INET, key, is_template, work);
  }
  return 0;
}

static __always_inline int sweep_these(struct lvs_sweep* ask) {
  const struct lvs_config* config = config_of_core();
  struct sweeping work = {.now = bpf_ktime_get_ns(),
                          .where = ask->where,
                          .kill_family = ask->kill ? ask->family : 0,
                          .unassured = ask->unassured,
                          .was_drawn = !!ask->drop_share};
  copy_address(AF_INET6, work.prefix.word, ask->prefix);
  copy_address(AF_INET6, work.mask.word, ask->mask);
  work.patience = patience_of(config, ask->half_open_ns, ask->udp_idle_ns);
  work.ends_lost = config && setting(config, LVS_EXPIRE_NODEST_CONN);
  bpf_loop(ask->keys, sweep_named, &work, 0);
  ask->killed = work.killed;
  return 0;
}
