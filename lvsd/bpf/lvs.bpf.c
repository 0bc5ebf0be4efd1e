// SPDX-License-Identifier: GPL-2.0-or-later
/* The life of a packet in the embedded core, top to bottom.
 *
 * nic_ingress sees every frame of a device first. A packet of a known flow, from the client or from
 * the real server, is translated and sent on from here and never meets the stack; so is an ICMP
 * error about one. Any other goes
 * the ordinary way: raw, mangle (where iptables marks it), the INPUT filter. Behind them the nft
 * chain of `table ip lvs` (IPv6: `ip6 lvs`) copies a packet of a service to device ipvs0, where
 * ipvs0_egress does what ip_vs does at LOCAL_IN: connection, service, template, scheduler. Each
 * program takes both families; what they do is written once, and compiled for each.
 *
 * With `first_packet = express` the stack is left out: nic_express does at the device what
 * ipvs0_egress does.
 *
 * Each of them is told of by trace.h, when somebody traces.
 *
 * sweep is run by lvsd, and takes out what has expired. */
#include "lvsd/bpf/connect.h"
#include "lvsd/bpf/deny.h"
#include "lvsd/bpf/ftp.h"
#include "lvsd/bpf/icmp6.h"
#include "lvsd/bpf/icmp_tunnel.h"
#include "lvsd/bpf/isakmp.h"
#include "lvsd/bpf/sweep.h"
#include "lvsd/bpf/trace.h"
#include "lvsd/bpf/transmit.h"

/* A client's port that begins anew on a connection that is over, or whose real server gets no new
 * connections any more: as ip_vs has it (conn_reuse_mode, expire_nodest_conn). Except that a
 * SYN+ACK begins nothing, and that a data connection of FTP goes where its control connection goes:
 * ip_vs ends active FTP to a server of weight 0 by the one, and passive by the other. */
static __always_inline int begins_anew(const struct packet* packet, const struct lvs_flow* flow,
                                       __u64 word, const struct lvs_config* config) {
  if (!(packet->tcp_flags & LVS_TCP_FLAG_SYN) ||
      (packet->protocol == IPPROTO_TCP && packet->tcp_flags & LVS_TCP_FLAG_ACK)) {
    return 0;
  }
  const struct lvs_dest* dest = dest_of(flow->dest);
  if (dest && !dest->weight && setting(config, LVS_EXPIRE_NODEST_CONN) &&
      !(flow->flags & LVS_FLOW_FTP_DATA)) {
    return 1;
  }
  const __u32 mode = setting(config, LVS_CONN_REUSE_MODE);
  const __u8 state = word & LVS_WORD_STATE;
  const int is_over_tcp = state == LVS_TCP_TIME_WAIT || state == LVS_TCP_CLOSE ||
                          ((mode & 2) && state == LVS_TCP_FIN_WAIT && (word & LVS_WORD_NOOUTPUT));
  const int is_over = packet->protocol == IPPROTO_SCTP ? state == LVS_SCTP_CLOSED : is_over_tcp;
  return mode && is_over && !flow->template_generation;
}

/* What the functions of a family answer for ICMP, which has functions of its own: the stack has no
 * room for one within the other. For the same reason a program has none of both families inside. */
#define LEFT_TO_ICMP 0x100
#define LEFT_TO_EXPRESS 0x101
#define LEFT_TO_HELP 0x102
#define LEFT_TO_ISAKMP 0x103

/* A packet of an FTP control connection that ftp.h has not looked at yet. Such a connection is
 * always due, so that no other pays for the question. */
static __always_inline int needs_help(const struct lvs_flow* flow) {
  const struct scratch* scratch = scratch_of_cpu();
  return flow->flags & LVS_FLOW_FTP && scratch && !scratch->is_helped;
}

static __always_inline __u64 next_touch(const struct lvs_flow* flow, __u64 now) {
  return flow->flags & (LVS_FLOW_FTP | LVS_FLOW_SCTP) ? 0 : now + LVS_TOUCH_NS;
}

