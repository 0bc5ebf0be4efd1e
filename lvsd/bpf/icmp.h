/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors about connections: those of others are translated as ip_vs does, so that path MTU
 * discovery works through the director; those of the director itself are made here.
 *
 * An error quotes the packet it is about, and goes back to that packet's sender. One that quotes a
 * reply (VIP to client) came from the client's side: it goes on to the real server, which must see
 * its own address and port quoted. One that quotes a request (client to real server) goes on to
 * the client from the VIP, which is quoted too. The quoted packet turned round is the key of the
 * connection's entry. All else of ICMP is the stack's. All of this is rare: helpers copy the
 * headers out and in. */
#pragma once

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/xmit_direct.h"

enum icmp_type { ICMP_UNREACHABLE = 3, ICMP_QUENCH = 4, ICMP_EXCEEDED = 11 };
#define ICMP_HOST_UNREACHABLE 1
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4

/* The stack's own limit: 1,000 answers a second and 50 at once, save for "fragmentation needed". */
#define ANSWER_INTERVAL_NS 1000000ULL
#define ANSWERS_AT_ONCE 50

struct quoting {
  struct icmp_error icmp;
  struct iphdr ip;
};

struct quoted_ports {
  __be16 source;
  __be16 dest;
};

static __always_inline void replace_in_sum(__sum16* check, __u32 from, __u32 to) {
  __u32 sum = (__u16) ~*check;
  sum += (__u16) ~(from & 0xffff) + (__u16) ~(from >> 16);
  sum += (to & 0xffff) + (to >> 16);
  *check = ~fold(sum);
}

static __always_inline void replace_address(struct iphdr* ip, __be32* address, __be32 to) {
  replace_in_sum(&ip->check, *address, to);
  *address = to;
}

/* The ICMP packet in skb goes by the routing table; the neighbour layer sends it. */
VERIFIED_ALONE int send_icmp(struct __sk_buff* skb, __be32 from, __be32 to) {
  struct bpf_fib_lookup fib = {};
  fib.family = AF_INET;
  fib.l4_protocol = IPPROTO_ICMP;
  fib.ifindex = LOOPBACK_IFINDEX;
  fib.ipv4_src = from;
  fib.ipv4_dst = to;
  const long found = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return drop(found == BPF_FIB_LKUP_RET_FRAG_NEEDED ? LVS_DROP_TOO_BIG : LVS_DROP_NO_ROUTE);
  }
  skb->mark = 0;
  return bpf_redirect_neigh(fib.ifindex, 0, 0, 0);
}

static __always_inline int is_error(__u8 type) {
  return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_EXCEEDED;
}

/* An entry of a connection that has ended quotes nobody. */
static __always_inline int is_alive(const struct lvs_flow* flow, __u64 now) {
  if (flow->direction == LVS_TO_SERVER) {
    return !(flow->word & LVS_WORD_DEAD) && now < flow->expires;
  }
  struct lvs_key key = flow->other;
  const struct lvs_flow* owner = bpf_map_lookup_elem(&lvs_flows, &key);
  return owner && generation_of(owner->word) == generation_of(flow->word) &&
         !(owner->word & LVS_WORD_DEAD) && now < owner->expires;
}

/* Puts the receiver's own view of the connection into all headers. */
static __always_inline void rewrite_error(struct iphdr* ip, struct quoting* quoting,
                                          struct quoted_ports* ports, const struct lvs_flow* flow,
                                          int spend_ttl) {
  __be16* port = flow->direction == LVS_TO_SERVER ? &ports->source : &ports->dest;
  if (flow->direction == LVS_TO_SERVER) {
    replace_address(ip, &ip->daddr, flow->address);
    replace_address(&quoting->ip, &quoting->ip.saddr, flow->address);
  } else {
    replace_address(ip, &ip->saddr, flow->address);
    replace_address(&quoting->ip, &quoting->ip.daddr, flow->address);
  }
  /* The quoted IP header's checksum makes up for its address; the port is what is left. */
  replace_in_sum(&quoting->icmp.check, *port, flow->port);
  *port = flow->port;
  if (!spend_ttl) {
    return;
  }
  const __u16 old_word = *(__u16*)&ip->ttl;
  ip->ttl -= 1;
  replace_in_sum(&ip->check, old_word, *(__u16*)&ip->ttl);
}

/* The real server answers by the VIP, and so is asked about by it: it gets the error as it is. */
static __always_inline int pass_on_error(struct __sk_buff* skb, const struct lvs_flow* flow) {
  struct lvs_route route = {};
  if (flow->flags & LVS_FLOW_TO_SELF) {
    return LVS_PASS;
  }
  count_packet(flow->dest, LVS_TO_SERVER, skb->len - ETH_HLEN);
  const int way = find_way(skb, &route, 0, flow->address, 0);
  if (way == WAY_NONE) {
    return drop(LVS_DROP_NO_ROUTE);
  }
  return rewrite_direct(skb, 1, 0) ? send_by_neighbour(skb) : drop(LVS_DROP_MALFORMED);
}

/* Called for a whole (unfragmented) ICMP packet with an IP header that has been looked at.
 * `is_own`: the director's stack has made it, and is sending it. */
