/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Address translation and the way out. A flow in full motion uses the next hop it remembers;
 * whenever it is touched (LVS_TOUCH_NS, or a change that lvsd saw) it asks the routing table again
 * and lets the neighbour layer send, which keeps the neighbour entry confirmed. */
#pragma once

#include "lvsd/bpf/icmp.h"

struct translation {
  __be32 address;
  __be16 port;
  __u8 direction; /* LVS_TO_SERVER: the destination changes; LVS_TO_CLIENT: the source. */
  __u8 keep_ttl;  /* It came through nft dup, which has decremented it. */
};

/* Stores to the IP header keep its own checksum right, and with it any sum over the frame; the TCP
 * or UDP checksum is the helper's work, because the device may be going to fill it in
 * (CHECKSUM_PARTIAL). */
static __always_inline int translate(struct __sk_buff* skb, const struct packet* packet,
                                     const struct translation* to, const struct lvs_route* mac) {
  void* data = (void*)(long)skb->data;
  void* end = (void*)(long)skb->data_end;
  struct ethhdr* ethernet = data;
  struct iphdr* ip = data + ETH_HLEN;
  const __u32 l4 = l4_offset(packet);
  __be16* ports = data + l4;
  if ((void*)(ip + 1) > end || (void*)ports + UDP_HEADER > end) {
    return 0;
  }
  const int is_tcp = packet->key.protocol == IPPROTO_TCP;
  const int is_unsummed = !is_tcp && ports[3] == 0;
  const __be32 old_address = to->direction == LVS_TO_SERVER ? ip->daddr : ip->saddr;
  const __be16 old_port = to->direction == LVS_TO_SERVER ? ports[1] : ports[0];

  __u32 sum = (__u16)~ip->check;
  sum += (__u16) ~(old_address & 0xffff) + (__u16) ~(old_address >> 16);
  sum += (to->address & 0xffff) + (to->address >> 16);
  if (!to->keep_ttl) {
    const __u16 old_word = *(__u16*)&ip->ttl;
    ip->ttl -= 1;
    sum += (__u16)~old_word + *(__u16*)&ip->ttl;
  }
  ip->check = ~fold(sum);
  if (to->direction == LVS_TO_SERVER) {
    ip->daddr = to->address;
    ports[1] = to->port;
  } else {
    ip->saddr = to->address;
    ports[0] = to->port;
  }
  if (mac) {
    __builtin_memcpy(ethernet->h_dest, mac->dmac, ETH_ALEN);
    __builtin_memcpy(ethernet->h_source, mac->smac, ETH_ALEN);
  }
  if (is_unsummed) {
    return 1;
  }
  const __u32 check = l4 + (is_tcp ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET);
  const __u64 flags = is_tcp ? 0 : BPF_F_MARK_MANGLED_0;
  if (old_port != to->port && bpf_l4_csum_replace(skb, check, old_port, to->port, flags | 2)) {
    return 0;
  }
  return !bpf_l4_csum_replace(skb, check, old_address, to->address, flags | BPF_F_PSEUDO_HDR | 4);
}

/* The sender knows the VIP only, so that is who answers. */
static __always_inline __be32 vip_of(const struct packet* packet, const struct translation* to) {
  return to->direction == LVS_TO_SERVER ? packet->key.daddr : to->address;
}

static __always_inline int refuse_too_big(struct __sk_buff* skb, const struct packet* packet,
                                          const struct translation* to, __u16 mtu) {
  count_drop(LVS_DROP_TOO_BIG);
  return answer_with_icmp(skb, vip_of(packet, to), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
                          mtu);
}

/* Verdicts that are none of TC's: the caller answers the sender. Linux 6.1 would refuse the
 * programs for their stack if the answer were made further down. */
#define TOO_BIG (-2)
#define NO_ROUTE (-3)

/* Asks the routing table, remembers the answer in the flow, and sends through the neighbour layer;
 * TOO_BIG when the packet does not fit into route->mtu. */
static __noinline int transmit_by_lookup(struct __sk_buff* skb, const struct packet* packet,
                                         const struct translation* to, struct lvs_route* route) {
  const struct lvs_config* config = config_of_core();
  if (!packet || !to || !route || !config) {
    return TC_ACT_SHOT;
  }
  struct bpf_fib_lookup fib = {};
  fib.family = AF_INET;
  fib.l4_protocol = packet->key.protocol;
  fib.ifindex = skb->ifindex;
  fib.tot_len = longest_segment(skb, packet);
  fib.ipv4_src = to->direction == LVS_TO_SERVER ? packet->key.saddr : to->address;
  fib.ipv4_dst = to->direction == LVS_TO_SERVER ? to->address : packet->key.daddr;
  const long found = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
  if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
    route->mtu = fib.mtu_result;
    return TOO_BIG;
  }
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return NO_ROUTE;
  }
  route->ifindex = 0;
  if (found == BPF_FIB_LKUP_RET_SUCCESS) {
    __builtin_memcpy(route->dmac, fib.dmac, ETH_ALEN);
    __builtin_memcpy(route->smac, fib.smac, ETH_ALEN);
    route->mtu = fib.mtu_result;
    route->epoch = config->epoch;
    route->ifindex = fib.ifindex;
  }
  struct bpf_redir_neigh next_hop = {.nh_family = fib.family};
  __builtin_memcpy(next_hop.ipv6_nh, fib.ipv6_dst, sizeof(next_hop.ipv6_nh));
  if (!translate(skb, packet, to, 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  skb->mark = 0;
  if (to->keep_ttl) {
    /* This packet has a route already, to ipvs0; were it to wait for a neighbour, it would be sent
     * by that. Without a next hop from us the helper looks up a new one. */
    return bpf_redirect_neigh(fib.ifindex, 0, 0, 0);
  }
  return bpf_redirect_neigh(fib.ifindex, &next_hop, sizeof(next_hop), 0);
}

static __always_inline int transmit(struct __sk_buff* skb, const struct packet* packet,
                                    const struct translation* to, struct lvs_route* route,
                                    int may_use_route) {
  if (packet->ttl <= !to->keep_ttl) {
    count_drop(LVS_DROP_TTL);
    return answer_with_icmp(skb, vip_of(packet, to), ICMP_EXCEEDED, 0, 0);
  }
  const __u32 ifindex = route->ifindex;
  if (!may_use_route || !ifindex) {
    const int verdict = transmit_by_lookup(skb, packet, to, route);
    if (verdict == NO_ROUTE) {
      count_drop(LVS_DROP_NO_ROUTE);
      return answer_with_icmp(skb, vip_of(packet, to), ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
    }
    return verdict == TOO_BIG ? refuse_too_big(skb, packet, to, route->mtu) : verdict;
  }
  if (longest_segment(skb, packet) > route->mtu) {
    return refuse_too_big(skb, packet, to, route->mtu);
  }
  if (!translate(skb, packet, to, route)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return bpf_redirect(ifindex, 0);
}
