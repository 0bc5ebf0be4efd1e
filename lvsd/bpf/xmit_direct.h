/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwarding by direct routing: the packet as it is, to the real server as next hop. The server
 * owns the VIP, too, and answers the client itself. */
#pragma once

#include "lvsd/bpf/packet.h"

/* The sums over a frame that carries IPv6 follow a change of its header: there is no checksum in
 * it that would make up for one. */
static __always_inline int spend_hop(struct __sk_buff* skb, __u8 hop_limit, int hops) {
  const __u8 less = hop_limit - hops;
  return !bpf_skb_store_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, hop_limit), &less,
                              sizeof(less), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int rewrite_direct6(struct __sk_buff* skb, const struct packet* packet,
                                           int hops, const struct lvs_route* mac) {
  if (hops && !spend_hop(skb, packet->ttl, hops)) {
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

/* False: it is not what it was taken for. `hops`: that it spends here, 1 or 0; -1 gives the one of
 * nft dup back. `mac`: addresses for the frame, or null. */
static __always_inline int rewrite_direct4(struct __sk_buff* skb, int hops,
                                           const struct lvs_route* mac) {
  void* data = data_of(skb);
  void* end = end_of(skb);
  struct ethhdr* ethernet = data;
  struct iphdr* ip = data + ETH_HLEN;
  if ((void*)(ip + 1) > end) {
    return 0;
  }
  if (hops) {
    const __u16 old_word = *(__u16*)&ip->ttl;
    ip->ttl -= hops;
    ip->check = ~fold((__u16)~ip->check + (__u16)~old_word + *(__u16*)&ip->ttl);
  }
  if (mac) {
    set_macs(ethernet, mac);
  }
  return 1;
}