VERIFIED_ALONE int translate_error(struct __sk_buff* skb, int is_own) {
  struct iphdr ip;
  struct quoting quoting;
  struct quoted_ports ports;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip))) {
    return LVS_PASS;
  }
  const __u32 icmp_at = ETH_HLEN + ip.ihl * 4;
  if (bpf_skb_load_bytes(skb, icmp_at, &quoting, sizeof(quoting)) || !is_error(quoting.icmp.type) ||
      quoting.ip.version != 4 || quoting.ip.ihl < 5 ||
      quoting.ip.frag_off & bpf_htons(IP_FRAGMENT_OFFSET) || quoting.ip.saddr != ip.daddr) {
    return LVS_PASS;
  }
  const __u32 ports_at = icmp_at + sizeof(struct icmp_error) + quoting.ip.ihl * 4;
  if ((quoting.ip.protocol != IPPROTO_TCP && quoting.ip.protocol != IPPROTO_UDP) ||
      bpf_skb_load_bytes(skb, ports_at, &ports, sizeof(ports))) {
    return LVS_PASS;
  }
  struct lvs_key key = {.saddr = quoting.ip.daddr,
                        .daddr = quoting.ip.saddr,
                        .sport = ports.dest,
                        .dport = ports.source,
                        .protocol = quoting.ip.protocol};
  const struct lvs_flow* flow = bpf_map_lookup_elem(&lvs_flows, &key);
  if (!flow || !is_alive(flow, bpf_ktime_get_coarse_ns())) {
    return LVS_PASS;
  }
  if (is_own && (flow->direction == LVS_TO_SERVER || flow->forward != LVS_FORWARD_NAT)) {
    return LVS_PASS;
  }
  if (!is_own && ip.ttl <= 1) {
    return drop(LVS_DROP_TTL);
  }
  if (flow->forward != LVS_FORWARD_NAT) {
    return pass_on_error(skb, flow);
  }
  rewrite_error(&ip, &quoting, &ports, flow, !is_own);
  count_packet(flow->dest, flow->direction, skb->len - ETH_HLEN);
  if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0) ||
      bpf_skb_store_bytes(skb, icmp_at, &quoting, sizeof(quoting), 0) ||
      bpf_skb_store_bytes(skb, ports_at, &ports, sizeof(ports), 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  const int stays = is_own || (flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER);
  return stays ? LVS_PASS : send_icmp(skb, ip.saddr, ip.daddr);
}

static __always_inline int is_answer_due(void) {
  struct lvs_config* config = config_of_core();
  if (!config) {
    return 0;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  const __u64 at = config->icmp_at;
  const __u64 begin = at > now ? at : now;
  return begin < now + ANSWERS_AT_ONCE * ANSWER_INTERVAL_NS &&
         __sync_val_compare_and_swap(&config->icmp_at, at, begin + ANSWER_INTERVAL_NS) == at;
}

static __always_inline __u32 sum_of(void* data, __u32 bytes, __u32 sum) {
  return bpf_csum_diff(0, 0, data, bytes, sum);
}

#define WORK_LENGTH 160U
#define CUT_LENGTH 80

/* Nothing is left of the frame but the Ethernet header and room. Cutting at the front makes the
 * kernel forget a checksum that the device was to fill in. */
static __always_inline long clear_frame(struct __sk_buff* skb, __u32 bytes) {
  long failed = bpf_skb_change_tail(skb, WORK_LENGTH, 0);
  if (!failed) {
    failed = bpf_skb_adjust_room(skb, -CUT_LENGTH, BPF_ADJ_ROOM_MAC, 0);
  }
  return failed ? failed : bpf_skb_change_tail(skb, ETH_HLEN + bytes, 0);
}

/* The packet in skb, as it came from its sender, becomes an ICMP error to that sender, which quotes
 * its IP header and 8 bytes more. The sum of a right IP header is nothing, so the quoted one is not
 * in the ICMP checksum. */
VERIFIED_ALONE int answer_with_icmp(struct __sk_buff* skb, __be32 from, __u8 type, __u8 code,
                                    __u16 mtu) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || bpf_skb_load_bytes(skb, ETH_HLEN, scratch->answer.quoted, sizeof(struct iphdr))) {
    return TC_ACT_SHOT;
  }
  struct icmp_answer* answer = &scratch->answer;
  const struct iphdr* quoted = (const struct iphdr*)answer->quoted;
  const int is_about_size = type == ICMP_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED;
  if (is_about_size ? !(quoted->frag_off & bpf_htons(IP_DONT_FRAGMENT)) : !is_answer_due()) {
    return TC_ACT_SHOT;
  }
  __u32 header = quoted->ihl * 4;
  LVS_KEEP(header);
  header &= LVS_IP_HEADER_MAX;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, answer->quoted, header + LVS_QUOTED_L4)) {
    return TC_ACT_SHOT;
  }
  const __u32 bytes = sizeof(answer->ip) + sizeof(answer->icmp) + header + LVS_QUOTED_L4;
  answer->ip = (struct iphdr){.version = 4,
                              .ihl = sizeof(struct iphdr) / 4,
                              .tos = 0xc0,
                              .tot_len = bpf_htons(bytes),
                              .frag_off = bpf_htons(IP_DONT_FRAGMENT),
                              .ttl = 64,
                              .protocol = IPPROTO_ICMP,
                              .saddr = from,
                              .daddr = quoted->saddr};
  answer->icmp = (struct icmp_error){.type = type, .code = code, .mtu = bpf_htons(mtu)};
  answer->ip.check = ~fold(sum_of(&answer->ip, sizeof(answer->ip), 0));
  const __u32 sum = sum_of(&answer->icmp, sizeof(answer->icmp), 0);
  answer->icmp.check = ~fold(sum_of(answer->quoted + header, LVS_QUOTED_L4, sum));
  if (clear_frame(skb, bytes) ||
      bpf_skb_store_bytes(skb, ETH_HLEN, answer, bytes, BPF_F_RECOMPUTE_CSUM)) {
    return TC_ACT_SHOT;
  }
  return send_icmp(skb, from, answer->ip.daddr);
}
