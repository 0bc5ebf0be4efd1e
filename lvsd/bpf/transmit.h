/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way out of a packet whose flow is known, by the flow's forwarding method. A flow in full
 * motion uses the next hop that it remembers; whenever it is touched (LVS_TOUCH_NS, or a change
 * that lvsd saw) the routing table is asked again and the neighbour layer sends, which keeps the
 * neighbour entry confirmed.
 *
 * On ipvs0 the neighbour layer cannot send: the copy has a route already, to ipvs0, and a packet
 * that waits for a neighbour leaves by that. So it goes through ipvs1, where it has none. */
#pragma once

#include "lvsd/bpf/answer.h"
#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/xmit_direct.h"
#include "lvsd/bpf/xmit_nat.h"
#include "lvsd/bpf/xmit_stack.h"

/* The sender knows the VIP only, so that is who answers. */
static __always_inline const __be32* vip_of(const int family, const struct packet* packet,
                                            const struct lvs_flow* flow) {
  return flow->direction == LVS_TO_SERVER ? target_of(family, &packet->key)
                                          : address_of(family, flow);
}

/* `hops`: see xmit_direct.h. */
static __always_inline int rewrite(const int family, struct __sk_buff* skb,
                                   const struct packet* packet, const struct lvs_flow* flow,
                                   int hops, const struct lvs_route* mac) {
  if (flow->forward == LVS_FORWARD_NAT) {
    return rewrite_nat(family, skb, packet, flow, hops, mac);
  }
  return family == AF_INET6 ? rewrite_direct6(skb, packet, hops, mac)
                            : rewrite_direct4(skb, hops, mac);
}

/* The stack spends a hop; nft dup has spent one before. */
static __always_inline int transmit_through_stack(const int family, struct __sk_buff* skb,
                                                  const struct packet* packet,
                                                  const struct lvs_flow* flow,
                                                  const struct lvs_config* config, enum hook hook) {
  const int is_request = flow->direction == LVS_TO_SERVER;
  if (!rewrite_nat(family, skb, packet, flow, hook == AT_NIC ? 0 : -1, 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return send_through_stack(skb, is_request && is_tracked(flow, config) ? LVS_MARK_TRACKED : 0);
}

/* What may be cut into fragments the stack cuts. By direct routing it cannot: to the stack the
 * packet is addressed to the director. */
static __always_inline int refuse_too_big(const int family, struct __sk_buff* skb,
                                          const struct packet* packet, const struct lvs_flow* flow,
                                          const struct lvs_config* config, enum hook hook,
                                          __u16 mtu) {
  if (!packet->dont_fragment && flow->forward == LVS_FORWARD_NAT) {
    if (packet->fragment == FIRST_FRAGMENT) {
      remember_by_stack();
    }
    count_drop(LVS_PASS_TO_FRAGMENT);
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  count_drop(LVS_DROP_TOO_BIG);
  return answer(family, skb, vip_of(family, packet, flow), ANSWER_TOO_BIG, mtu);
}

/* Asks for the way and sends by the neighbour layer, or by the address that it knows. */
static __always_inline int transmit_by_lookup(const int family, struct __sk_buff* skb,
                                              const struct packet* packet, struct lvs_flow* flow,
                                              const struct lvs_config* config, enum hook hook) {
  const int is_request = flow->direction == LVS_TO_SERVER;
  const __be32* address = address_of(family, flow);
  const __be32* to = is_request ? address : target_of(family, &packet->key);
  const int way = find_way(family, skb, &flow->route, is_request ? 0 : address, to,
                           longest_segment(skb, packet));
  if (way == WAY_NONE) {
    count_drop(LVS_DROP_NO_ROUTE);
    return answer(family, skb, vip_of(family, packet, flow), ANSWER_NO_HOST, 0);
  }
  if (way == WAY_TOO_BIG) {
    return refuse_too_big(family, skb, packet, flow, config, hook, flow->route.mtu);
  }
  if (flow->forward == LVS_FORWARD_NAT &&
      (is_stack_wanted(flow, config) ||
       (packet->fragment == LATER_FRAGMENT && is_first_by_stack()))) {
    flow->route.ifindex = 0;
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  if (hook == AT_IPVS0 && way == WAY_COLD) {
    return bpf_redirect(config->ipvs1, BPF_F_INGRESS);
  }
  if (!rewrite(family, skb, packet, flow, hook == AT_NIC, hook == AT_IPVS0 ? &flow->route : 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  if (way == WAY_COLD && is_request && flow->forward == LVS_FORWARD_NAT &&
      is_way_of_stack(family, skb, source_of(family, &packet->key), address)) {
    return send_by_stack(skb);
  }
  if (hook != AT_IPVS0) {
    return send_by_neighbour(skb);
  }
  skb->mark = 0;
  return bpf_redirect(flow->route.ifindex, 0);
}

static __always_inline int transmit(const int family, struct __sk_buff* skb,
                                    const struct packet* packet, struct lvs_flow* flow,
                                    const struct lvs_config* config, enum hook hook,
                                    int may_use_route) {
  if (flow->flags & LVS_FLOW_FROM_SELF && flow->direction == LVS_TO_CLIENT) {
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  if (flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER) {
    const int is_right =
        flow->forward != LVS_FORWARD_NAT || rewrite_nat(family, skb, packet, flow, 0, 0);
    return is_right ? to_local_stack(family, skb, packet, hook) : drop(LVS_DROP_MALFORMED);
  }
  if (packet->ttl <= (hook == AT_NIC)) {
    count_drop(LVS_DROP_TTL);
    return answer(family, skb, vip_of(family, packet, flow), ANSWER_TTL, 0);
  }
  const __u32 ifindex = flow->route.ifindex;
  if (!may_use_route || !ifindex) {
    return transmit_by_lookup(family, skb, packet, flow, config, hook);
  }
  if (longest_segment(skb, packet) > flow->route.mtu) {
    return refuse_too_big(family, skb, packet, flow, config, hook, flow->route.mtu);
  }
  if (!rewrite(family, skb, packet, flow, hook == AT_NIC, &flow->route)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return bpf_redirect(ifindex, 0);
}
