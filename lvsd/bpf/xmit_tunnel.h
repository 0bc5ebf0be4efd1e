/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwarding by tunnel: the packet as it is, in a packet from the director to the real server,
 * which takes it out, owns the VIP, too, and answers the client itself. Either of them may be of
 * either family. In between stands nothing (IPIP), GRE's header, or those of UDP and GUE.
 *
 * The outer header takes over TTL, DSCP and ECN, and whether it may be fragmented. Its source is
 * what lvsd found in the routing table (lvs_dest.tunnel_source). */
#pragma once

#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/xmit_direct.h"

enum tunnel_type { TUNNEL_IPIP = 0, TUNNEL_GUE, TUNNEL_GRE };

/* Ports that the kernel takes for tunnels by itself, too. */
#define TUNNEL_PORT_FIRST 32768U
#define TUNNEL_PORTS 28232U

static __always_inline __u32 between_bytes(const struct lvs_dest* to) {
  return to->tunnel_type == TUNNEL_GUE   ? sizeof(struct gue_header)
         : to->tunnel_type == TUNNEL_GRE ? sizeof(struct gre_header)
                                         : 0;
}

/* By how much a packet grows. */
static __always_inline __u32 tunnel_bytes(const struct lvs_dest* to) {
  return (to->family == AF_INET6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)) +
         between_bytes(to);
}

/* Room for the headers behind Ethernet's. A TCP packet that is a train is cut into shorter ones for
 * it, datagrams stay as long as they are. */
static __always_inline long make_tunnel_room(struct __sk_buff* skb, const struct packet* packet,
                                             const struct lvs_dest* to) {
  __u64 flags =
      to->family == AF_INET6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
  if (to->tunnel_type == TUNNEL_GUE) {
    flags |= BPF_F_ADJ_ROOM_ENCAP_L4_UDP;
  } else if (to->tunnel_type == TUNNEL_GRE) {
    flags |= BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
  }
  if (packet->protocol == IPPROTO_UDP) {
    flags |= BPF_F_ADJ_ROOM_FIXED_GSO;
  }
  return bpf_skb_adjust_room(skb, tunnel_bytes(to), BPF_ADJ_ROOM_MAC, flags);
}

static __always_inline long put_between(const int family, struct __sk_buff* skb,
                                        const struct lvs_dest* to, union outer* outer, __u32 at,
                                        __u32 bytes) {
  if (to->tunnel_type == TUNNEL_GRE) {
    outer->gre =
        (struct gre_header){.carries = bpf_htons(family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP)};
    return bpf_skb_store_bytes(skb, at, &outer->gre, sizeof(outer->gre), BPF_F_RECOMPUTE_CSUM);
  }
  if (to->tunnel_type != TUNNEL_GUE) {
    return 0;
  }
  outer->gue = (struct gue_header){
      .udp = {.source = bpf_htons(TUNNEL_PORT_FIRST + bpf_get_hash_recalc(skb) % TUNNEL_PORTS),
              .dest = to->tunnel_port,
              .len = bpf_htons(bytes)},
      .carries = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IPIP};
  return bpf_skb_store_bytes(skb, at, &outer->gue, sizeof(outer->gue), BPF_F_RECOMPUTE_CSUM);
}

/* What is inside, as the header before it says it. */
static __always_inline __u8 carried_by(const int family, const struct lvs_dest* to) {
  if (to->tunnel_type == TUNNEL_GUE) {
    return IPPROTO_UDP;
  }
  if (to->tunnel_type == TUNNEL_GRE) {
    return IPPROTO_GRE;
  }
  return family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IPIP;
}

/* What the outer header has from the inner one. */
struct inherited {
  __u8 traffic_class;
  __u8 ttl;
  __be16 fragments;
};

static __always_inline long put_outer4(const int family, struct __sk_buff* skb,
                                       const struct lvs_dest* to, struct inherited from,
                                       struct iphdr* ip) {
  *ip = (struct iphdr){.version = 4,
                       .ihl = sizeof(*ip) / 4,
                       .tos = from.traffic_class,
                       .tot_len = bpf_htons(skb->len - ETH_HLEN),
                       .id = bpf_get_prandom_u32(),
                       .frag_off = from.fragments,
                       .ttl = from.ttl,
                       .protocol = carried_by(family, to),
                       .saddr = to->tunnel_source[0],
                       .daddr = to->address[0]};
  ip->check = ~fold(bpf_csum_diff(0, 0, (__be32*)ip, sizeof(*ip), 0));
  return bpf_skb_store_bytes(skb, ETH_HLEN, ip, sizeof(*ip), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline long put_outer6(const int family, struct __sk_buff* skb,
                                       const struct lvs_dest* to, struct inherited from,
                                       struct ipv6hdr* ip) {
  *ip = (struct ipv6hdr){.version = 6,
                         .priority = from.traffic_class >> 4,
                         .flow_lbl = {from.traffic_class << 4},
                         .payload_len = bpf_htons(skb->len - ETH_HLEN - sizeof(*ip)),
                         .nexthdr = carried_by(family, to),
                         .hop_limit = from.ttl};
  __builtin_memcpy(&ip->saddr, to->tunnel_source, sizeof(ip->saddr));
  __builtin_memcpy(&ip->daddr, to->address, sizeof(ip->daddr));
  return bpf_skb_store_bytes(skb, ETH_HLEN, ip, sizeof(*ip), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline __u8 traffic_class_of(const int family, struct __sk_buff* skb) {
  __u8 start[2] = {};
  bpf_skb_load_bytes(skb, ETH_HLEN, start, sizeof(start));
  return family == AF_INET6 ? (__u8)(start[0] << 4) | start[1] >> 4 : start[1];
}

/* False: it cannot be. `hops`: that the packet spends here, 1 or 0. `more`: that the outer one has
 * still to spend. `mac`: addresses for the frame, or null. */
static __always_inline int put_into_tunnel(const int family, struct __sk_buff* skb,
                                           const struct packet* packet, const struct lvs_dest* to,
                                           int hops, int more, const struct lvs_route* mac) {
  const int is_direct =
      family == AF_INET6 ? rewrite_direct6(skb, packet, hops, 0) : rewrite_direct4(skb, hops, 0);
  const struct inherited from = {
      .traffic_class = traffic_class_of(family, skb),
      .ttl = packet->ttl - hops + more,
      .fragments = family == AF_INET && packet->dont_fragment ? bpf_htons(IP_DONT_FRAGMENT) : 0};
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || !is_direct || make_tunnel_room(skb, packet, to)) {
    return 0;
  }
  const int is_to_ipv6 = to->family == AF_INET6;
  const __be16 protocol = bpf_htons(is_to_ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  const __u32 header = is_to_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
  if (bpf_skb_store_bytes(skb, __builtin_offsetof(struct ethhdr, h_proto), &protocol,
                          sizeof(protocol), 0) ||
      put_between(family, skb, to, &scratch->outer, ETH_HLEN + header,
                  skb->len - ETH_HLEN - header) ||
      (is_to_ipv6 ? put_outer6(family, skb, to, from, &scratch->outer.v6)
                  : put_outer4(family, skb, to, from, &scratch->outer.v4))) {
    return 0;
  }
  struct ethhdr* ethernet = data_of(skb);
  if ((void*)(ethernet + 1) > end_of(skb)) {
    return 0;
  }
  if (mac) {
    set_macs(ethernet, mac);
  }
  return 1;
}