/* Around what looks at a packet for the second time. */
static __always_inline void note_help(__u32 is_helped) {
  struct scratch* scratch = scratch_of_cpu();
  if (scratch) {
    scratch->is_helped = is_helped;
  }
}

static __always_inline enum lvs_tcp_sender sender_of(__u64 word) {
  return word & LVS_WORD_NOOUTPUT ? LVS_TCP_IN_ONLY : LVS_TCP_IN;
}

/* Client to server. */
static __always_inline int forward(const int family, struct __sk_buff* skb,
                                   const struct packet* packet, struct lvs_flow* flow, __u64 word,
                                   const struct lvs_config* config, enum hook hook, __u64 now) {
  const __u32 generation = generation_of(word);
  const __u8 state = word & LVS_WORD_STATE;
  const int is_due = now >= flow->touch || flow->route.epoch != config->epoch;
  if (is_due && !(packet->tcp_flags & LVS_TCP_FLAG_SYN) && needs_help(flow)) {
    return LEFT_TO_HELP;
  }
  if (is_due || (packet->protocol == IPPROTO_TCP &&
                 lvs_tcp_may_change(sender_of(word), state, packet->tcp_flags))) {
    const struct segment segment = {.generation = generation,
                                    .protocol = packet->protocol,
                                    .sender = sender_of(word),
                                    .tcp_flags = packet->tcp_flags};
    advance_flow(family, flow, &segment, now);
  }
  if (generation_of(*(volatile __u64*)&flow->word) != generation) {
    return drop(LVS_DROP_RACE);
  }
  if (is_due) {
    flow->touch = next_touch(flow, now);
  }
  count_packet(flow->dest, LVS_TO_SERVER, counted_bytes(family, packet));
  return transmit(family, skb, packet, flow, hook, !is_due && hook == AT_NIC);
}

#define RARE_FLAGS (LVS_TCP_FLAG_SYN | LVS_TCP_FLAG_FIN | LVS_TCP_FLAG_RST)

enum owner {
  OWNER_GONE = 0, /* The connection behind this reply, or the reply is not its. */
  OWNER_ADVANCED,
  OWNER_HALF_OPEN, /* secure_tcp: the server's next segment may be the one that establishes it. */
};

/* A real server that answers SYN with SYN+ACK on a connection that has ended talks to a client that
 * reached it directly from the same port. */
static __always_inline enum owner advance_owner(const int family, const struct lvs_flow* reply,
                                                __u8 protocol, __u8 tcp_flags, __u64 now) {
  union any_key key;
  copy_key(family, &key, other_of(family, reply));
  struct lvs_flow* flow = find_flow(family, &key);
  if (!flow) {
    return OWNER_GONE;
  }
  const __u64 word = flow->word;
  const __u32 generation = generation_of(reply->word);
  if ((word & LVS_WORD_DEAD) || generation_of(word) != generation) {
    return OWNER_GONE;
  }
  const __u8 state = word & LVS_WORD_STATE;
  const int is_new_at_server = protocol == IPPROTO_TCP && (tcp_flags & LVS_TCP_FLAG_SYN) &&
                               !lvs_tcp_is_active(state) && state != LVS_TCP_LISTEN;
  if (now >= flow->expires || is_new_at_server) {
    kill_flow(family, &key, flow, generation, now);
    if (is_new_at_server) {
      count_drop(LVS_PASS_REUSED_BY_SERVER);
    }
    return OWNER_GONE;
  }
  const struct segment segment = {.generation = generation,
                                  .protocol = protocol,
                                  .sender = LVS_TCP_OUT,
                                  .tcp_flags = tcp_flags};
  advance_flow(family, flow, &segment, now);
  return protocol == IPPROTO_TCP && lvs_tcp_is_half_open(flow->word & LVS_WORD_STATE)
             ? OWNER_HALF_OPEN
             : OWNER_ADVANCED;
}

