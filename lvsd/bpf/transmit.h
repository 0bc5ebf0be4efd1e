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
#include "lvsd/bpf/one_packet.h"
#include "lvsd/bpf/xmit_direct.h"
#include "lvsd/bpf/xmit_nat.h"
#include "lvsd/bpf/xmit_stack.h"
#include "lvsd/bpf/xmit_tunnel.h"

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

/* What transmit_any() and transmit_by_tunnel() leave to their caller: the stack has no room for the
 * one within the other, nor for answers. */
#define LEFT_TO_TUNNEL 0x200
#define REFUSED_HOPS 0x201
#define REFUSED_NO_WAY 0x202
#define REFUSED_TOO_BIG 0x203

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
                                          const struct lvs_config* config, enum hook hook) {
  if (!packet->dont_fragment && flow->forward == LVS_FORWARD_NAT) {
    if (packet->fragment == FIRST_FRAGMENT) {
      remember_by_stack();
    }
    count_drop(LVS_PASS_TO_FRAGMENT);
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  return REFUSED_TOO_BIG;
}

/* To where the neighbour layer can send it. */
static __always_inline int hand_to_ipvs1(struct __sk_buff* skb, const struct packet* packet,
                                         const struct lvs_flow* flow,
                                         const struct lvs_config* config) {
  skb->mark = one_packet_word(packet, flow);
  return bpf_redirect(config->ipvs1, BPF_F_INGRESS);
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
    return REFUSED_NO_WAY;
  }
  if (way == WAY_TOO_BIG) {
    return refuse_too_big(family, skb, packet, flow, config, hook);
  }
  if (flow->forward == LVS_FORWARD_NAT &&
      (is_stack_wanted(flow, config) ||
       (packet->fragment == LATER_FRAGMENT && is_first_by_stack()))) {
    flow->route.ifindex = 0;
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  if (hook == AT_IPVS0 && way == WAY_COLD) {
    return hand_to_ipvs1(skb, packet, flow, config);
  }
  const struct lvs_route* mac = hook == AT_IPVS0 ? &flow->route : 0;
  LVS_KEEP(mac); /* The verifier does not know that it hangs together with the hook. */
  if (!rewrite(family, skb, packet, flow, hook == AT_NIC, mac)) {
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

/* What may be cut into fragments the stack cuts, once it is in the tunnel: those of IPv4. */
static __always_inline int tunnel_by_stack(const int family, struct __sk_buff* skb,
                                           const struct packet* packet, const struct lvs_dest* to,
                                           enum hook hook) {
  count_drop(LVS_PASS_TO_FRAGMENT);
  return put_into_tunnel(family, skb, packet, to, hook == AT_NIC, 1, 0) ? send_through_stack(skb, 0)
                                                                        : drop(LVS_DROP_MALFORMED);
}

/* To a real server behind a tunnel: as transmit_by_lookup(), with the way to the tunnel's end. */
static __always_inline int transmit_by_tunnel(const int family, struct __sk_buff* skb,
                                              const struct packet* packet, struct lvs_flow* flow,
                                              enum hook hook, int may_use_route) {
  const struct lvs_config* config = config_of_core();
  const struct lvs_dest* to = dest_of(flow->dest);
  if (!config || !to || !to->tunnel_source[0]) {
    return REFUSED_NO_WAY;
  }
  const int is_train_of_tcp = skb->gso_size && packet->protocol == IPPROTO_TCP;
  const __u32 bytes = longest_segment(skb, packet) + (is_train_of_tcp ? 0 : tunnel_bytes(to));
  const int is_remembered = may_use_route && flow->route.ifindex;
  int way = WAY_KNOWN;
  if (!is_remembered) {
    way = find_way(to->family, skb, &flow->route, 0, to->address, bytes);
  } else if (bytes > flow->route.mtu) {
    way = WAY_TOO_BIG;
  }
  if (way == WAY_NONE) {
    return REFUSED_NO_WAY;
  }
  const int may_be_cut = to->family == AF_INET && family == AF_INET && !packet->dont_fragment;
  if (config->encrypts || (way == WAY_TOO_BIG && may_be_cut)) {
    flow->route.ifindex = 0;
    return tunnel_by_stack(family, skb, packet, to, hook);
  }
  if (way == WAY_TOO_BIG) {
    return REFUSED_TOO_BIG;
  }
  if (hook == AT_IPVS0 && way == WAY_COLD) {
    return hand_to_ipvs1(skb, packet, flow, config);
  }
  const int knows_mac = way == WAY_KNOWN && (hook == AT_IPVS0 || is_remembered);
  if (!put_into_tunnel(family, skb, packet, to, hook == AT_NIC, 0, knows_mac ? &flow->route : 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  if (!knows_mac) {
    return send_by_neighbour(skb);
  }
  skb->mark = 0;
  return bpf_redirect(flow->route.ifindex, 0);
}

VERIFIED_ALONE int transmit_by_tunnel4(struct __sk_buff* skb, const struct packet* packet,
                                       struct lvs_flow* flow, enum hook hook, int may_use_route) {
  return packet && flow ? transmit_by_tunnel(AF_INET, skb, packet, flow, hook, may_use_route)
                        : TC_ACT_SHOT;
}

VERIFIED_ALONE int transmit_by_tunnel6(struct __sk_buff* skb, const struct packet* packet,
                                       struct lvs_flow6* flow, enum hook hook, int may_use_route) {
  return packet && flow
             ? transmit_by_tunnel(AF_INET6, skb, packet, &flow->flow, hook, may_use_route)
             : TC_ACT_SHOT;
}

/* Counts what cannot be sent, and tells its sender. */
static __always_inline int refuse_to_send(const int family, struct __sk_buff* skb,
                                          const struct packet* packet, const struct lvs_flow* flow,
                                          int why) {
  const __be32* vip = vip_of(family, packet, flow);
  if (why == REFUSED_HOPS) {
    count_drop(LVS_DROP_TTL);
    return answer(family, skb, vip, ANSWER_TTL, 0);
  }
  if (why == REFUSED_NO_WAY) {
    count_drop(LVS_DROP_NO_ROUTE);
    return answer(family, skb, vip, ANSWER_NO_HOST, 0);
  }
  count_drop(LVS_DROP_TOO_BIG);
  const struct lvs_dest* to = flow->forward == LVS_FORWARD_TUNNEL ? dest_of(flow->dest) : 0;
  return answer(family, skb, vip, ANSWER_TOO_BIG, flow->route.mtu - (to ? tunnel_bytes(to) : 0));
}

VERIFIED_ALONE int refuse_to_send4(struct __sk_buff* skb, const struct packet* packet,
                                   const struct lvs_flow* flow, int why) {
  return packet && flow ? refuse_to_send(AF_INET, skb, packet, flow, why) : TC_ACT_SHOT;
}

VERIFIED_ALONE int refuse_to_send6(struct __sk_buff* skb, const struct packet* packet,
                                   const struct lvs_flow6* flow, int why) {
  return packet && flow ? refuse_to_send(AF_INET6, skb, packet, &flow->flow, why) : TC_ACT_SHOT;
}

/* A reply to the director's own connection. */
static __always_inline int is_to_self(const struct lvs_flow* flow) {
  return flow->flags & LVS_FLOW_FROM_SELF && flow->direction == LVS_TO_CLIENT;
}

/* A request to a real server that is the director. */
static __always_inline int is_for_self(const struct lvs_flow* flow) {
  return flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER;
}

/* Every packet but those that transmit() sends by itself. */
static __always_inline int transmit_any(const int family, struct __sk_buff* skb,
                                        const struct packet* packet, struct lvs_flow* flow,
                                        enum hook hook, int may_use_route) {
  const struct lvs_config* config = config_of_core();
  if (!config) {
    return TC_ACT_SHOT;
  }
  if (is_to_self(flow)) {
    return transmit_through_stack(family, skb, packet, flow, config, hook);
  }
  if (is_for_self(flow)) {
    const int is_right =
        flow->forward != LVS_FORWARD_NAT || rewrite_nat(family, skb, packet, flow, 0, 0);
    return is_right ? to_local_stack(family, skb, packet, hook) : drop(LVS_DROP_MALFORMED);
  }
  if (packet->ttl <= (hook == AT_NIC)) {
    return REFUSED_HOPS;
  }
  if (flow->forward == LVS_FORWARD_TUNNEL) {
    return LEFT_TO_TUNNEL;
  }
  /* Asked anew: another processor may have found the way since transmit() looked for it. */
  if (may_use_route && flow->route.ifindex && longest_segment(skb, packet) > flow->route.mtu) {
    return refuse_too_big(family, skb, packet, flow, config, hook);
  }
  return transmit_by_lookup(family, skb, packet, flow, config, hook);
}

VERIFIED_ALONE int transmit_any4(struct __sk_buff* skb, const struct packet* packet,
                                 struct lvs_flow* flow, enum hook hook, int may_use_route) {
  return packet && flow ? transmit_any(AF_INET, skb, packet, flow, hook, may_use_route)
                        : TC_ACT_SHOT;
}

VERIFIED_ALONE int transmit_any6(struct __sk_buff* skb, const struct packet* packet,
                                 struct lvs_flow6* flow, enum hook hook, int may_use_route) {
  return packet && flow ? transmit_any(AF_INET6, skb, packet, &flow->flow, hook, may_use_route)
                        : TC_ACT_SHOT;
}

/* Whether a flow in full motion sends this packet by the way that it remembers. */
static __always_inline int is_quick(struct __sk_buff* skb, const struct packet* packet,
                                    const struct lvs_flow* flow) {
  const int may_be_own = flow->flags & (LVS_FLOW_FROM_SELF | LVS_FLOW_TO_SELF);
  return flow->route.ifindex && !(may_be_own && (is_to_self(flow) || is_for_self(flow))) &&
         flow->forward != LVS_FORWARD_TUNNEL && packet->ttl > 1 &&
         longest_segment(skb, packet) <= flow->route.mtu;
}

static __always_inline int transmit_slowly4(struct __sk_buff* skb, const struct packet* packet,
                                            struct lvs_flow* flow, enum hook hook,
                                            int may_use_route) {
  int verdict = transmit_any4(skb, packet, flow, hook, may_use_route);
  if (verdict == LEFT_TO_TUNNEL) {
    verdict = transmit_by_tunnel4(skb, packet, flow, hook, may_use_route);
  }
  return verdict > LEFT_TO_TUNNEL ? refuse_to_send4(skb, packet, flow, verdict) : verdict;
}

static __always_inline int transmit_slowly6(struct __sk_buff* skb, const struct packet* packet,
                                            struct lvs_flow6* flow, enum hook hook,
                                            int may_use_route) {
  int verdict = transmit_any6(skb, packet, flow, hook, may_use_route);
  if (verdict == LEFT_TO_TUNNEL) {
    verdict = transmit_by_tunnel6(skb, packet, flow, hook, may_use_route);
  }
  return verdict > LEFT_TO_TUNNEL ? refuse_to_send6(skb, packet, flow, verdict) : verdict;
}

static __always_inline int transmit(const int family, struct __sk_buff* skb,
                                    const struct packet* packet, struct lvs_flow* flow,
                                    enum hook hook, int may_use_route) {
  if (!may_use_route || !is_quick(skb, packet, flow)) {
    return family == AF_INET6
               ? transmit_slowly6(skb, packet, (struct lvs_flow6*)flow, hook, may_use_route)
               : transmit_slowly4(skb, packet, flow, hook, may_use_route);
  }
  const __u32 ifindex = flow->route.ifindex;
  if (!rewrite(family, skb, packet, flow, 1, &flow->route)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return bpf_redirect(ifindex, 0);
}
