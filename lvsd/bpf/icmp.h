/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors about connections: translated as ip_vs does, so that path MTU discovery works
 * through the director.
 *
 * An error quotes the packet it is about, and goes back to that packet's sender. One that quotes a
 * reply (VIP to client) came from the client's side: it goes on to the real server, which must see
 * its own address and port quoted. One that quotes a request (client to real server) goes on to
 * the client from the VIP, which is quoted too. The quoted packet turned round is the key of the
 * connection's entry. All else of ICMP is the stack's. All of this is rare: helpers copy the
 * headers out and in. */
#pragma once

#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/packet.h"

#ifndef AF_INET
#define AF_INET 2
#endif

/* <linux/icmp.h> would bring sockets along. */
enum icmp_type { ICMP_UNREACHABLE = 3, ICMP_QUENCH = 4, ICMP_EXCEEDED = 11 };

struct icmp_error {
  __u8 type;
  __u8 code;
  __sum16 check;
  __be16 zero;
  __be16 mtu; /* Of "fragmentation needed". */
};

struct quoting {
  struct icmp_error icmp;
  struct iphdr ip;
};

struct quoted_ports {
  __be16 source;
  __be16 dest;
};

static __always_inline void replace_in_sum(__sum16* check, __u32 from, __u32 to) {
  __u32 sum = (__u16) ~*check;
  sum += (__u16) ~(from & 0xffff) + (__u16) ~(from >> 16);
  sum += (to & 0xffff) + (to >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  *check = ~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void replace_address(struct iphdr* ip, __be32* address, __be32 to) {
  replace_in_sum(&ip->check, *address, to);
  *address = to;
}

/* The ICMP packet in skb goes by the routing table; the neighbour layer sends it. */
VERIFIED_ALONE int send_icmp(struct __sk_buff* skb, __be32 from, __be32 to) {
  struct bpf_fib_lookup fib = {};
  fib.family = AF_INET;
  fib.l4_protocol = IPPROTO_ICMP;
  fib.ifindex = skb->ifindex;
  fib.ipv4_src = from;
  fib.ipv4_dst = to;
  const long found = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return drop(found == BPF_FIB_LKUP_RET_FRAG_NEEDED ? LVS_DROP_TOO_BIG : LVS_DROP_NO_ROUTE);
  }
  skb->mark = 0;
  return bpf_redirect_neigh(fib.ifindex, 0, 0, 0);
}

static __always_inline int is_error(__u8 type) {
  return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_EXCEEDED;
}

/* An entry of a connection that has ended quotes nobody. */
static __always_inline int is_alive(const struct lvs_flow* flow, __u64 now) {
  if (flow->direction == LVS_TO_SERVER) {
    return !(flow->word & LVS_WORD_DEAD) && now < flow->expires;
  }
  struct lvs_key key = flow->other;
  const struct lvs_flow* owner = bpf_map_lookup_elem(&lvs_flows, &key);
  return owner && generation_of(owner->word) == generation_of(flow->word) &&
         !(owner->word & LVS_WORD_DEAD) && now < owner->expires;
}

/* Puts the receiver's own view of the connection into all headers. */
static __always_inline void rewrite_error(struct iphdr* ip, struct quoting* quoting,
                                          struct quoted_ports* ports, const struct lvs_flow* flow) {
  __be16* port = flow->direction == LVS_TO_SERVER ? &ports->source : &ports->dest;
  if (flow->direction == LVS_TO_SERVER) {
    replace_address(ip, &ip->daddr, flow->address);
    replace_address(&quoting->ip, &quoting->ip.saddr, flow->address);
  } else {
    replace_address(ip, &ip->saddr, flow->address);
    replace_address(&quoting->ip, &quoting->ip.daddr, flow->address);
  }
  /* The quoted IP header's checksum makes up for its address; the port is what is left. */
  replace_in_sum(&quoting->icmp.check, *port, flow->port);
  *port = flow->port;
  const __u16 old_word = *(__u16*)&ip->ttl;
  ip->ttl -= 1;
  replace_in_sum(&ip->check, old_word, *(__u16*)&ip->ttl);
}

/* Called for a whole (unfragmented) ICMP packet with an IP header that has been looked at. */
VERIFIED_ALONE int icmp_on_nic(struct __sk_buff* skb) {
  struct iphdr ip;
  struct quoting quoting;
  struct quoted_ports ports;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof(ip))) {
    return LVS_PASS;
  }
  const __u32 icmp_at = ETH_HLEN + ip.ihl * 4;
  if (bpf_skb_load_bytes(skb, icmp_at, &quoting, sizeof(quoting)) || !is_error(quoting.icmp.type) ||
      quoting.ip.version != 4 || quoting.ip.ihl < 5 ||
      quoting.ip.frag_off & bpf_htons(IP_FRAGMENT_OFFSET) || quoting.ip.saddr != ip.daddr) {
    return LVS_PASS;
  }
  const __u32 ports_at = icmp_at + sizeof(struct icmp_error) + quoting.ip.ihl * 4;
  if ((quoting.ip.protocol != IPPROTO_TCP && quoting.ip.protocol != IPPROTO_UDP) ||
      bpf_skb_load_bytes(skb, ports_at, &ports, sizeof(ports))) {
    return LVS_PASS;
  }
  struct lvs_key key = {.saddr = quoting.ip.daddr,
                        .daddr = quoting.ip.saddr,
                        .sport = ports.dest,
                        .dport = ports.source,
                        .protocol = quoting.ip.protocol};
  const struct lvs_flow* flow = bpf_map_lookup_elem(&lvs_flows, &key);
  if (!flow || !is_alive(flow, bpf_ktime_get_coarse_ns())) {
    return LVS_PASS;
  }
  if (ip.ttl <= 1) {
    return drop(LVS_DROP_TTL);
  }
  rewrite_error(&ip, &quoting, &ports, flow);
  count_packet(flow->dest, flow->direction, skb->len - ETH_HLEN);
  if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0) ||
      bpf_skb_store_bytes(skb, icmp_at, &quoting, sizeof(quoting), 0) ||
      bpf_skb_store_bytes(skb, ports_at, &ports, sizeof(ports), 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  return send_icmp(skb, ip.saddr, ip.daddr);
}