VERIFIED_ALONE enum owner advance_by_reply4(struct lvs_flow* reply, __u8 protocol, __u8 tcp_flags,
                                            __u64 now) {
  return reply ? advance_owner(AF_INET, reply, protocol, tcp_flags, now) : OWNER_GONE;
}

VERIFIED_ALONE enum owner advance_by_reply6(struct lvs_flow6* reply, __u8 protocol, __u8 tcp_flags,
                                            __u64 now) {
  return reply ? advance_owner(AF_INET6, &reply->flow, protocol, tcp_flags, now) : OWNER_GONE;
}

static __always_inline enum owner advance_by_reply(const int family, struct lvs_flow* reply,
                                                   const struct packet* packet, __u64 now) {
  return family == AF_INET6
             ? advance_by_reply6((struct lvs_flow6*)reply, packet->protocol, packet->tcp_flags, now)
             : advance_by_reply4(reply, packet->protocol, packet->tcp_flags, now);
}

/* Server to client. */
static __always_inline int reply(const int family, struct __sk_buff* skb,
                                 const struct packet* packet, struct lvs_flow* flow,
                                 const struct lvs_config* config, enum hook hook, __u64 now) {
  const int is_due = now >= flow->touch || flow->route.epoch != config->epoch;
  if (hook == AT_NIC && is_tracked(flow, config)) {
    return LVS_PASS;
  }
  if (is_due || (packet->tcp_flags & RARE_FLAGS)) {
    if (needs_help(flow)) {
      return LEFT_TO_HELP;
    }
    const enum owner owner = advance_by_reply(family, flow, packet, now);
    if (owner == OWNER_GONE) {
      return LVS_PASS;
    }
    const int is_awaited = owner == OWNER_HALF_OPEN && tcp_table(config) == LVS_TCP_SECURE;
    flow->touch = is_awaited ? 0 : next_touch(flow, now);
  }
  count_packet(flow->dest, LVS_TO_CLIENT, counted_bytes(family, packet));
  return transmit(family, skb, packet, flow, hook, !is_due && hook == AT_NIC);
}

static __always_inline int may_schedule(const struct packet* packet,
                                        const struct lvs_config* config) {
  const enum lvs_setting sloppy =
      packet->protocol == IPPROTO_SCTP ? LVS_SLOPPY_SCTP : LVS_SLOPPY_TCP;
  return packet->protocol == IPPROTO_UDP ||
         (!(packet->tcp_flags & LVS_TCP_FLAG_RST) &&
          ((packet->tcp_flags & LVS_TCP_FLAG_SYN) || setting(config, sloppy)));
}

/* Whether a packet of no connection may begin one here: `first_packet = express`. What the director
 * sends to itself always goes by the stack; so does what comes from FTP's data port, which the nft
 * chain lets pass: it is never scheduled. */
static __always_inline int is_for_express(const struct __sk_buff* skb, const struct packet* packet,
                                          const struct lvs_config* config) {
  return setting(config, LVS_EXPRESS) && config->armed && skb->ifindex != LOOPBACK_IFINDEX &&
         packet->sport != bpf_htons(FTP_DATA_PORT) && may_schedule(packet, config);
}

/* A data connection of FTP that was told of begins: the nft chain, which knows the addresses of
 * services but not those that a mark stands for, hears it by the packet's priority. */
static __always_inline void note_expected(const int family, struct __sk_buff* skb,
                                          const struct packet* packet) {
  if (!(packet->tcp_flags & LVS_TCP_FLAG_SYN) || !is_ftp_data_port(packet)) {
    return;
  }
  struct scratch* scratch = scratch_of_cpu();
  if (scratch && find_expected(family, packet, scratch)) {
    skb->priority = LVS_PRIORITY_EXPECTED;
  }
}

