/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet without a connection: its service, its template when the service is persistent, a real
 * server, and the connection's two entries. The first packet of a flow may come on two CPUs at
 * once: the one whose entry is refused takes what the other made. */
#pragma once

#include "lvsd/bpf/by_call.h"
#include "lvsd/bpf/locality.h"
#include "lvsd/bpf/make_room.h"
#include "lvsd/bpf/one_packet.h"
#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/schedule.h"

#define FTP_PORT 21
#define FIRST_USER_PORT 1024
#define SLICE_TRIES 4

/* Fills in the rest of what has a key. */
VERIFIED_ALONE int find_match(struct match* match) {
  if (!match) {
    return 0;
  }
  const struct lvs_service_key key = match->key; /* Linux 6.1 looks up what is on the stack. */
  const __u32* found = bpf_map_lookup_elem(&lvs_service_ids, &key);
  if (!found) {
    return 0;
  }
  const __u32 id = match->id = *found;
  const struct lvs_service* service = bpf_map_lookup_elem(&lvs_services, &id);
  if (!service) {
    return 0;
  }
  match->offset = LVS_CURRENT_SLICE(service->current);
  return read_slice(match->offset, &match->slice);
}

/* Where a client's or server's data connection to an FTP service may go. */
static __always_inline int is_ftp_data_port(const struct packet* packet) {
  return packet->protocol == IPPROTO_TCP &&
         (bpf_ntohs(packet->dport) >= FIRST_USER_PORT || packet->dport == bpf_htons(20));
}

/* The mark first and whole, then address and port, then the FTP service of the address for what may
 * be a data connection, then the service of any port. */
static __always_inline int find_service(const int family, const struct packet* packet, __u32 mark,
                                        struct match* match) {
  if (mark) {
    match->key = (struct lvs_service_key){.address = {mark}, .kind = LVS_BY_MARK, .family = family};
    if (find_match(match)) {
      return 1;
    }
  }
  match->key = (struct lvs_service_key){
      .port = packet->dport, .protocol = packet->protocol, .family = family};
  copy_address(family, match->key.address, target_of(family, &packet->key));
  if (find_match(match)) {
    return 1;
  }
  if (is_ftp_data_port(packet)) {
    match->key.port = bpf_htons(FTP_PORT);
    if (find_match(match)) {
      return 1;
    }
  }
  match->key.port = 0;
  return find_match(match);
}

static __always_inline int is_of_service_port(const struct packet* packet,
                                              const struct match* match) {
  return match->key.kind == LVS_BY_ADDRESS && packet->dport == match->key.port;
}

/* Of an FTP service that is not persistent only the data connections that it was told of. */
static __always_inline int is_taken_by(const struct packet* packet, const struct match* match) {
  return match->slice.flags & LVS_SERVICE_PERSISTENT || match->key.kind != LVS_BY_ADDRESS ||
         !match->key.port || is_of_service_port(packet, match);
}

/* The bits of word `i` that are in a prefix of this length. */
static __always_inline __be32 mask_of(__u32 prefix, __u32 i) {
  const __u32 bits = prefix > 32 * i ? prefix - 32 * i : 0;
  return bits >= 32 ? 0xffffffffU : bpf_htonl(bits ? 0xffffffffU << (32 - bits) : 0);
}

static __always_inline void template_key4(const struct packet* packet, const struct match* match,
                                          struct lvs_key* key) {
  *key = (struct lvs_key){.saddr = packet->key.v4.saddr & mask_of(match->slice.prefix, 0),
                          .daddr = packet->key.v4.daddr,
                          .protocol = packet->protocol};
  if (match->key.kind == LVS_BY_MARK) {
    key->daddr = bpf_htonl(match->key.address[0]);
    key->protocol = IPPROTO_IP;
  } else if (is_of_service_port(packet, match) && match->key.port != bpf_htons(FTP_PORT)) {
    key->dport = match->key.port;
  }
}

static __always_inline void template_key6(const struct packet* packet, const struct match* match,
                                          struct lvs_key6* key) {
  *key = (struct lvs_key6){.protocol = packet->protocol};
  for (__u32 i = 0; i < 4; i++) {
    key->saddr[i] = packet->key.v6.saddr[i] & mask_of(match->slice.prefix, i);
  }
  if (match->key.kind == LVS_BY_MARK) {
    key->daddr[0] = bpf_htonl(match->key.address[0]);
    key->protocol = IPPROTO_IP;
    return;
  }
  copy_address(AF_INET6, key->daddr, packet->key.v6.daddr);
  if (is_of_service_port(packet, match) && match->key.port != bpf_htons(FTP_PORT)) {
    key->dport = match->key.port;
  }
}

