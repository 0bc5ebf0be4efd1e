/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet without a connection: its service, its template when the service is persistent, a real
 * server, and the connection's two entries. The first packet of a flow may come on two CPUs at
 * once: the one whose entry is refused takes what the other made. */
#pragma once

#include "lvsd/bpf/make_room.h"
#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/schedule.h"

#define FTP_PORT 21
#define NS_PER_S 1000000000ULL
#define SLICE_TRIES 4

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
  match->offset = LVS_CURRENT_SLICE(match->service->current);
  return read_slice(match->offset, &match->slice);
}

/* The mark first and whole, then address and port, then the service of any port. */
static __always_inline int find_service(const struct packet* packet, __u32 mark,
                                        struct match* match) {
  if (mark) {
    match->key =
        (struct lvs_service_key){.address = {mark}, .kind = LVS_BY_MARK, .family = AF_INET};
    if (find_service_by(match)) {
      return 1;
    }
  }
  match->key = (struct lvs_service_key){.address = {packet->key.daddr},
                                        .port = packet->key.dport,
                                        .protocol = packet->key.protocol,
                                        .family = AF_INET};
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
  const __u32 host_bits = 32 - match->slice.prefix;
  const __u32 mask = host_bits < 32 ? 0xffffffffU << host_bits : 0;
  *key = (struct lvs_key){.saddr = packet->key.saddr & bpf_htonl(mask),
                          .daddr = packet->key.daddr,
                          .protocol = packet->key.protocol};
  if (match->key.kind == LVS_BY_MARK) {
    key->daddr = bpf_htonl(match->key.address[0]);
    key->protocol = IPPROTO_IP;
  } else if (is_of_service_port(packet, match) && match->key.port != bpf_htons(FTP_PORT)) {
    key->dport = match->key.port;
  }
}

/* The table may change while a real server is looked for: then once more, in the new slice. */
static __always_inline __u32 choose(struct match* match, const struct lvs_key* key) {
  __u32 id = NO_DEST;
#pragma unroll
  for (int i = 0; i < SLICE_TRIES; i++) {
    id = schedule(match->service, match->offset, &match->slice, key);
    const __u32 offset = LVS_CURRENT_SLICE(*(volatile __u64*)&match->service->current);
    if (id != NO_DEST || offset == match->offset) {
      break;
    }
    match->offset = offset;
    if (!read_slice(offset, &match->slice)) {
      break;
    }
  }
  return id;
}

/* Whether a template may still lead to its real server. */
static __always_inline int leads_on(const struct lvs_template* found,
                                    const struct lvs_config* config, __u64 now) {
  const struct lvs_dest* dest = dest_of(found->dest);
  const int is_over = now >= found->expires && !(found->word & LVS_TEMPLATE_CONTROLLED);
  return dest && dest->use == LVS_DEST_AVAILABLE && !is_over &&
         (dest->weight || !setting(config, LVS_EXPIRE_QUIESCENT_TEMPLATE));
}

/* A new template with one connection under it, or another CPU's; NO_DEST with a reason. */
static __always_inline __u32 make_template(struct lvs_key* key, const struct match* match, __u32 id,
                                           __u32* generation, __u32* reason, __u64 now) {
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    *reason = LVS_DROP_NO_DESTINATION;
    return NO_DEST;
  }
  const __u64 timeout = match->slice.timeout * NS_PER_S;
  *generation = new_generation();
  struct lvs_template made = {.word = (__u64)*generation << LVS_TEMPLATE_GENERATION_SHIFT | 1,
                              .expires = now + timeout,
                              .timeout = timeout,
                              .dest = id};
  if (key->dport) {
    made.port = dest->port;
  }
  __sync_fetch_and_add(&dest->persistent, 1);
  if (!insert_template(key, &made, now)) {
    return id;
  }
  __sync_fetch_and_add(&dest->persistent, -1);
  struct lvs_template* found = bpf_map_lookup_elem(&lvs_templates, key);
  if (found) {
    *generation = generation_of(found->word);
    if (hold_template(found, *generation) == CHANGE_DONE) {
      return found->dest;
    }
  }
  *reason = found ? LVS_DROP_RACE : LVS_DROP_TEMPLATES_FULL;
  return NO_DEST;
}