static __always_inline int arrive(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const enum parsed parsed = parse(family, skb, &packet, WHOLE_PACKETS);
  if (parsed == PARSED_FRAGMENT) {
    count_drop(LVS_PASS_FRAGMENT);
  }
  if (parsed == PARSED_ICMP) {
    return LEFT_TO_ICMP;
  }
  if (parsed != PARSED_OURS) {
    return parsed == PARSED_IPSEC ? LEFT_TO_ISAKMP : LVS_PASS;
  }
  struct lvs_flow* flow = find_flow(family, &packet.key);
  const struct lvs_config* config = quick_config();
  if (!config) {
    return LVS_PASS;
  }
  if (is_kept_out(family, skb, &packet, flow, config, AT_NIC)) {
    return drop_denied(family, source_of(family, &packet.key));
  }
  if (!flow && is_for_express(skb, &packet, config)) {
    return LEFT_TO_EXPRESS;
  }
  if (!flow) {
    note_expected(family, skb, &packet);
    return LVS_PASS;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  if (flow->direction == LVS_TO_CLIENT) {
    return reply(family, skb, &packet, flow, config, AT_NIC, now);
  }
  const __u64 word = flow->word;
  if ((word & LVS_WORD_DEAD) || begins_anew(&packet, flow, word, config) ||
      is_of_other_director(flow, config)) {
    return LVS_PASS;
  }
  const int is_lost = has_lost_its_server(flow);
  if (is_lost && !setting(config, LVS_EXPIRE_NODEST_CONN)) {
    return drop(LVS_DROP_DESTINATION_REMOVED);
  }
  if (is_lost || now >= flow->expires) {
    kill_flow(family, &packet.key, flow, generation_of(word), now);
    return LVS_PASS;
  }
  return forward(family, skb, &packet, flow, word, config, AT_NIC, now);
}

VERIFIED_ALONE int arrive4(struct __sk_buff* skb) {
  return arrive(AF_INET, skb);
}

VERIFIED_ALONE int arrive6(struct __sk_buff* skb) {
  return arrive(AF_INET6, skb);
}

/* A new connection begins at the device, without the stack and its INPUT rules; to an address that
 * the director holds, as INPUT would have it: one that lost the address serves nobody. Whatever
 * does not come to one here (no service, a full table, fragments) the stack hands on as ever. */
static __always_inline int begin_here(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const struct lvs_config* config = config_of_core();
  if (!config || parse(family, skb, &packet, WHOLE_PACKETS) != PARSED_OURS) {
    return LVS_PASS;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  __u32 reason = 0;
  packet.is_own = 0;
  if (!is_own_address(family, skb, target_of(family, &packet.key))) {
    return LVS_PASS;
  }
  struct lvs_flow* flow = connect(family, skb, &packet, 0, config, &reason, now);
  if (reason == LVS_DROP_PACKET) {
    return drop(reason);
  }
  return flow ? forward(family, skb, &packet, flow, flow->word, config, AT_NIC, now) : LVS_PASS;
}

VERIFIED_ALONE int begin_here4(struct __sk_buff* skb) {
  return begin_here(AF_INET, skb);
}

VERIFIED_ALONE int begin_here6(struct __sk_buff* skb) {
  return begin_here(AF_INET6, skb);
}

SEC("tc")
int nic_express(struct __sk_buff* skb) {
  const int verdict = is_ipv6(skb) ? begin_here6(skb) : begin_here4(skb);
  return trace_after(skb, verdict == LEFT_TO_HELP ? LVS_PASS : verdict);
}

/* A program of its own, for the verifier's sake and the stack's. It is gone with lvsd; then new
 * connections go by the stack. */
struct {
  __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __array(values, int(struct __sk_buff*));
} lvs_express SEC(".maps") = {.values = {(void*)&nic_express}};

static __always_inline int translate_error4(struct __sk_buff* skb) {
  const int verdict = translate_error(skb, 0);
  return verdict == LVS_PASS ? translate_tunnel_error(skb) : verdict;
}

static __always_inline int at_ingress(struct __sk_buff* skb) {
  if (is_given_back(skb) || skb->pkt_type != PACKET_HOST) {
    return LVS_PASS;
  }
  const int is_of_ipv6 = is_ipv6(skb);
  if (!is_of_ipv6 && !is_ip(skb)) {
    return LVS_PASS;
  }
  int verdict = is_of_ipv6 ? arrive6(skb) : arrive4(skb);
  if (verdict < LEFT_TO_ICMP) {
    return verdict;
  }
  if (verdict == LEFT_TO_HELP) {
    if (!(is_of_ipv6 ? help6(skb) : help4(skb))) {
      return drop(LVS_DROP_MALFORMED);
    }
    note_help(1);
    verdict = is_of_ipv6 ? arrive6(skb) : arrive4(skb);
    note_help(0);
  }
  if (verdict == LEFT_TO_ICMP) {
    return is_of_ipv6 ? translate_error6(skb, 0) : translate_error4(skb);
  }
  if (verdict == LEFT_TO_ISAKMP) {
    return is_of_ipv6 ? follow_isakmp6(skb) : follow_isakmp4(skb);
  }
  if (verdict == LEFT_TO_EXPRESS) {
    bpf_tail_call(skb, &lvs_express, 0);
    return LVS_PASS;
  }
  return verdict;
}

SEC("tc")
int nic_ingress(struct __sk_buff* skb) {
  trace_before(skb, LVS_TRACE_NIC_INGRESS);
  return trace_after(skb, at_ingress(skb));
}

/* nft dup forbids its copy to be fragmented; the chain told what the sender had said. */
static __always_inline void restore_fragmentation(struct __sk_buff* skb) {
  const int may_fragment = skb->priority == LVS_PRIORITY_MAY_FRAGMENT ||
                           skb->priority == LVS_PRIORITY_FORWARDED_MAY_FRAGMENT;
  const __u32 at = ETH_HLEN + __builtin_offsetof(struct iphdr, frag_off);
  const __be16 forbidden = bpf_htons(IP_DONT_FRAGMENT);
  const __be16 allowed = 0;
  __be16 now = 0;
  if (may_fragment && !bpf_skb_load_bytes(skb, at, &now, sizeof(now)) && now == forbidden &&
      !bpf_l3_csum_replace(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, check), forbidden,
                           allowed, sizeof(allowed))) {
    bpf_skb_store_bytes(skb, at, &allowed, sizeof(allowed), 0);
  }
}

static __always_inline int pass(const int family, struct __sk_buff* skb,
                                const struct packet* packet, __u32 reason) {
  count_drop(reason);
  return to_local_stack(family, skb, packet, AT_IPVS0);
}

/* The first fragment of this datagram was here a moment ago: whatever became of it becomes of the
 * others. */
static __always_inline int follow_first(const int family, struct __sk_buff* skb,
                                        const struct packet* packet, struct lvs_flow* flow,
                                        const struct lvs_config* config) {
  if (!flow) {
    flow = use_again(family, packet, config, remembered_one_packet());
  }
  if (!flow) {
    return to_local_stack(family, skb, packet, AT_IPVS0);
  }
  if (flow->word & LVS_WORD_DEAD) {
    return drop(LVS_DROP_FRAGMENT);
  }
  count_later_fragment(flow->dest, flow->direction, packet->bytes - packet->ip_words * 4);
  return transmit(family, skb, packet, flow, AT_IPVS0, 0);
}

/* Not ours, and here once more because a rule took our mark off it: FORWARD has let it pass twice,
 * so it goes on from here. */
static __always_inline int send_on(const int family, struct __sk_buff* skb,
                                   const struct packet* packet) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || find_way(family, skb, &scratch->route, 0, target_of(family, &packet->key),
                           longest_segment(skb, packet)) != WAY_KNOWN) {
    return drop(LVS_DROP_IN_CIRCLES);
  }
  struct ethhdr* ethernet = data_of(skb);
  if ((void*)(ethernet + 1) > end_of(skb)) {
    return drop(LVS_DROP_MALFORMED);
  }
  set_macs(ethernet, &scratch->route);
  skb->mark = 0;
  return bpf_redirect(scratch->route.ifindex, 0);
}