static __always_inline void template_key_of(const int family, const struct packet* packet,
                                            const struct match* match, void* key) {
  if (family == AF_INET6) {
    template_key6(packet, match, key);
  } else {
    template_key4(packet, match, key);
  }
}

/* The table may change while a real server is looked for: then once more, in the new slice. */
static __always_inline __u32 choose_for(const int family, struct match* match,
                                        const struct packet* packet) {
  const __u32 service_id = match->id;
  struct lvs_service* service = bpf_map_lookup_elem(&lvs_services, &service_id);
  __u32 id = NO_DEST;
  if (!service) {
    return NO_DEST;
  }
  __builtin_memset(match->target, 0, sizeof(match->target));
  copy_address(family, match->target, target_of(family, &packet->key));
#pragma unroll
  for (int i = 0; i < SLICE_TRIES; i++) {
    if (is_by_locality(&match->slice)) {
      id = schedule_by_locality(service, match);
    } else {
      const __u32 value = hashed_value(family, &match->slice, &packet->key, packet->sport);
      id = schedule(service, match->offset, &match->slice, value);
    }
    const __u32 offset = LVS_CURRENT_SLICE(*(volatile __u64*)&service->current);
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

VERIFIED_ALONE __u32 choose4(struct match* match, const struct packet* packet) {
  return match && packet ? choose_for(AF_INET, match, packet) : NO_DEST;
}

VERIFIED_ALONE __u32 choose6(struct match* match, const struct packet* packet) {
  return match && packet ? choose_for(AF_INET6, match, packet) : NO_DEST;
}

static __always_inline __u32 choose(const int family, struct match* match,
                                    const struct packet* packet) {
  return family == AF_INET6 ? choose6(match, packet) : choose4(match, packet);
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
static __always_inline __u32 make_template(const int family, struct scratch* scratch, __u32 id,
                                           __u32* generation, __u32* reason, __u64 now) {
  const struct match* match = &scratch->match;
  const void* key = &scratch->template_key;
  struct lvs_template* made = &scratch->template;
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    *reason = LVS_DROP_NO_DESTINATION;
    return NO_DEST;
  }
  const __u64 timeout = match->slice.timeout * NS_PER_S;
  *generation = new_generation();
  *made = (struct lvs_template){.word = (__u64)*generation << LVS_TEMPLATE_GENERATION_SHIFT | 1,
                                .expires = now + timeout,
                                .timeout = timeout,
                                .dest = id};
  if (family == AF_INET6 ? scratch->template_key.dport : ((const struct lvs_key*)key)->dport) {
    made->port = dest->port;
  }
  __sync_fetch_and_add(&dest->persistent, 1);
  if (!insert_template(family, key, made, now)) {
    if (is_of_call(family, key)) {
      put_call_id(family, key, scratch->call.text);
    }
    return id;
  }
  __sync_fetch_and_add(&dest->persistent, -1);
  struct lvs_template* found = find_template(family, key);
  if (found) {
    *generation = generation_of(found->word);
    if (hold_template(found, *generation) == CHANGE_DONE) {
      return found->dest;
    }
  }
  *reason = found ? LVS_DROP_RACE : LVS_DROP_TEMPLATES_FULL;
  return NO_DEST;
}

/* A held template in *generation, its key in the scratch, its real server as result; NO_DEST with a
 * reason. */
static __always_inline __u32 dest_by_template(const int family, struct __sk_buff* skb,
                                              const struct packet* packet,
                                              const struct lvs_config* config,
                                              struct scratch* scratch, __u32* generation,
                                              __u32* reason, __u64 now) {
  void* key = &scratch->template_key;
  template_key_of(family, packet, &scratch->match, key);
  if (scratch->match.slice.flags & LVS_SERVICE_BY_CALL) {
    if (!find_call_id(family, skb, packet)) {
      *reason = LVS_DROP_NO_CALL_ID;
      return NO_DEST;
    }
    put_call_into_key(family, key, lvs_call_hash(&scratch->call));
  }
  struct lvs_template* found = find_template(family, key);
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
    kill_template(family, key, found, seen, now, EVEN_CONTROLLED);
  }
  const __u32 id = choose(family, &scratch->match, packet);
  return make_template(family, scratch, id, generation, reason, now);
}

/* The entry of the replies is the connection's own, looked at from the other side. */
static __always_inline long insert_reply(const int family, const union any_key* key,
                                         const struct lvs_flow* flow, struct lvs_flow* reply,
                                         __u64 now) {
  union any_key other;
  copy_key(family, &other, other_of(family, flow));
  *reply = (struct lvs_flow){.word = flow->word & ~0xffffffffULL,
                             .expires = now,
                             .direction = LVS_TO_CLIENT,
                             .forward = flow->forward,
                             .flags = flow->flags,
                             .dest = flow->dest,
                             .created = now};
  if (family == AF_INET6) {
    struct lvs_flow6* reply6 = (struct lvs_flow6*)reply;
    reply->port = key->v6.dport;
    reply6->other = key->v6;
    reply6->template_key = (struct lvs_key6){};
  } else {
    reply->port = key->v4.dport;
    reply->other = key->v4;
  }
  copy_address(family, address_in(family, reply), target_of(family, key));
  long failed = put_flow(family, &other, reply, BPF_ANY);
  if (failed && make_room_for_flow(family, now)) {
    failed = put_flow(family, &other, reply, BPF_ANY);
  }
  return failed;
}

/* What a connection to a real server is forwarded by: one that is the director itself needs no way
 * but the stack, whatever it is told. */
static __always_inline __u8 method_of(const struct lvs_dest* dest) {
  return dest->is_local && dest->forward != LVS_FORWARD_NAT ? LVS_FORWARD_LOCAL : dest->forward;
}

/* The entry of a connection that is bound to its real server. */
static __always_inline void describe(const int family, struct lvs_flow* flow,
                                     const struct packet* packet, const struct lvs_config* config,
                                     const struct lvs_dest* dest, int keeps_port, __u64 now) {
  flow->forward = method_of(dest);
  const int is_answered = flow->forward == LVS_FORWARD_NAT;
  /* The first packet advances the connection like any other. SYN may do so twice, INIT not. */
  const int is_tcp = packet->protocol == IPPROTO_TCP;
  const __u8 state =
      is_tcp ? lvs_tcp_step(tcp_table(config), is_answered ? LVS_TCP_IN : LVS_TCP_IN_ONLY,
                            LVS_TCP_NONE, packet->tcp_flags)
             : 0;
  flow->flags = (dest->is_local ? LVS_FLOW_TO_SELF : 0) | (packet->is_own ? LVS_FLOW_FROM_SELF : 0);
  if (is_tcp && packet->dport == bpf_htons(FTP_PORT) && is_answered && !packet->is_own) {
    flow->flags |= LVS_FLOW_FTP;
  } else if (packet->protocol == IPPROTO_SCTP) {
    flow->flags |= LVS_FLOW_SCTP;
  }
  flow->word = (__u64)new_generation() << LVS_WORD_GENERATION_SHIFT | state |
               (is_active(packet->protocol, state) ? LVS_WORD_ACTIVE : 0) |
               (is_answered ? 0 : LVS_WORD_NOOUTPUT);
  flow->expires = now + timeout_of(config, packet->protocol, state);
  flow->touch = now;
  copy_address(family, address_in(family, flow), dest->address);
  flow->port = keeps_port || !dest->port ? packet->dport : dest->port;
  flow->direction = LVS_TO_SERVER;
  flow->created = now;
  reverse_key(family, (void*)other_of(family, flow), &packet->key, dest->address, flow->port);
}

/* The entry of a new connection whose real server is chosen; another CPU's if that was quicker;
 * null when the table is full. */
static __always_inline struct lvs_flow* bind(const int family, union any_key* key,
                                             struct scratch* scratch, struct lvs_dest* dest,
                                             __u64 now) {
  struct lvs_flow* flow = &scratch->flow.flow;
  const int is_active = !!(flow->word & LVS_WORD_ACTIVE);
  bind_connection(dest, is_active);
  const long failed = insert_flow(family, key, flow, now);
  struct lvs_flow* made = find_flow(family, key);
  if (failed) {
    unbind_connection(dest, is_active);
    if (flow->template_generation) {
      release_template(family, template_key_of_flow(family, flow), flow->template_generation);
    }
    return made;
  }
  if (flow->forward == LVS_FORWARD_NAT &&
      insert_reply(family, key, flow, &scratch->reply.flow, now)) {
    if (made) {
      kill_flow(family, key, made, generation_of(flow->word), now);
    }
    return 0;
  }
  if (!(flow->flags & LVS_FLOW_FTP_DATA)) {
    count_connection(flow->dest);
  }
  return made;
}

/* Whether the connection that waits is another real server's, whose client may still come: one
 * behind the same address as this one's. */
static __always_inline int is_anothers(const int family, const struct lvs_flow* waiting,
                                       const struct lvs_flow* owner, __u64 now) {
  if (waiting->dest == owner->dest || waiting->word & LVS_WORD_DEAD || now >= waiting->expires) {
    return 0;
  }
  const struct lvs_flow* its_owner = find_flow(family, template_key_of_flow(family, waiting));
  return its_owner && !(its_owner->word & LVS_WORD_DEAD) && its_owner->word & LVS_WORD_ACTIVE;
}

/* An entry for the data connection that an FTP control connection has told of, from `client_port`
 * (0: any) to the VIP's. It waits in LISTEN for its first packet. */
static __always_inline void expect(const int family, const union any_key* control,
                                   const struct lvs_flow* owner, __be16 client_port,
                                   __be16 vip_port, __be16 server_port, __u64 now) {
  const struct lvs_config* config = config_of_core();
  struct scratch* scratch = scratch_of_cpu();
  struct lvs_dest* dest = dest_of(owner->dest);
  if (!config || !scratch || !dest) {
    return;
  }
  union any_key* key = (union any_key*)&scratch->template_key;
  copy_key(family, key, control);
  if (family == AF_INET6) {
    key->v6.sport = client_port;
    key->v6.dport = vip_port;
  } else {
    key->v4.sport = client_port;
    key->v4.dport = vip_port;
  }
  struct lvs_flow* before = find_flow(family, key);
  if (before && !client_port && is_anothers(family, before, owner, now)) {
    count_drop(LVS_FTP_PORT_TAKEN);
    return;
  }
  if (before) {
    kill_flow(family, key, before, generation_of(before->word), now);
  }
  struct lvs_flow* flow = &scratch->flow.flow;
  __builtin_memset(&scratch->flow, 0,
                   family == AF_INET6 ? sizeof(struct lvs_flow6) : sizeof(struct lvs_flow));
  flow->word = (__u64)new_generation() << LVS_WORD_GENERATION_SHIFT | LVS_TCP_LISTEN;
  flow->expires = now + timeout_of(config, IPPROTO_TCP, LVS_TCP_LISTEN);
  flow->touch = now;
  flow->port = server_port;
  flow->direction = LVS_TO_SERVER;
  flow->forward = LVS_FORWARD_NAT;
  flow->dest = owner->dest;
  flow->flags = LVS_FLOW_FTP_DATA | (owner->flags & LVS_FLOW_TO_SELF);
  flow->service = owner->service;
  flow->created = now;
  flow->mark = owner->mark;
  copy_key(family, (void*)template_key_of_flow(family, flow), control);
  copy_address(family, address_in(family, flow), address_of(family, owner));
  reverse_key(family, (void*)other_of(family, flow), key, address_of(family, owner), server_port);
  if (client_port) {
    bind(family, key, scratch, dest, now);
    return;
  }
  bind_connection(dest, 0);
  if (insert_flow(family, key, flow, now)) {
    unbind_connection(dest, 0);
  }
}

/* The data connection that was told of and waits for this packet's client, its key in the scratch;
 * null: there is none. */
static __always_inline struct lvs_flow* find_expected(const int family, const struct packet* packet,
                                                      struct scratch* scratch) {
  union any_key* key = (union any_key*)&scratch->template_key;
  copy_key(family, key, &packet->key);
  if (family == AF_INET6) {
    key->v6.sport = 0;
  } else {
    key->v4.sport = 0;
  }
  return find_flow(family, key);
}

/* The same, now that its client has a port. */
static __always_inline struct lvs_flow* connect_expected(const int family, struct packet* packet,
                                                         struct scratch* scratch, __u64 now) {
  union any_key* key = (union any_key*)&scratch->template_key;
  struct lvs_flow* waiting = find_expected(family, packet, scratch);
  struct lvs_dest* dest = waiting ? dest_of(waiting->dest) : 0;
  if (!waiting || !dest || now >= waiting->expires || !(waiting->flags & LVS_FLOW_FTP_DATA)) {
    return 0;
  }
  struct lvs_flow* flow = &scratch->flow.flow;
  if (family == AF_INET6) {
    scratch->flow = *(struct lvs_flow6*)waiting;
  } else {
    *flow = *waiting;
  }
  if (kill_flow(family, key, waiting, generation_of(flow->word), now) != CHANGE_DONE) {
    return 0;
  }
  flow->word = (__u64)new_generation() << LVS_WORD_GENERATION_SHIFT | LVS_TCP_LISTEN;
  flow->expires = now + NS_PER_S;
  flow->touch = now;
  flow->created = now;
  reverse_key(family, (void*)other_of(family, flow), &packet->key, address_of(family, flow),
              flow->port);
  return bind(family, &packet->key, scratch, dest, now);
}

/* The way of this packet alone. Its real server counts it as it counts connections, so that an
 * upper threshold is reached as on ip_vs. */
static __always_inline struct lvs_flow* use_once(const int family, struct scratch* scratch,
                                                 struct lvs_dest* dest) {
  struct lvs_flow* flow = &scratch->flow.flow;
  flow->flags |= LVS_FLOW_ONE_PACKET;
  bind_connection(dest, 0);
  unbind_connection(dest, 0);
  if (flow->template_generation) {
    release_template(family, template_key_of_flow(family, flow), flow->template_generation);
    flow->template_generation = 0;
  }
  count_connection(flow->dest);
  return flow;
}

/* The same once more, by the word that it left; null when its real server has gone meanwhile. */
static __always_inline struct lvs_flow* use_again(const int family, const struct packet* packet,
                                                  const struct lvs_config* config, __u32 word) {
  struct scratch* scratch = scratch_of_cpu();
  const __u32 id = word & ONE_PACKET_DEST;
  const struct lvs_dest* dest = is_one_packet(word) ? dest_of(id) : 0;
  if (!scratch || !dest || dest->use != LVS_DEST_AVAILABLE) {
    return 0;
  }
  struct lvs_flow* flow = &scratch->flow.flow;
  __builtin_memset(flow, 0, sizeof(*flow));
  flow->dest = id;
  describe(family, flow, packet, config, dest, !!(word & ONE_PACKET_KEEPS_PORT), 0);
  flow->flags |= LVS_FLOW_ONE_PACKET;
  return flow;
}

/* drop_packet: every n-th packet that would begin a connection is lost. */
static __always_inline int is_nth(const struct lvs_config* config) {
  struct lvs_config* counting = config->drop_rate ? config_of_core() : 0;
  if (!counting || (__s32)__sync_fetch_and_add(&counting->drop_countdown, -1) > 1) {
    return 0;
  }
  counting->drop_countdown = config->drop_rate;
  return 1;
}

/* The new connection's entry, or null with a reason (enum lvs_drop). */
static __always_inline struct lvs_flow* connect(const int family, struct __sk_buff* skb,
                                                struct packet* packet, __u32 mark,
                                                const struct lvs_config* config, __u32* reason,
                                                __u64 now) {
  struct scratch* scratch = scratch_of_cpu();
  struct lvs_flow* expected = 0;
  __u32 template_generation = 0;
  if (scratch && is_ftp_data_port(packet)) {
    expected = connect_expected(family, packet, scratch, now);
  }
  if (expected) {
    return expected;
  }
  if (!scratch || !find_service(family, packet, mark, &scratch->match)) {
    *reason = LVS_PASS_NO_SERVICE;
    return 0;
  }
  if (is_nth(config)) {
    *reason = LVS_DROP_PACKET;
    return 0;
  }
  struct match* match = &scratch->match;
  const int is_persistent = match->slice.flags & LVS_SERVICE_PERSISTENT;
  if (!is_taken_by(packet, match)) {
    *reason = LVS_PASS_NO_SERVICE;
    return 0;
  }
  if (!is_persistent && match->key.kind == LVS_BY_ADDRESS && !match->key.port) {
    *reason = LVS_DROP_ANY_PORT_NOT_PERSISTENT;
    return 0;
  }
  __u32 id;
  if (is_persistent) {
    id = dest_by_template(family, skb, packet, config, scratch, &template_generation, reason, now);
  } else {
    id = choose(family, match, packet);
    *reason = LVS_DROP_NO_DESTINATION;
  }
  struct lvs_dest* dest = dest_of(id);
  if (!dest) {
    return 0;
  }
  struct lvs_flow* flow = &scratch->flow.flow;
  __builtin_memset(&scratch->flow, 0,
                   family == AF_INET6 ? sizeof(struct lvs_flow6) : sizeof(struct lvs_flow));
  flow->dest = id;
  flow->service = match->id;
  flow->mark = mark;
  flow->template_generation = template_generation;
  if (template_generation) {
    copy_key(family, (void*)template_key_of_flow(family, flow), &scratch->template_key);
  }
  const int keeps_port = is_persistent && !is_of_service_port(packet, match);
  describe(family, flow, packet, config, dest, keeps_port, now);
  if (packet->protocol == IPPROTO_UDP && match->slice.flags & LVS_SERVICE_ONE_PACKET) {
    return use_once(family, scratch, dest);
  }
  *reason = LVS_DROP_TABLE_FULL;
  return bind(family, &packet->key, scratch, dest, now);
}
