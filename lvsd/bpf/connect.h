/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet without a connection: its service, its template when the service is persistent, a real
 * server, and the connection's two entries. The first packet of a flow may come on two CPUs at
 * once: the one whose entry is refused takes what the other made. */
#pragma once

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/schedule.h"

#define FTP_PORT 21
#define NS_PER_S 1000000000ULL
#define RECLAIM_AT_ONCE 1024U
#define RECLAIM_PAUSE_NS 50000000ULL
#define RECLAIM_LONG_PAUSE_NS 1000000000ULL

struct reclaim {
  __u64 now;
  __u32 freed;
};

static long reclaim_entry(void* map, struct lvs_key* key, struct lvs_flow* flow,
                          struct reclaim* reclaim) {
  if (flow->direction == LVS_TO_SERVER && reclaim->now >= flow->expires) {
    struct lvs_key copy = *key;
    reclaim->freed += kill_flow(&copy, flow, reclaim->now);
  }
  return reclaim->freed >= RECLAIM_AT_ONCE;
}

/* A full table, perhaps with nobody left to sweep it: the packet path makes room itself, one CPU at
 * a time, not more often than it pays. */
VERIFIED_ALONE int reclaim(__u64 now) {
  struct lvs_config* config = config_of_core();
  if (!config) {
    return 0;
  }
  const __u64 at = config->reclaim_at;
  if (now < at ||
      __sync_val_compare_and_swap(&config->reclaim_at, at, now + RECLAIM_LONG_PAUSE_NS) != at) {
    return 0;
  }
  struct reclaim work = {.now = now};
  bpf_for_each_map_elem(&lvs_flows, reclaim_entry, &work, 0);
  if (work.freed == RECLAIM_AT_ONCE) {
    config->reclaim_at = now + RECLAIM_PAUSE_NS;
  }
  return work.freed;
}

/* What is known of the packet's service. */
struct match {
  struct lvs_service* service;
  __u32 id;
  __u32 offset;
  struct lvs_service_key key;
  struct lvs_slice slice;
};

static __always_inline int find_service_by(struct match* match) {
  const __u32* id = bpf_map_lookup_elem(&lvs_service_ids, &match->key);
  if (!id) {
    return 0;
  }
  match->id = *id;
  match->service = bpf_map_lookup_elem(&lvs_services, &match->id);
  if (!match->service) {
    return 0;
  }
  match->offset = match->service->current >> 32;
  return read_slice(match->offset, &match->slice);
}

/* The mark first and whole, then address and port, then the service of any port. */
static __always_inline int find_service(const struct packet* packet, __u32 mark,
                                        struct match* match) {
  if (mark) {
    match->key = (struct lvs_service_key){.address = mark, .kind = LVS_BY_MARK};
    if (find_service_by(match)) {
      return 1;
    }
  }
  match->key = (struct lvs_service_key){
      .address = packet->key.daddr, .port = packet->key.dport, .protocol = packet->key.protocol};
  if (find_service_by(match)) {
    return 1;
  }
  match->key.port = 0;
  return find_service_by(match);
}

static __always_inline int is_of_service_port(const struct packet* packet,
                                              const struct match* match) {
  return match->key.kind == LVS_BY_ADDRESS && packet->key.dport == match->key.port;
}

static __always_inline void template_key_of(const struct packet* packet, const struct match* match,
                                            struct lvs_key* key) {
  *key = (struct lvs_key){.saddr = packet->key.saddr & match->slice.netmask,
                          .daddr = packet->key.daddr,
                          .protocol = packet->key.protocol};
  if (match->key.kind == LVS_BY_MARK) {
    key->daddr = bpf_htonl(match->key.address);
    key->protocol = IPPROTO_IP;
  } else if (is_of_service_port(packet, match) && match->key.port != bpf_htons(FTP_PORT)) {
    key->dport = match->key.port;
  }
}

/* A held template in *generation, its real server as result; NO_DEST with a reason. */
static __always_inline __u32 dest_by_template(const struct packet* packet, struct match* match,
                                              struct lvs_key* key, __u32* generation, __u32* reason,
                                              __u64 now) {
  template_key_of(packet, match, key);
  const __u64 timeout = match->slice.timeout * NS_PER_S;
  struct lvs_template* found = bpf_map_lookup_elem(&lvs_templates, key);
  if (found && !(found->word & LVS_TEMPLATE_DEAD)) {
    const struct lvs_dest* dest = dest_of(found->dest);
    const __u32 seen = generation_of(found->word);
    const int is_over = now >= found->expires && !(found->word & LVS_TEMPLATE_CONTROLLED);
    if (dest && dest->use == LVS_DEST_AVAILABLE && !is_over && hold_template(found, seen)) {
      found->expires = now + found->timeout;
      *generation = seen;
      return found->dest;
    }
    kill_template(key, found, now, 1);
  }
  const __u32 id = schedule(match->service, match->offset, &match->slice);
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    *reason = LVS_DROP_NO_DESTINATION;
    return NO_DEST;
  }
  *generation = new_generation();
  struct lvs_template made = {.word = (__u64)*generation << LVS_TEMPLATE_GENERATION_SHIFT | 1,
                              .expires = now + timeout,
                              .timeout = timeout,
                              .dest = id};
  if (key->dport) {
    made.port = dest->port;
  }
  __sync_fetch_and_add(&dest->persistent, 1);
  const long failed = bpf_map_update_elem(&lvs_templates, key, &made, BPF_NOEXIST);
  if (!failed) {
    return id;
  }
  __sync_fetch_and_add(&dest->persistent, -1);
  found = bpf_map_lookup_elem(&lvs_templates, key);
  if (found) {
    *generation = generation_of(found->word);
    if (hold_template(found, *generation)) {
      return found->dest;
    }
  }
  *reason = found ? LVS_DROP_RACE : LVS_DROP_TABLE_FULL;
  return NO_DEST;
}