/* Caught behind FORWARD, or behind INPUT on its way to the director itself: a reply that no program
 * has seen at its device, or what its sender sends on its own account. */
static __always_inline int send_back(const int family, struct __sk_buff* skb,
                                     const struct packet* packet, struct lvs_flow* flow,
                                     const struct lvs_config* config, const int is_forwarded,
                                     __u64 now) {
  skb->priority = 0;
  if (flow && flow->direction == LVS_TO_CLIENT) {
    const int verdict = packet->fragment == LATER_FRAGMENT
                            ? follow_first(family, skb, packet, flow, config)
                            : reply(family, skb, packet, flow, config, AT_IPVS0, now);
    if (verdict != LVS_PASS) {
      return verdict;
    }
  }
  if (!is_forwarded) {
    return pass(family, skb, packet, LVS_PASS_NO_REPLY);
  }
  count_drop(LVS_PASS_NO_REPLY);
  return rounds_of(family, skb, packet) ? send_on(family, skb, packet)
                                        : to_device(family, skb, packet, LVS_MARK_FORWARDED);
}

/* What became of a packet that has no connection, and gets none. */
static __always_inline int refuse(const int family, struct __sk_buff* skb,
                                  const struct packet* packet, __u32 reason) {
  if (reason == LVS_PASS_NO_SERVICE || reason == LVS_PASS_NOT_NEW || reason == LVS_PASS_NOT_ARMED) {
    return pass(family, skb, packet, reason);
  }
  count_drop(reason);
  return reason == LVS_DROP_NO_DESTINATION
             ? answer(family, skb, target_of(family, &packet->key), ANSWER_NO_PORT, 0)
             : TC_ACT_SHOT;
}

