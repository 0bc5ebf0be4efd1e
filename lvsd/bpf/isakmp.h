/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AH and ESP: packets of a client that negotiated its keys with a real server (ISAKMP, UDP port 500
 * at both ends) follow that flow, to the server and back. They have no ports and no connection of
 * their own: they keep the flow from expiring, and without one they are the local stack's.
 *
 * NAT changes the address alone, of whichever fragment: so fragments need not be put together. AH
 * signs the addresses, so its receiver will not have it; but that is for the two of them. */
#pragma once

#include "lvsd/bpf/deny.h"
#include "lvsd/bpf/transmit.h"

#define ISAKMP_PORT 500

/* As a packet of the flow that it belongs to. Without ports, as the later fragments of a datagram,
 * which it may be: `is_later`. */
static __always_inline int read_related4(struct __sk_buff* skb, struct packet* packet) {
  const struct iphdr* ip = data_of(skb) + ETH_HLEN;
  if ((void*)(ip + 1) > end_of(skb)) {
    return 0;
  }
  packet->key.v4 = (struct lvs_key){.saddr = ip->saddr,
                                    .daddr = ip->daddr,
                                    .sport = bpf_htons(ISAKMP_PORT),
                                    .dport = bpf_htons(ISAKMP_PORT),
                                    .protocol = IPPROTO_UDP};
  packet->protocol = ip->protocol;
  packet->ttl = ip->ttl;
  packet->dont_fragment = !!(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
  packet->ip_words = ip->ihl;
  packet->fragment = ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET) ? LATER_FRAGMENT : NO_FRAGMENT;
  return 1;
}

static __always_inline int read_related6(struct __sk_buff* skb, struct packet* packet) {
  const struct ipv6hdr* ip = data_of(skb) + ETH_HLEN;
  if ((void*)(ip + 1) > end_of(skb)) {
    return 0;
  }
  packet->key.v6 = (struct lvs_key6){
      .sport = bpf_htons(ISAKMP_PORT), .dport = bpf_htons(ISAKMP_PORT), .protocol = IPPROTO_UDP};
  __builtin_memcpy(packet->key.v6.saddr, &ip->saddr, sizeof(packet->key.v6.saddr));
  __builtin_memcpy(packet->key.v6.daddr, &ip->daddr, sizeof(packet->key.v6.daddr));
  packet->protocol = ip->nexthdr;
  packet->ttl = ip->hop_limit;
  packet->dont_fragment = 1;
  packet->ip_words = IPV6_HEADER / 4;
  packet->fragment = NO_FRAGMENT;
  return skip_extensions(skb, packet, FRAGMENTS_TOO) == PARSED_OURS;
}

static __always_inline int read_related(const int family, struct __sk_buff* skb,
                                        struct packet* packet) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || !(family == AF_INET6 ? read_related6(skb, packet) : read_related4(skb, packet))) {
    return 0;
  }
  scratch->fragments = (struct lvs_fragments){}; /* Of none that the stack was given. */
  packet->sport = packet->dport = bpf_htons(ISAKMP_PORT);
  packet->bytes = skb->len - ETH_HLEN;
  packet->l4_words = UDP_HEADER / 4;
  packet->tcp_flags = 0;
  packet->is_own = 0;
  packet->fragments_id = 0;
  return 1;
}

/* The connection that `flow` belongs to: its timer starts anew. False: there is none any more. */
static __always_inline int renew_owner(const int family, struct lvs_flow* flow, __u64 now) {
  struct lvs_flow* owner = flow;
  if (flow->direction == LVS_TO_CLIENT) {
    union any_key key;
    copy_key(family, &key, other_of(family, flow));
    owner = find_flow(family, &key);
  }
  const struct segment segment = {
      .generation = generation_of(flow->word), .protocol = IPPROTO_UDP, .sender = LVS_TCP_IN};
  return owner && now < owner->expires && advance_flow(family, owner, &segment, now);
}

static __always_inline int follow_isakmp(const int family, struct __sk_buff* skb) {
  struct packet packet;
  const struct lvs_config* config = config_of_core();
  if (!config || !read_related(family, skb, &packet)) {
    return LVS_PASS;
  }
  struct lvs_flow* flow = find_flow(family, &packet.key);
  if (!flow || flow->word & LVS_WORD_DEAD || is_of_other_director(flow, config)) {
    return LVS_PASS;
  }
  if (is_from_denied(family, config, &packet, flow)) {
    return drop_denied(family, source_of(family, &packet.key));
  }
  if (has_lost_its_server(flow)) {
    return setting(config, LVS_EXPIRE_NODEST_CONN) ? LVS_PASS : drop(LVS_DROP_DESTINATION_REMOVED);
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  const int is_due = now >= flow->touch || flow->route.epoch != config->epoch;
  if (is_due && !renew_owner(family, flow, now)) {
    return LVS_PASS;
  }
  if (is_due) {
    flow->touch = now + LVS_TOUCH_NS;
  }
  if (packet.fragment == LATER_FRAGMENT) {
    count_later_fragment(flow->dest, flow->direction, packet.bytes - packet.ip_words * 4);
  } else {
    count_packet(flow->dest, flow->direction, counted_bytes(family, &packet));
  }
  packet.fragment = LATER_FRAGMENT;
  return transmit(family, skb, &packet, flow, AT_NIC, !is_due);
}

VERIFIED_ALONE int follow_isakmp4(struct __sk_buff* skb) {
  return follow_isakmp(AF_INET, skb);
}

VERIFIED_ALONE int follow_isakmp6(struct __sk_buff* skb) {
  return follow_isakmp(AF_INET6, skb);
}