/* A held template in *generation, its real server as result; NO_DEST with a reason. */
static __always_inline __u32 dest_by_template(const struct packet* packet, struct match* match,
                                              const struct lvs_config* config, struct lvs_key* key,
                                              __u32* generation, __u32* reason, __u64 now) {
  template_key_of(packet, match, key);
  struct lvs_template* found = bpf_map_lookup_elem(&lvs_templates, key);
  if (found && !(found->word & LVS_TEMPLATE_DEAD)) {
    const __u32 seen = generation_of(found->word);
    enum change held = CHANGE_LOST;
    if (leads_on(found, config, now)) {
      held = hold_template(found, seen);
    }
    if (held == CHANGE_DONE) {
      found->expires = now + found->timeout;
      *generation = seen;
      return found->dest;
    }
    if (held == CHANGE_CONTENDED) {
      *reason = LVS_DROP_RACE;
      return NO_DEST;
    }
    kill_template(key, found, seen, now, EVEN_CONTROLLED);
  }
  return make_template(key, match, choose(match, &packet->key), generation, reason, now);
}

static __always_inline long insert_reply(const struct lvs_key* key, const struct lvs_flow* flow,
                                         struct lvs_flow* reply, __u64 now) {
  *reply = (struct lvs_flow){.word = flow->word & ~0xffffffffULL,
                             .expires = now,
                             .address = key->daddr,
                             .port = key->dport,
                             .direction = LVS_TO_CLIENT,
                             .forward = flow->forward,
                             .flags = flow->flags,
                             .dest = flow->dest,
                             .other = *key,
                             .created = now};
  long failed = bpf_map_update_elem(&lvs_flows, &flow->other, reply, BPF_ANY);
  if (failed && make_room_for_flow(now)) {
    failed = bpf_map_update_elem(&lvs_flows, &flow->other, reply, BPF_ANY);
  }
  return failed;
}

/* What a connection to a real server is forwarded by: one that is the director itself needs no way
 * but the stack, whatever it is told. */
static __always_inline __u8 method_of(const struct lvs_dest* dest) {
  return dest->is_local && dest->forward != LVS_FORWARD_NAT ? LVS_FORWARD_LOCAL : dest->forward;
}

/* The entry of a connection that is bound to its real server. */
static __always_inline void describe(struct lvs_flow* flow, const struct packet* packet,
                                     const struct lvs_config* config, const struct lvs_dest* dest,
                                     int keeps_port, __u64 now) {
  const int is_tcp = packet->key.protocol == IPPROTO_TCP;
  const __u8 state = is_tcp ? lvs_tcp_step(LVS_TCP_IN, LVS_TCP_NONE, packet->tcp_flags) : 0;
  const int is_active = is_tcp && lvs_tcp_is_active(state);
  flow->forward = method_of(dest);
  flow->flags = dest->is_local ? LVS_FLOW_TO_SELF : 0;
  flow->word = (__u64)new_generation() << LVS_WORD_GENERATION_SHIFT | state |
               (is_active ? LVS_WORD_ACTIVE : 0) |
               (flow->forward == LVS_FORWARD_NAT ? 0 : LVS_WORD_NOOUTPUT);
  flow->expires = now + timeout_of(config, packet->key.protocol, state);
  flow->touch = now;
  flow->address = dest->address[0];
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
  if (flow->forward == LVS_FORWARD_NAT && insert_reply(&key, flow, &scratch->reply, now)) {
    if (made) {
      kill_flow(&key, made, generation_of(flow->word), now);
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
  struct scratch* scratch = scratch_of_cpu();
  struct match match = {};
  struct lvs_key template_key = {};
  __u32 template_generation = 0;
  if (!scratch || !find_service(packet, mark, &match)) {
    *reason = LVS_PASS_NO_SERVICE;
    return 0;
  }
  const int is_persistent = match.slice.flags & LVS_SERVICE_PERSISTENT;
  if (!is_persistent && match.key.kind == LVS_BY_ADDRESS && !match.key.port) {
    *reason = LVS_DROP_ANY_PORT_NOT_PERSISTENT;
    return 0;
  }
  __u32 id;
  if (is_persistent) {
    id = dest_by_template(packet, &match, config, &template_key, &template_generation, reason, now);
  } else {
    id = choose(&match, &packet->key);
    *reason = LVS_DROP_NO_DESTINATION;
  }
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    return 0;
  }
  __builtin_memset(&scratch->flow, 0, sizeof(scratch->flow));
  scratch->flow.dest = id;
  scratch->flow.service = match.id;
  scratch->flow.mark = mark;
  scratch->flow.template_key = template_key;
  scratch->flow.template_generation = template_generation;
  const int keeps_port = is_persistent && !is_of_service_port(packet, &match);
  describe(&scratch->flow, packet, config, dest, keeps_port, now);
  *reason = LVS_DROP_TABLE_FULL;
  return bind(&packet->key, scratch, dest, now);
}