enum known {
  KNOWN,
  KNOWN_NO_MORE,
  KNOWN_DYING, /* Another CPU is about to take it out. */
  KNOWN_LOST,  /* Its real server is gone, and it waits for its return. */
};

/* What the flow of a request has come to. */
static __always_inline enum known still_known(const int family, const struct packet* packet,
                                              struct lvs_flow* flow, __u64 word,
                                              const struct lvs_config* config, __u64 now) {
  if (word & LVS_WORD_DEAD) {
    return KNOWN_DYING;
  }
  const int is_lost = has_lost_its_server(flow);
  const int is_over = now >= flow->expires || begins_anew(packet, flow, word, config);
  if (is_lost && !is_over && !setting(config, LVS_EXPIRE_NODEST_CONN)) {
    return KNOWN_LOST;
  }
  if (!is_lost && !is_over) {
    return KNOWN;
  }
  kill_flow(family, (void*)&packet->key, flow, generation_of(word), now);
  return KNOWN_NO_MORE;
}

/* The connection that this packet begins; null with a reason (enum lvs_drop). */
static __always_inline struct lvs_flow* begin(const int family, struct __sk_buff* skb,
                                              struct packet* packet,
                                              const struct lvs_config* config, __u32* reason,
                                              __u64 now) {
  if (!may_schedule(packet, config)) {
    *reason = LVS_PASS_NOT_NEW;
    return 0;
  }
  if (!config->armed) {
    *reason = LVS_PASS_NOT_ARMED;
    return 0;
  }
  *reason = LVS_DROP_NO_DESTINATION;
  packet->is_own = skb->ingress_ifindex == LOOPBACK_IFINDEX;
  struct lvs_flow* flow = connect(family, skb, packet, skb->mark, config, reason, now);
  remember_one_packet(packet, flow ? one_packet_word(packet, flow) : 0);
  return flow;
}

