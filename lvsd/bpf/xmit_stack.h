/* SPDX-License-Identifier: GPL-2.0-or-later */
/* By the stack: a packet that is rewritten already comes in by ipvs0, and the stack routes it like
 * any other: forwards it through FORWARD and POSTROUTING, encrypts it, cuts it into fragments, or
 * delivers it. Slower than a redirect, and all that a redirect cannot do.
 *
 * On a device that the administrator knows, the stack would refuse a reply, which carries an
 * address of the director itself as its source. ipvs0 is ours: it accepts such (accept_local). */
#pragma once

#include "lvsd/bpf/packet.h"

/* Whether the stack's connection tracking sees the packets between client and real server: the
 * requests once they are translated, the replies until FORWARD. */
static __always_inline int is_tracked(const struct lvs_flow* flow,
                                      const struct lvs_config* config) {
  return setting(config, LVS_CONNTRACK) && !(flow->flags & LVS_FLOW_FROM_SELF);
}

/* Whether this direction of a translated connection goes so, whatever the packet. (By direct
 * routing none can: to the stack it is addressed to the director. A reply that was tracked has been
 * through FORWARD.) */
static __always_inline int is_stack_wanted(const struct lvs_flow* flow,
                                           const struct lvs_config* config) {
  return config->encrypts || (flow->direction == LVS_TO_SERVER && setting(config, LVS_CONNTRACK));
}

/* Of the datagram that parse() has just looked at. */
static __always_inline void remember_by_stack(void) {
  struct scratch* scratch = scratch_of_cpu();
  const struct lvs_ports none = {};
  if (scratch) {
    scratch->fragments.by_stack = 1;
    bpf_map_update_elem(&lvs_datagrams, &scratch->fragments, &none, BPF_ANY);
  }
}

static __always_inline int is_first_by_stack(void) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return 0;
  }
  scratch->fragments.by_stack = 1;
  return !!bpf_map_lookup_elem(&lvs_datagrams, &scratch->fragments);
}

static __always_inline int send_through_stack(struct __sk_buff* skb, __u32 mark) {
  const struct lvs_config* config = config_of_core();
  const __u32 ifindex = config ? config->ipvs0 : 0;
  const struct lvs_device* device = bpf_map_lookup_elem(&lvs_devices, &ifindex);
  if (!device || bpf_skb_store_bytes(skb, 0, device->mac, ETH_ALEN, 0)) {
    return drop(LVS_DROP_UNKNOWN_DEVICE);
  }
  skb->mark = mark;
  return bpf_redirect(ifindex, BPF_F_INGRESS);
}
