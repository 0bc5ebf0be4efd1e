/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To the local stack: a real server that is the director itself, and whatever reached ipvs0 and is
 * not ours after all.
 *
 * On a network device the packet simply goes on, with a priority that our nft chain lets pass. From
 * ipvs0 there is no such way: it is a copy on its way out. It comes in once more by the device that
 * it came from, so that neither rp_filter nor the administrator's rules about that device see
 * anything unusual. A priority would not survive that, a mark does. */
#pragma once

#include "lvsd/bpf/packet.h"

enum hook {
  AT_NIC,   /* TC ingress of a network device. */
  AT_IPVS0, /* TC egress of ipvs0: a copy by nft dup, its TTL is one less already. */
  AT_IPVS1, /* TC ingress of ipvs1: from ipvs0, because its neighbour was not known. */
};

static __always_inline int to_local_stack(struct __sk_buff* skb, enum hook hook) {
  if (hook == AT_NIC) {
    skb->priority = LVS_PRIORITY_LOCAL;
    return LVS_PASS;
  }
  const __u32 ifindex = skb->ingress_ifindex;
  const struct lvs_device* device = bpf_map_lookup_elem(&lvs_devices, &ifindex);
  if (!device || bpf_skb_store_bytes(skb, 0, device->mac, ETH_ALEN, 0)) {
    return drop(LVS_DROP_UNKNOWN_DEVICE);
  }
  skb->mark = LVS_MARK_LOCAL;
  return bpf_redirect(ifindex, BPF_F_INGRESS);
}

/* Whether this packet was given back and goes on to the stack. */
static __always_inline int is_given_back(struct __sk_buff* skb) {
  if (skb->mark != LVS_MARK_LOCAL) {
    return 0;
  }
  skb->mark = 0;
  skb->priority = LVS_PRIORITY_LOCAL;
  return 1;
}
