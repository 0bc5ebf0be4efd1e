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

/* SCTP's checksum after the port has changed. One of 0 is the device's to fill in. */
VERIFIED_ALONE int follow_sctp_port(struct __sk_buff* skb, __u32 check_at, __u16 change,
                                    __u32 bytes) {
  __u32 check = 0;
  if (bpf_skb_load_bytes(skb, check_at, &check, sizeof(check))) {
    return 0;
  }
  if (!check) {
    return 1;
  }
  check ^= le_word(lvs_crc32c_change(le_half(change), bytes));
  return !bpf_skb_store_bytes(skb, check_at, &check, sizeof(check), BPF_F_RECOMPUTE_CSUM);
}

/* The rest of a packet whose addresses and port are the new ones already. In fragments it cannot be
 * done: nobody here knows how long all of them are. */
static __always_inline int finish_sctp(const int family, struct __sk_buff* skb,
                                       const struct packet* packet, __be16 old_port, __be16 port,
                                       int is_request) {
  const __u32 l4 = l4_offset(family, packet);
  const __u32 bytes = end_of_packet(family, skb) - l4 - (is_request ? sizeof(port) : 0);
  return old_port == port ||
         (packet->fragment == NO_FRAGMENT &&
          follow_sctp_port(skb, l4 + SCTP_CHECK_OFFSET, old_port ^ port, bytes));
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
  const int is_sctp = packet->protocol == IPPROTO_SCTP;
  const int is_unsummed = !is_tcp && (is_sctp || ports[3] == 0);
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
    return !is_sctp || finish_sctp(AF_INET, skb, packet, old_port, port, is_request);
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

/* The addresses and ports of SCTP. Verified alone for the stack's sake. */
VERIFIED_ALONE int rewrite_sctp6(struct __sk_buff* skb, const struct packet* packet,
                                 const struct lvs_flow6* to) {
  if (!packet || !to) {
    return 0;
  }
  const int is_request = to->flow.direction == LVS_TO_SERVER;
  const __be16 old_port = is_request ? packet->dport : packet->sport;
  const __be16 port = to->flow.port;
  const __u32 at = l4_offset(AF_INET6, packet) + (is_request ? sizeof(port) : 0);
  struct address6 address;
  copy_address(AF_INET6, address.word, to->address);
  return !bpf_skb_store_bytes(skb, is_request ? IPV6_DADDR_OFFSET : IPV6_SADDR_OFFSET, &address,
                              sizeof(address), BPF_F_RECOMPUTE_CSUM) &&
         !bpf_skb_store_bytes(skb, at, &port, sizeof(port), BPF_F_RECOMPUTE_CSUM) &&
         finish_sctp(AF_INET6, skb, packet, old_port, port, is_request);
}

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

/* What has no ports: all but the first fragment of a datagram. */
static __always_inline int rewrite_nat_later(const int family, struct __sk_buff* skb,
                                             const struct packet* packet, const struct lvs_flow* to,
                                             int hops, const struct lvs_route* mac) {
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
  if (packet->fragment == LATER_FRAGMENT) {
    return rewrite_nat_later(family, skb, packet, to, hops, mac);
  }
  if (family == AF_INET) {
    return rewrite_nat4(skb, packet, to, hops, mac);
  }
  if (packet->protocol == IPPROTO_SCTP) {
    return rewrite_sctp6(skb, packet, (const struct lvs_flow6*)to) &&
           rewrite_direct6(skb, packet, hops, mac);
  }
  return rewrite_nat6(skb, packet, to, hops, mac);
}
