/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMPv6 errors about connections, as icmp.h has it for IPv4. What is different: the checksum also
 * covers the outer addresses, and there is none in the quoted IP header to make up for its own. */
#pragma once

#include "lvsd/bpf/icmp.h"
#include "lvsd/bpf/xmit_nat.h"

#define QUOTED6_SADDR_OFFSET \
  (sizeof(struct icmp6_error) + __builtin_offsetof(struct ipv6hdr, saddr))
#define QUOTED6_DADDR_OFFSET \
  (sizeof(struct icmp6_error) + __builtin_offsetof(struct ipv6hdr, daddr))
#define ICMP6_CHECK_OFFSET 2

/* An address of the frame, all of whose change ICMPv6's checksum has to follow. `is_outer`: by the
 * pseudo header. */
static __always_inline int replace_address6(struct __sk_buff* skb, __u32 at, const __be32* from,
                                            const __be32* to, __u32 icmp_at, const int is_outer) {
  const __s64 change = bpf_csum_diff((__be32*)from, sizeof(struct address6), (__be32*)to,
                                     sizeof(struct address6), 0);
  return !bpf_skb_store_bytes(skb, at, to, sizeof(struct address6),
                              is_outer ? BPF_F_RECOMPUTE_CSUM : 0) &&
         !bpf_l4_csum_replace(skb, icmp_at + ICMP6_CHECK_OFFSET, 0, change,
                              is_outer ? BPF_F_PSEUDO_HDR : 0);
}

/* Puts the receiver's own view of the connection into all headers. */
static __always_inline int rewrite_error6(struct __sk_buff* skb, const struct quoting6* quoting,
                                          const struct quoted_ports* ports,
                                          const struct lvs_flow* flow, __u32 icmp_at,
                                          __u32 ports_at) {
  const int to_server = flow->direction == LVS_TO_SERVER;
  const __be16 old_port = to_server ? ports->source : ports->dest;
  const __be16 port = flow->port;
  struct address6 before;
  struct address6 after;
  /* The receiver of the error is who sent the quoted packet: one address stands in both headers. */
  __builtin_memcpy(&before, to_server ? &quoting->ip.saddr : &quoting->ip.daddr, sizeof(before));
  copy_address(AF_INET6, after.word, address_of(AF_INET6, flow));
  if (!replace_address6(skb, icmp_at + (to_server ? QUOTED6_SADDR_OFFSET : QUOTED6_DADDR_OFFSET),
                        before.word, after.word, icmp_at, 0) ||
      bpf_skb_store_bytes(skb, ports_at + (to_server ? 0 : sizeof(port)), &port, sizeof(port), 0) ||
      bpf_l4_csum_replace(skb, icmp_at + ICMP6_CHECK_OFFSET, old_port, port, sizeof(port))) {
    return 0;
  }
  const __u32 outer = to_server ? IPV6_DADDR_OFFSET : IPV6_SADDR_OFFSET;
  if (bpf_skb_load_bytes(skb, outer, &before, sizeof(before))) {
    return 0;
  }
  return replace_address6(skb, outer, before.word, after.word, icmp_at, 1);
}

/* Where the ICMPv6 header is; 0: there is none. */
static __always_inline __u32 find_icmp6(struct __sk_buff* skb, struct packet* outer) {
  struct ipv6hdr ip;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip))) {
    return 0;
  }
  outer->protocol = ip.nexthdr;
  outer->ttl = ip.hop_limit;
  outer->ip_words = IPV6_HEADER / 4;
  __builtin_memcpy(outer->key.v6.saddr, &ip.saddr, sizeof(outer->key.v6.saddr));
  __builtin_memcpy(outer->key.v6.daddr, &ip.daddr, sizeof(outer->key.v6.daddr));
  const int is_icmp = skip_extensions(skb, outer, WHOLE_PACKETS) == PARSED_OURS &&
                      outer->protocol == IPPROTO_ICMPV6;
  return is_icmp ? l4_offset(AF_INET6, outer) : 0;
}

/* `is_own`: the director's stack has made it, and is sending it. */
VERIFIED_ALONE int translate_error6(struct __sk_buff* skb, int is_own) {
  struct scratch* scratch = scratch_of_cpu();
  struct quoted_ports ports;
  struct packet outer;
  struct packet quoted;
  struct address6 ends[2];
  const __u32 icmp_at = find_icmp6(skb, &outer);
  if (!scratch || !icmp_at) {
    return LVS_PASS;
  }
  struct quoting6* quoting = &scratch->quoting6;
  if (bpf_skb_load_bytes(skb, icmp_at, quoting, sizeof(*quoting)) || !quoting->icmp.type ||
      quoting->icmp.type > ICMP6_ERRORS || quoting->ip.version != 6 ||
      !is_same_address((const __be32*)&quoting->ip.saddr, outer.key.v6.daddr)) {
    return LVS_PASS;
  }
  quoted.protocol = quoting->ip.nexthdr;
  quoted.ip_words = outer.ip_words + sizeof(*quoting) / 4;
  if (quoted.ip_words > 127 || skip_extensions(skb, &quoted, WHOLE_PACKETS) != PARSED_OURS) {
    return LVS_PASS;
  }
  const __u32 ports_at = l4_offset(AF_INET6, &quoted);
  if (!is_balanced(quoted.protocol) || bpf_skb_load_bytes(skb, ports_at, &ports, sizeof(ports))) {
    return LVS_PASS;
  }
  struct lvs_key6 key = {.sport = ports.dest, .dport = ports.source, .protocol = quoted.protocol};
  __builtin_memcpy(key.saddr, &quoting->ip.daddr, sizeof(key.saddr));
  __builtin_memcpy(key.daddr, &quoting->ip.saddr, sizeof(key.daddr));
  const struct lvs_flow* flow = find_flow(AF_INET6, &key);
  if (!flow || !is_alive(AF_INET6, flow, bpf_ktime_get_coarse_ns())) {
    return LVS_PASS;
  }
  if (is_own && (flow->direction == LVS_TO_SERVER || flow->forward != LVS_FORWARD_NAT)) {
    return LVS_PASS;
  }
  const __be32* denied = is_own ? 0 : denied_by(AF_INET6, flow, outer.key.v6.saddr, key.saddr);
  if (denied) {
    return drop_denied(AF_INET6, denied);
  }
  if (!is_own && outer.ttl <= 1) {
    return drop(LVS_DROP_TTL);
  }
  if (flow->forward != LVS_FORWARD_NAT) {
    return pass_on_error(AF_INET6, skb, &outer, flow);
  }
  count_packet(flow->dest, flow->direction, skb->len - ETH_HLEN);
  if (!rewrite_error6(skb, quoting, &ports, flow, icmp_at, ports_at) ||
      (!is_own && !spend_hop(skb, outer.ttl, 1)) ||
      bpf_skb_load_bytes(skb, IPV6_SADDR_OFFSET, ends, sizeof(ends))) {
    return drop(LVS_DROP_MALFORMED);
  }
  const int stays = is_own || (flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER);
  return stays ? LVS_PASS : send_icmp6(skb, &ends[0], &ends[1]);
}