/* Inserts both entries of a bound connection. */
static __always_inline long insert_flow(const struct lvs_key* key, const struct lvs_flow* flow,
                                        __u64 now) {
  long failed = bpf_map_update_elem(&lvs_flows, key, flow, BPF_NOEXIST);
  if (failed && !bpf_map_lookup_elem(&lvs_flows, key) && reclaim(now)) {
    failed = bpf_map_update_elem(&lvs_flows, key, flow, BPF_NOEXIST);
  }
  return failed;
}

static __always_inline long insert_reply(const struct lvs_key* key, const struct lvs_flow* flow,
                                         struct lvs_flow* reply, __u64 now) {
  *reply = (struct lvs_flow){.word = flow->word & ~0xffffffffULL,
                             .expires = now,
                             .address = key->daddr,
                             .port = key->dport,
                             .direction = LVS_TO_CLIENT,
                             .dest = flow->dest,
                             .other = *key,
                             .created = now};
  long failed = bpf_map_update_elem(&lvs_flows, &flow->other, reply, BPF_ANY);
  if (failed && reclaim(now)) {
    failed = bpf_map_update_elem(&lvs_flows, &flow->other, reply, BPF_ANY);
  }
  return failed;
}

/* The entry of a connection that is bound to its real server. */
static __always_inline void describe(struct lvs_flow* flow, const struct packet* packet,
                                     const struct lvs_config* config, const struct lvs_dest* dest,
                                     int keeps_port, __u64 now) {
  const int is_tcp = packet->key.protocol == IPPROTO_TCP;
  const __u8 state = is_tcp ? lvs_tcp_step(LVS_TCP_IN, LVS_TCP_NONE, packet->tcp_flags) : 0;
  const int is_active = is_tcp && lvs_tcp_is_active(state);
  flow->word = (__u64)new_generation() << LVS_WORD_GENERATION_SHIFT | state |
               (is_active ? LVS_WORD_ACTIVE : 0);
  flow->expires = now + timeout_of(config, packet->key.protocol, state);
  flow->touch = now;
  flow->address = dest->address;
  flow->port = keeps_port || !dest->port ? packet->key.dport : dest->port;
  flow->direction = LVS_TO_SERVER;
  flow->created = now;
  flow->other = (struct lvs_key){.saddr = flow->address,
                                 .daddr = packet->key.saddr,
                                 .sport = flow->port,
                                 .dport = packet->key.sport,
                                 .protocol = packet->key.protocol};
}

/* The entry of a new connection whose real server is chosen; another CPU's if that was quicker;
 * null when the table is full. */
static __always_inline struct lvs_flow* bind(const struct lvs_key* packet_key,
                                             struct scratch* scratch, struct lvs_dest* dest,
                                             __u64 now) {
  struct lvs_flow* flow = &scratch->flow;
  struct lvs_key key = *packet_key;
  const int is_active = !!(flow->word & LVS_WORD_ACTIVE);
  bind_connection(dest, is_active);
  const long failed = insert_flow(&key, flow, now);
  struct lvs_flow* made = bpf_map_lookup_elem(&lvs_flows, &key);
  if (failed) {
    struct lvs_key template_key = flow->template_key;
    unbind_connection(dest, is_active);
    if (flow->template_generation) {
      release_template(&template_key, flow->template_generation);
    }
    return made;
  }
  if (insert_reply(&key, flow, &scratch->reply, now)) {
    if (made) {
      kill_flow(&key, made, now);
    }
    return 0;
  }
  count_connection(flow->dest);
  return made;
}

/* The new connection's entry, or null with a reason (enum lvs_drop). */
static __always_inline struct lvs_flow* connect(const struct packet* packet, __u32 mark,
                                                const struct lvs_config* config, __u32* reason,
                                                __u64 now) {
  const __u32 zero = 0;
  struct scratch* scratch = bpf_map_lookup_elem(&lvs_scratch, &zero);
  struct match match = {};
  struct lvs_key template_key = {};
  __u32 template_generation = 0;
  if (!scratch || !find_service(packet, mark, &match)) {
    *reason = LVS_DROP_NO_SERVICE;
    return 0;
  }
  const int is_persistent = match.slice.flags & LVS_SERVICE_PERSISTENT;
  if (!is_persistent && match.key.kind == LVS_BY_ADDRESS && !match.key.port) {
    *reason = LVS_DROP_ANY_PORT_NOT_PERSISTENT;
    return 0;
  }
  __u32 id;
  if (is_persistent) {
    id = dest_by_template(packet, &match, &template_key, &template_generation, reason, now);
  } else {
    id = schedule(match.service, match.offset, &match.slice);
    *reason = LVS_DROP_NO_DESTINATION;
  }
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    return 0;
  }
  __builtin_memset(&scratch->flow, 0, sizeof(scratch->flow));
  scratch->flow.dest = id;
  scratch->flow.service = match.id;
  scratch->flow.template_key = template_key;
  scratch->flow.template_generation = template_generation;
  const int keeps_port = is_persistent && !is_of_service_port(packet, &match);
  describe(&scratch->flow, packet, config, dest, keeps_port, now);
  *reason = LVS_DROP_TABLE_FULL;
  return bind(&packet->key, scratch, dest, now);
}
