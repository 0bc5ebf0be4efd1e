/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwarding by direct routing: the packet as it is, to the real server as next hop. The server
 * owns the VIP, too, and answers the client itself. */
#pragma once

#include "lvsd/bpf/packet.h"

/* False: it is not what it was taken for. `mac`: addresses for the frame, or null. */
static __always_inline int rewrite_direct(struct __sk_buff* skb, int spend_ttl,
                                          const struct lvs_route* mac) {
  void* data = (void*)(long)skb->data;
  void* end = (void*)(long)skb->data_end;
  struct ethhdr* ethernet = data;
  struct iphdr* ip = data + ETH_HLEN;
  if ((void*)(ip + 1) > end) {
    return 0;
  }
  if (spend_ttl) {
    const __u16 old_word = *(__u16*)&ip->ttl;
    ip->ttl -= 1;
    ip->check = ~fold((__u16)~ip->check + (__u16)~old_word + *(__u16*)&ip->ttl);
  }
  if (mac) {
    set_macs(ethernet, mac);
  }
  return 1;
}
