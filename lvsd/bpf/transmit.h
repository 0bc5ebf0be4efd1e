/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way out of a packet whose flow is known, by the flow's forwarding method. A flow in full
 * motion uses the next hop that it remembers; whenever it is touched (LVS_TOUCH_NS, or a change
 * that lvsd saw) the routing table is asked again and the neighbour layer sends, which keeps the
 * neighbour entry confirmed.
 *
 * On ipvs0 the neighbour layer cannot send: the copy has a route already, to ipvs0, and a packet
 * that waits for a neighbour leaves by that. So it goes through ipvs1, where it has none. */
#pragma once

#include "lvsd/bpf/icmp.h"
#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/xmit_direct.h"
#include "lvsd/bpf/xmit_nat.h"

/* The sender knows the VIP only, so that is who answers. */
static __always_inline __be32 vip_of(const struct packet* packet, const struct lvs_flow* flow) {
  return flow->direction == LVS_TO_SERVER ? packet->key.daddr : flow->address;
}

static __always_inline int rewrite(struct __sk_buff* skb, const struct packet* packet,
                                   const struct lvs_flow* flow, enum hook hook,
                                   const struct lvs_route* mac) {
  const int spend_ttl = hook == AT_NIC;
  return flow->forward == LVS_FORWARD_NAT ? rewrite_nat(skb, packet, flow, spend_ttl, mac)
                                          : rewrite_direct(skb, spend_ttl, mac);
}

/* A translated request that may be cut into fragments is left to the stack, which forwards it and
 * does that. (A reply carries an address of the director: the stack would not forward it.) */
static __always_inline int refuse_too_big(struct __sk_buff* skb, const struct packet* packet,
                                          const struct lvs_flow* flow, enum hook hook, __u16 mtu) {
  if (!packet->dont_fragment && hook == AT_NIC && flow->forward == LVS_FORWARD_NAT &&
      flow->direction == LVS_TO_SERVER) {
    if (!rewrite_nat(skb, packet, flow, 0, 0)) {
      return drop(LVS_DROP_MALFORMED);
    }
    count_drop(LVS_PASS_TO_FRAGMENT);
    return LVS_PASS;
  }
  count_drop(LVS_DROP_TOO_BIG);
  return answer_with_icmp(skb, vip_of(packet, flow), ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED,
                          mtu);
}

/* Asks for the way and sends by the neighbour layer, or by the address that it knows. */
static __always_inline int transmit_by_lookup(struct __sk_buff* skb, const struct packet* packet,
                                              struct lvs_flow* flow,
                                              const struct lvs_config* config, enum hook hook) {
  const int is_request = flow->direction == LVS_TO_SERVER;
  const int way =
      find_way(skb, &flow->route, is_request ? 0 : flow->address,
               is_request ? flow->address : packet->key.daddr, longest_segment(skb, packet));
  if (way == WAY_NONE) {
    count_drop(LVS_DROP_NO_ROUTE);
    return answer_with_icmp(skb, vip_of(packet, flow), ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
  }
  if (way == WAY_TOO_BIG) {
    return refuse_too_big(skb, packet, flow, hook, flow->route.mtu);
  }
  if (hook == AT_IPVS0 && way == WAY_COLD) {
    return bpf_redirect(config->ipvs1, BPF_F_INGRESS);
  }
  if (!rewrite(skb, packet, flow, hook, hook == AT_IPVS0 ? &flow->route : 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  if (way == WAY_COLD && is_request && flow->forward == LVS_FORWARD_NAT &&
      is_way_of_stack(skb, packet->key.saddr, flow->address)) {
    return send_by_stack(skb);
  }
  if (hook != AT_IPVS0) {
    return send_by_neighbour(skb);
  }
  skb->mark = 0;
  return bpf_redirect(flow->route.ifindex, 0);
}

static __always_inline int transmit(struct __sk_buff* skb, const struct packet* packet,
                                    struct lvs_flow* flow, const struct lvs_config* config,
                                    enum hook hook, int may_use_route) {
  if (flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER) {
    const int is_right = flow->forward != LVS_FORWARD_NAT || rewrite_nat(skb, packet, flow, 0, 0);
    return is_right ? to_local_stack(skb, packet, hook) : drop(LVS_DROP_MALFORMED);
  }
  if (packet->ttl <= (hook == AT_NIC)) {
    count_drop(LVS_DROP_TTL);
    return answer_with_icmp(skb, vip_of(packet, flow), ICMP_EXCEEDED, 0, 0);
  }
  const __u32 ifindex = flow->route.ifindex;
  if (!may_use_route || !ifindex) {
    return transmit_by_lookup(skb, packet, flow, config, hook);
  }
  if (longest_segment(skb, packet) > flow->route.mtu) {
    return refuse_too_big(skb, packet, flow, hook, flow->route.mtu);
  }
  if (!rewrite(skb, packet, flow, hook, &flow->route)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return bpf_redirect(ifindex, 0);
}
