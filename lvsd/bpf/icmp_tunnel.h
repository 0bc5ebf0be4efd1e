/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors from the way to a real server behind a tunnel are about the packet that carried the
 * client's, and come to the director, which sent it. The client hears the same from the VIP, about
 * its own packet: what the tunnel does not take, by how much smaller it has to be. As ip_vs, of
 * IPv4 within IPv4. */
#pragma once

#include "lvsd/bpf/icmp.h"

#define ICMP_MTU_MIN 68

/* What stands between the quoted header and the client's; -1: it is of no tunnel. */
static __always_inline int bytes_between(__u8 protocol) {
  return protocol == IPPROTO_IPIP  ? 0
         : protocol == IPPROTO_GRE ? (int)sizeof(struct gre_header)
         : protocol == IPPROTO_UDP ? (int)sizeof(struct gue_header)
                                   : -1;
}

static __always_inline int is_by_this_tunnel(const struct lvs_flow* flow,
                                             const struct lvs_dest* dest,
                                             const struct iphdr* quoted) {
  return flow->forward == LVS_FORWARD_TUNNEL && dest && dest->family == AF_INET &&
         dest->address[0] == quoted->daddr && carried_by(AF_INET, dest) == quoted->protocol;
}

/* 0: there is nothing to say to a client that lets its packets be cut. */
static __always_inline __u16 mtu_within(const struct quoting* quoting,
                                        const struct lvs_dest* dest) {
  const __u16 mtu = bpf_ntohs(quoting->icmp.mtu);
  const __u16 bytes = tunnel_bytes(dest);
  if (!(quoting->ip.frag_off & bpf_htons(IP_DONT_FRAGMENT))) {
    return 0;
  }
  return mtu > ICMP_MTU_MIN + bytes ? mtu - bytes : ICMP_MTU_MIN;
}

VERIFIED_ALONE int translate_tunnel_error(struct __sk_buff* skb) {
  struct iphdr ip;
  struct quoting quoting;
  struct quoted_ports ports;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip))) {
    return LVS_PASS;
  }
  const __u32 icmp_at = ETH_HLEN + ip.ihl * 4;
  if (bpf_skb_load_bytes(skb, icmp_at, &quoting, sizeof(quoting)) || !is_error(quoting.icmp.type) ||
      quoting.ip.version != 4 || quoting.ip.ihl < 5 || quoting.ip.saddr != ip.daddr ||
      bytes_between(quoting.ip.protocol) < 0) {
    return LVS_PASS;
  }
  const __u32 inner_at =
      icmp_at + sizeof(struct icmp_error) + quoting.ip.ihl * 4 + bytes_between(quoting.ip.protocol);
  if (bpf_skb_load_bytes(skb, inner_at, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
      bpf_skb_load_bytes(skb, inner_at + ip.ihl * 4, &ports, sizeof(ports))) {
    return LVS_PASS;
  }
  const struct lvs_key key = {.saddr = ip.saddr,
                              .daddr = ip.daddr,
                              .sport = ports.source,
                              .dport = ports.dest,
                              .protocol = ip.protocol};
  const struct lvs_flow* flow = bpf_map_lookup_elem(&lvs_flows, &key);
  const struct lvs_dest* dest = flow ? dest_of(flow->dest) : 0;
  if (!flow || !dest || !is_by_this_tunnel(flow, dest, &quoting.ip) ||
      !is_alive(AF_INET, flow, bpf_ktime_get_coarse_ns())) {
    return LVS_PASS;
  }
  const int is_too_big =
      quoting.icmp.type == ICMP_UNREACHABLE && quoting.icmp.code == ICMP_FRAGMENTATION_NEEDED;
  const __u16 mtu = is_too_big ? mtu_within(&quoting, dest) : 0;
  if (is_too_big && !mtu) {
    return LVS_PASS;
  }
  if (bpf_skb_adjust_room(skb, -(__s32)(inner_at - ETH_HLEN), BPF_ADJ_ROOM_MAC, 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  count_packet(flow->dest, LVS_TO_CLIENT, skb->len - ETH_HLEN);
  return answer_with_icmp(skb, ip.daddr, quoting.icmp.type, quoting.icmp.code, mtu);
}