static __always_inline int balance(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const struct lvs_config* config = config_of_core();
  const int is_forwarded = skb->priority == LVS_PRIORITY_FORWARDED ||
                           skb->priority == LVS_PRIORITY_FORWARDED_MAY_FRAGMENT;
  if (family == AF_INET) {
    restore_fragmentation(skb);
  }
  const enum parsed parsed = parse(family, skb, &packet, FRAGMENTS_TOO);
  if (family == AF_INET6 && parsed == PARSED_ICMP) {
    return TC_ACT_SHOT; /* What a device says for itself: nft copies no ICMP. */
  }
  if (!config || parsed != PARSED_OURS) {
    return drop(parsed == PARSED_FRAGMENT ? LVS_DROP_FRAGMENT : LVS_DROP_MALFORMED);
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  struct lvs_flow* flow = find_flow(family, &packet.key);
  if (is_forwarded || (flow && flow->direction == LVS_TO_CLIENT)) {
    return send_back(family, skb, &packet, flow, config, is_forwarded, now);
  }
  if (is_kept_out(family, skb, &packet, flow, config, AT_IPVS0)) {
    return drop_denied(family, source_of(family, &packet.key));
  }
  if (packet.fragment == LATER_FRAGMENT) {
    return follow_first(family, skb, &packet, flow, config);
  }
  enum known known = KNOWN_NO_MORE;
  __u64 word = 0;
  if (flow && flow->direction == LVS_TO_SERVER) {
    word = flow->word;
    known = still_known(family, &packet, flow, word, config, now);
  }
  if (known == KNOWN_DYING || known == KNOWN_LOST) {
    return drop(known == KNOWN_LOST ? LVS_DROP_DESTINATION_REMOVED : LVS_DROP_RACE);
  }
  if (known == KNOWN_NO_MORE) {
    __u32 reason;
    flow = begin(family, skb, &packet, config, &reason, now);
    if (!flow) {
      return refuse(family, skb, &packet, reason);
    }
    word = flow->word;
  }
  return forward(family, skb, &packet, flow, word, config, AT_IPVS0, now);
}

VERIFIED_ALONE int balance4(struct __sk_buff* skb) {
  return balance(AF_INET, skb);
}

VERIFIED_ALONE int balance6(struct __sk_buff* skb) {
  return balance(AF_INET6, skb);
}

static __always_inline int note_probe(int is_ipv6) {
  struct lvs_config* config = config_of_core();
  if (config) {
    __sync_fetch_and_add(&config->probes[is_ipv6], 1);
  }
  return TC_ACT_SHOT;
}

static __always_inline int at_ipvs0(struct __sk_buff* skb) {
  if (skb->priority == LVS_PRIORITY_PROBE) {
    return note_probe(is_ipv6(skb));
  }
  const int is_of_ipv6 = is_ipv6(skb);
  const __u32 priority = skb->priority;
  int verdict = is_of_ipv6 ? balance6(skb) : balance4(skb);
  if (verdict != LEFT_TO_HELP) {
    return verdict;
  }
  if (!(is_of_ipv6 ? help6(skb) : help4(skb))) {
    return drop(LVS_DROP_MALFORMED);
  }
  skb->priority = priority;
  note_help(1);
  verdict = is_of_ipv6 ? balance6(skb) : balance4(skb);
  note_help(0);
  return verdict;
}

SEC("tc")
int ipvs0_egress(struct __sk_buff* skb) {
  trace_before(skb, LVS_TRACE_IPVS0_EGRESS);
  return trace_after(skb, at_ipvs0(skb));
}

static __always_inline int send_again(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const struct lvs_config* config = config_of_core();
  if (!config || parse(family, skb, &packet, FRAGMENTS_TOO) != PARSED_OURS) {
    return drop(LVS_DROP_MALFORMED);
  }
  const __u32 word = skb->mark;
  struct lvs_flow* flow = is_one_packet(word) ? use_again(family, &packet, config, word)
                                              : find_flow(family, &packet.key);
  if (!flow) {
    return drop(LVS_DROP_RACE);
  }
  return transmit(family, skb, &packet, flow, AT_IPVS1, 0);
}

VERIFIED_ALONE int send_again4(struct __sk_buff* skb) {
  return send_again(AF_INET, skb);
}

VERIFIED_ALONE int send_again6(struct __sk_buff* skb) {
  return send_again(AF_INET6, skb);
}

/* What ipvs0 could not send by itself: the flow is there, its way is asked for once more. */
static __always_inline int at_ipvs1(struct __sk_buff* skb) {
  return is_ipv6(skb) ? send_again6(skb) : send_again4(skb);
}

SEC("tc")
int ipvs1_ingress(struct __sk_buff* skb) {
  trace_before(skb, LVS_TRACE_IPVS1_INGRESS);
  return trace_after(skb, at_ipvs1(skb));
}

/* A reply of the director's own stack to a connection that is delivered to it as it came. */
static __always_inline void note_own_reply(const int family, const struct packet* packet,
                                           __u64 now) {
  union any_key key;
  reverse_key(family, &key, &packet->key, target_of(family, &packet->key), packet->dport);
  struct lvs_flow* flow = find_flow(family, &key);
  if (!flow || flow->forward != LVS_FORWARD_LOCAL || now >= flow->expires) {
    return;
  }
  const struct segment segment = {.generation = generation_of(flow->word),
                                  .protocol = packet->protocol,
                                  .sender = LVS_TCP_OUT,
                                  .tcp_flags = packet->tcp_flags};
  if (advance_flow(family, flow, &segment, now)) {
    count_packet(flow->dest, LVS_TO_CLIENT, packet->bytes);
  }
}

/* What the director's own stack sends: a real server may be the director itself, and an ICMP error
 * may be about a packet that was translated. What only passes through the director came in by some
 * device. */
static __always_inline int leave(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const enum parsed parsed = parse(family, skb, &packet, FRAGMENTS_TOO);
  if (parsed == PARSED_ICMP) {
    return LEFT_TO_ICMP;
  }
  if (parsed != PARSED_OURS) {
    return LVS_PASS;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  struct lvs_flow* flow = find_flow(family, &packet.key);
  const int is_later = packet.fragment == LATER_FRAGMENT;
  if (!flow) {
    if (!is_later) {
      note_own_reply(family, &packet, now);
    }
    return LVS_PASS;
  }
  if (flow->direction != LVS_TO_CLIENT || !(flow->flags & LVS_FLOW_TO_SELF)) {
    return LVS_PASS;
  }
  if (!is_later && needs_help(flow)) {
    return LEFT_TO_HELP;
  }
  if (!is_later && advance_by_reply(family, flow, &packet, now) == OWNER_GONE) {
    return LVS_PASS;
  }
  if (is_later) {
    count_later_fragment(flow->dest, LVS_TO_CLIENT, packet.bytes - packet.ip_words * 4);
  } else {
    count_packet(flow->dest, LVS_TO_CLIENT, counted_bytes(family, &packet));
  }
  return rewrite_nat(family, skb, &packet, flow, 0, 0) ? LVS_PASS : drop(LVS_DROP_MALFORMED);
}

VERIFIED_ALONE int leave4(struct __sk_buff* skb) {
  return leave(AF_INET, skb);
}

VERIFIED_ALONE int leave6(struct __sk_buff* skb) {
  return leave(AF_INET6, skb);
}

static __always_inline int at_egress(struct __sk_buff* skb) {
  const int is_of_ipv6 = is_ipv6(skb);
  if (skb->ingress_ifindex || (!is_of_ipv6 && !is_ip(skb))) {
    return LVS_PASS;
  }
  int verdict = is_of_ipv6 ? leave6(skb) : leave4(skb);
  if (verdict == LEFT_TO_HELP) {
    if (!(is_of_ipv6 ? help6(skb) : help4(skb))) {
      return drop(LVS_DROP_MALFORMED);
    }
    note_help(1);
    verdict = is_of_ipv6 ? leave6(skb) : leave4(skb);
    note_help(0);
  }
  if (verdict == LEFT_TO_ICMP) {
    return is_of_ipv6 ? translate_error6(skb, 1) : translate_error(skb, 1);
  }
  return verdict;
}

SEC("tc")
int nic_egress(struct __sk_buff* skb) {
  trace_before(skb, LVS_TRACE_NIC_EGRESS);
  return trace_after(skb, at_egress(skb));
}

SEC("syscall")
int sweep(struct lvs_sweep* ask) {
  return sweep_these(ask);
}

char _license[] SEC("license") = "GPL";
