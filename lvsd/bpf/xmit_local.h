/* SPDX-License-Identifier: GPL-2.0-or-later */
/* To the local stack: a real server that is the director itself, and whatever reached ipvs0 and is
 * not ours after all.
 *
 * On a network device the packet simply goes on, with a priority that our nft chain lets pass. From
 * ipvs0 there is no such way: it is a copy on its way out. It comes in once more by the device that
 * it came from, so that neither rp_filter nor the administrator's rules about that device see
 * anything unusual. A priority would not survive that, a mark does. */
#pragma once

#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/packet.h"

enum hook {
  AT_NIC,   /* TC ingress of a network device. */
  AT_IPVS0, /* TC egress of ipvs0: a copy by nft dup, its TTL is one less already. */
  AT_IPVS1, /* TC ingress of ipvs1: from ipvs0, because its neighbour was not known. */
};

/* Rules of the administrator may take mark and priority off the packet that comes in again; then it
 * is caught once more, and would go round for ever. How often it was here before. The TTL tells it
 * from another one just like it: nft dup takes one off in each round. */
static __always_inline __u32 count_round(const int family, struct __sk_buff* skb,
                                         const struct packet* packet) {
  const __u64 now = bpf_ktime_get_coarse_ns();
  struct lvs_given_back one = {
      .key = {.sport = packet->sport, .dport = packet->dport, .protocol = packet->protocol}};
  const __u32 l4 = l4_offset(family, packet);
  const int is_tcp = packet->protocol == IPPROTO_TCP;
  copy_address(family, one.key.saddr, source_of(family, &packet->key));
  copy_address(family, one.key.daddr, target_of(family, &packet->key));
  if (family == AF_INET) {
    bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, id), &one.id,
                       sizeof(one.id));
  }
  bpf_skb_load_bytes(skb, l4 + (is_tcp ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET), &one.check,
                     sizeof(one.check));
  if (is_tcp) {
    bpf_skb_load_bytes(skb, l4 + TCP_SEQUENCE_OFFSET, &one.sequence, sizeof(one.sequence));
  } else if (packet->protocol == IPPROTO_SCTP) {
    bpf_skb_load_bytes(skb, l4 + SCTP_CHECK_OFFSET, &one.sequence, sizeof(one.sequence));
  }
  struct lvs_rounds* rounds = bpf_map_lookup_elem(&lvs_given_backs, &one);
  if (rounds && now < rounds->since + LVS_ROUNDS_NS && packet->ttl < rounds->ttl) {
    return __sync_fetch_and_add(&rounds->count, 1) + 1;
  }
  const struct lvs_rounds first = {.since = now, .ttl = packet->ttl};
  bpf_map_update_elem(&lvs_given_backs, &one, &first, BPF_ANY);
  return 0;
}

VERIFIED_ALONE __u32 count_round4(struct __sk_buff* skb, const struct packet* packet) {
  return packet ? count_round(AF_INET, skb, packet) : LVS_ROUNDS_MAX;
}

VERIFIED_ALONE __u32 count_round6(struct __sk_buff* skb, const struct packet* packet) {
  return packet ? count_round(AF_INET6, skb, packet) : LVS_ROUNDS_MAX;
}

static __always_inline __u32 rounds_of(const int family, struct __sk_buff* skb,
                                       const struct packet* packet) {
  return family == AF_INET6 ? count_round6(skb, packet) : count_round4(skb, packet);
}

/* The device that a packet came from; ipvs0 for those of the director itself, which by lo would
 * carry a route already. The stack forgets it of an IPv6 packet that it cuts into fragments: then
 * the one by which its sender is reached. */
static __always_inline __u32 device_of(const int family, struct __sk_buff* skb,
                                       const struct packet* packet) {
  struct scratch* scratch = scratch_of_cpu();
  const struct lvs_config* config = config_of_core();
  if (skb->ingress_ifindex == LOOPBACK_IFINDEX) {
    return config ? config->ipvs0 : 0;
  }
  if (skb->ingress_ifindex || family == AF_INET || !scratch) {
    return skb->ingress_ifindex;
  }
  const int way = find_way(family, skb, &scratch->route, 0, source_of(family, &packet->key), 0);
  return way == WAY_KNOWN || way == WAY_COLD ? scratch->next_hop.ifindex : 0;
}

/* Into the stack once more, by the device that it came from. */
static __always_inline int to_device(const int family, struct __sk_buff* skb,
                                     const struct packet* packet, __u32 mark) {
  const __u32 ifindex = device_of(family, skb, packet);
  const struct lvs_device* device = bpf_map_lookup_elem(&lvs_devices, &ifindex);
  if (!device || bpf_skb_store_bytes(skb, 0, device->mac, ETH_ALEN, 0)) {
    return drop(LVS_DROP_UNKNOWN_DEVICE);
  }
  skb->mark = mark;
  return bpf_redirect(ifindex, BPF_F_INGRESS);
}

static __always_inline int to_local_stack(const int family, struct __sk_buff* skb,
                                          const struct packet* packet, enum hook hook) {
  if (hook == AT_NIC) {
    skb->priority = LVS_PRIORITY_LOCAL;
    return LVS_PASS;
  }
  return rounds_of(family, skb, packet) >= LVS_ROUNDS_MAX
             ? drop(LVS_DROP_IN_CIRCLES)
             : to_device(family, skb, packet, LVS_MARK_LOCAL);
}

/* Whether this packet was given back and goes on to the stack. */
static __always_inline int is_given_back(struct __sk_buff* skb) {
  if (skb->mark == LVS_MARK_FORWARDED) {
    bpf_skb_change_type(skb, PACKET_HOST);
    return 1;
  }
  if (skb->mark != LVS_MARK_LOCAL) {
    return 0;
  }
  skb->mark = 0;
  skb->priority = LVS_PRIORITY_LOCAL;
  bpf_skb_change_type(skb, PACKET_HOST); /* Its device may have another address by now. */
  return 1;
}
