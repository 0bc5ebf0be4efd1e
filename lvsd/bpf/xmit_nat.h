/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Forwarding by NAT: the real server's address and port take the place of the VIP's in a request,
 * the VIP's take theirs in a reply.
 *
 * Stores to an IPv4 header keep its own checksum right, and with it any sum over the frame; those
 * to an IPv6 header change such a sum by what the TCP or UDP checksum then takes off again. That
 * one is the helper's work, because the device may be going to fill it in (CHECKSUM_PARTIAL). */
#pragma once

#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/sctp_checksum.h"
#include "lvsd/bpf/xmit_direct.h"
#include "lvsd/bpf/xmit_local.h"

/* A port of SCTP, and its checksum after it. One of 0 is the device's to fill in. `at`: where the
 * port is; `bytes`: from it to the end of the packet. */
VERIFIED_ALONE int replace_sctp_port(struct __sk_buff* skb, __u32 at, __u32 check_at, __u16 port,
                                     __u32 bytes) {
  __u32 check = 0;
  __u16 before = 0;
  if (bpf_skb_load_bytes(skb, at, &before, sizeof(before)) ||
      bpf_skb_load_bytes(skb, check_at, &check, sizeof(check)) ||
      bpf_skb_store_bytes(skb, at, &port, sizeof(port), BPF_F_RECOMPUTE_CSUM)) {
    return 0;
  }
  if (!check) {
    return 1;
  }
  check ^= le_word(lvs_crc32c_change(le_half(before ^ port), bytes));
  return !bpf_skb_store_bytes(skb, check_at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

/* In fragments it cannot be done: nobody here knows how long all of them are. */
static __always_inline int rewrite_sctp_port(const int family, struct __sk_buff* skb,
                                             const struct packet* packet,
                                             const struct lvs_flow* to) {
  const int is_request = to->direction == LVS_TO_SERVER;
  const __u32 l4 = l4_offset(family, packet);
  const __u32 at = l4 + (is_request ? sizeof(to->port) : 0);
  if (to->port == (is_request ? packet->dport : packet->sport)) {
    return 1;
  }
  return packet->fragment == NO_FRAGMENT &&
         replace_sctp_port(skb, at, l4 + SCTP_CHECK_OFFSET, to->port,
                           end_of_packet(family, skb) - at);
}

/* False: it is not what it was taken for. `hops` and `mac`: as in xmit_direct.h. */
static __always_inline int rewrite_nat4(struct __sk_buff* skb, const struct packet* packet,
                                        const struct lvs_flow* to, int hops,
                                        const struct lvs_route* mac) {
  void* data = data_of(skb);
  void* end = end_of(skb);
  struct ethhdr* ethernet = data;
  struct iphdr* ip = data + ETH_HLEN;
  const __u32 l4 = l4_offset(AF_INET, packet);
  __be16* ports = data + l4;
  if ((void*)(ip + 1) > end || (void*)ports + UDP_HEADER > end) {
    return 0;
  }
  const __be32 address = to->address;
  const __be16 port = to->port;
  const int is_request = to->direction == LVS_TO_SERVER;
  const int is_tcp = packet->protocol == IPPROTO_TCP;
  const int is_unsummed = !is_tcp && ports[3] == 0;
  const __be32 old_address = is_request ? ip->daddr : ip->saddr;
  const __be16 old_port = is_request ? ports[1] : ports[0];

  __u32 sum = (__u16)~ip->check;
  sum += (__u16) ~(old_address & 0xffff) + (__u16) ~(old_address >> 16);
  sum += (address & 0xffff) + (address >> 16);
  if (hops) {
    const __u16 old_word = *(__u16*)&ip->ttl;
    ip->ttl -= hops;
    sum += (__u16)~old_word + *(__u16*)&ip->ttl;
  }
  ip->check = ~fold(sum);
  if (is_request) {
    ip->daddr = address;
    ports[1] = port;
  } else {
    ip->saddr = address;
    ports[0] = port;
  }
  if (mac) {
    set_macs(ethernet, mac);
  }
  if (is_unsummed) {
    return 1;
  }
  const __u32 check = l4 + (is_tcp ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET);
  const __u64 flags = is_tcp ? 0 : BPF_F_MARK_MANGLED_0;
  if (old_port != port && bpf_l4_csum_replace(skb, check, old_port, port, flags | 2)) {
    return 0;
  }
  return !bpf_l4_csum_replace(skb, check, old_address, address, flags | BPF_F_PSEUDO_HDR | 4);
}

#define IPV6_SADDR_OFFSET (ETH_HLEN + __builtin_offsetof(struct ipv6hdr, saddr))
#define IPV6_DADDR_OFFSET (ETH_HLEN + __builtin_offsetof(struct ipv6hdr, daddr))

static __always_inline int rewrite_nat6(struct __sk_buff* skb, const struct packet* packet,
                                        const struct lvs_flow* to, int hops,
                                        const struct lvs_route* mac) {
  const int is_request = to->direction == LVS_TO_SERVER;
  const int is_tcp = packet->protocol == IPPROTO_TCP;
  const __u32 l4 = l4_offset(AF_INET6, packet);
  const __u32 check = l4 + (is_tcp ? TCP_CHECK_OFFSET : UDP_CHECK_OFFSET);
  const __u32 at = is_request ? IPV6_DADDR_OFFSET : IPV6_SADDR_OFFSET;
  const __be16 old_port = is_request ? packet->dport : packet->sport;
  const __be16 port = to->port;
  struct address6 old_address;
  struct address6 address;
  copy_address(AF_INET6, old_address.word,
               is_request ? packet->key.v6.daddr : packet->key.v6.saddr);
  copy_address(AF_INET6, address.word, address_of(AF_INET6, to));
  const __s64 change =
      bpf_csum_diff(old_address.word, sizeof(old_address), address.word, sizeof(address), 0);
  const __u64 flags = is_tcp ? 0 : BPF_F_MARK_MANGLED_0;
  if (bpf_skb_store_bytes(skb, at, &address, sizeof(address), BPF_F_RECOMPUTE_CSUM) ||
      bpf_l4_csum_replace(skb, check, 0, change, flags | BPF_F_PSEUDO_HDR)) {
    return 0;
  }
  if (old_port != port &&
      (bpf_l4_csum_replace(skb, check, old_port, port, flags | sizeof(port)) ||
       bpf_skb_store_bytes(skb, l4 + (is_request ? 2 : 0), &port, sizeof(port), 0))) {
    return 0;
  }
  return rewrite_direct6(skb, packet, hops, mac);
}

/* The address alone: all but the first fragment of a datagram have no ports. */
static __always_inline int rewrite_nat_address(const int family, struct __sk_buff* skb,
                                               const struct packet* packet,
                                               const struct lvs_flow* to, int hops,
                                               const struct lvs_route* mac) {
  const int is_request = to->direction == LVS_TO_SERVER;
  const __be32* address = address_of(family, to);
  if (family == AF_INET6) {
    struct address6 copy;
    copy_address(AF_INET6, copy.word, address);
    return !bpf_skb_store_bytes(skb, is_request ? IPV6_DADDR_OFFSET : IPV6_SADDR_OFFSET, &copy,
                                sizeof(copy), BPF_F_RECOMPUTE_CSUM) &&
           rewrite_direct6(skb, packet, hops, mac);
  }
  const __be32 before = is_request ? packet->key.v4.daddr : packet->key.v4.saddr;
  const __be32 after = *address;
  const __u32 at = is_request ? __builtin_offsetof(struct iphdr, daddr)
                              : __builtin_offsetof(struct iphdr, saddr);
  return !bpf_l3_csum_replace(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, check), before,
                              after, sizeof(after)) &&
         !bpf_skb_store_bytes(skb, ETH_HLEN + at, &after, sizeof(after), 0) &&
         rewrite_direct4(skb, hops, mac);
}

static __always_inline int rewrite_nat(const int family, struct __sk_buff* skb,
                                       const struct packet* packet, const struct lvs_flow* to,
                                       int hops, const struct lvs_route* mac) {
  if (packet->fragment == LATER_FRAGMENT || packet->protocol == IPPROTO_SCTP) {
    return (packet->fragment == LATER_FRAGMENT || rewrite_sctp_port(family, skb, packet, to)) &&
           rewrite_nat_address(family, skb, packet, to, hops, mac);
  }
  return family == AF_INET6 ? rewrite_nat6(skb, packet, to, hops, mac)
                            : rewrite_nat4(skb, packet, to, hops, mac);
}
