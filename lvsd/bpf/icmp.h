/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors of others about connections are translated as ip_vs does, so that path MTU discovery
 * works through the director.
 *
 * An error quotes the packet it is about, and goes back to that packet's sender. One that quotes a
 * reply (VIP to client) came from the client's side: it goes on to the real server, which must see
 * its own address and port quoted. One that quotes a request (client to real server) goes on to
 * the client from the VIP, which is quoted too. The quoted packet turned round is the key of the
 * connection's entry. All else of ICMP is the stack's. */
#pragma once

#include "lvsd/bpf/answer.h"
#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/denied.h"
#include "lvsd/bpf/xmit_direct.h"
#include "lvsd/bpf/xmit_tunnel.h"

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
  *check = ~fold(sum);
}

static __always_inline void replace_address(struct iphdr* ip, __be32* address, __be32 to) {
  replace_in_sum(&ip->check, *address, to);
  *address = to;
}

static __always_inline int is_error(__u8 type) {
  return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_EXCEEDED;
}

/* An entry of a connection that has ended quotes nobody. */
static __always_inline int is_alive(const int family, const struct lvs_flow* flow, __u64 now) {
  if (flow->direction == LVS_TO_SERVER) {
    return !(flow->word & LVS_WORD_DEAD) && now < flow->expires;
  }
  union any_key key;
  copy_key(family, &key, other_of(family, flow));
  const struct lvs_flow* owner = find_flow(family, &key);
  return owner && generation_of(owner->word) == generation_of(flow->word) &&
         !(owner->word & LVS_WORD_DEAD) && now < owner->expires;
}

/* An error from the client's side about a connection of a client that is denied, or that a denied
 * one has sent about another's: whose prefix counts it; null: it is let pass. */
static __always_inline const __be32* denied_by(const int family, const struct lvs_flow* flow,
                                               const __be32* sender, const __be32* client) {
  const struct lvs_config* config = config_of_core();
  if (!config || flow->direction != LVS_TO_SERVER) {
    return 0;
  }
  return is_denied(family, config, client)   ? client
         : is_denied(family, config, sender) ? sender
                                             : 0;
}

/* Puts the receiver's own view of the connection into all headers. */
static __always_inline void rewrite_error(struct iphdr* ip, struct quoting* quoting,
                                          struct quoted_ports* ports, const struct lvs_flow* flow,
                                          int spend_ttl) {
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
  if (!spend_ttl) {
    return;
  }
  const __u16 old_word = *(__u16*)&ip->ttl;
  ip->ttl -= 1;
  replace_in_sum(&ip->check, old_word, *(__u16*)&ip->ttl);
}

/* The real server answers by the VIP, and so is asked about by it: it gets the error as it is,
 * through its tunnel where it has one. */
static __always_inline int pass_on_error(const int family, struct __sk_buff* skb,
                                         const struct packet* packet, const struct lvs_flow* flow) {
  struct lvs_route route = {};
  if (flow->flags & LVS_FLOW_TO_SELF) {
    return LVS_PASS;
  }
  count_packet(flow->dest, LVS_TO_SERVER, skb->len - ETH_HLEN);
  const struct lvs_dest* tunnel = flow->forward == LVS_FORWARD_TUNNEL ? dest_of(flow->dest) : 0;
  const int way = tunnel ? find_way(tunnel->family, skb, &route, 0, tunnel->address, 0)
                         : find_way(family, skb, &route, 0, address_of(family, flow), 0);
  if (way == WAY_NONE || (tunnel && !tunnel->tunnel_source[0])) {
    return drop(LVS_DROP_NO_ROUTE);
  }
  const int is_right = tunnel               ? put_into_tunnel(family, skb, packet, tunnel, 1, 0, 0)
                       : family == AF_INET6 ? rewrite_direct6(skb, packet, 1, 0)
                                            : rewrite_direct4(skb, 1, 0);
  return is_right ? send_by_neighbour(skb) : drop(LVS_DROP_MALFORMED);
}

/* Called for a whole (unfragmented) ICMP packet with an IP header that has been looked at.
 * `is_own`: the director's stack has made it, and is sending it. */
VERIFIED_ALONE int translate_error(struct __sk_buff* skb, int is_own) {
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
  if (!is_balanced(quoting.ip.protocol) ||
      bpf_skb_load_bytes(skb, ports_at, &ports, sizeof(ports))) {
    return LVS_PASS;
  }
  struct lvs_key key = {.saddr = quoting.ip.daddr,
                        .daddr = quoting.ip.saddr,
                        .sport = ports.dest,
                        .dport = ports.source,
                        .protocol = quoting.ip.protocol};
  const struct lvs_flow* flow = bpf_map_lookup_elem(&lvs_flows, &key);
  if (!flow || !is_alive(AF_INET, flow, bpf_ktime_get_coarse_ns())) {
    return LVS_PASS;
  }
  if (is_own && (flow->direction == LVS_TO_SERVER || flow->forward != LVS_FORWARD_NAT)) {
    return LVS_PASS;
  }
  const __be32* denied = is_own ? 0 : denied_by(AF_INET, flow, &ip.saddr, &key.saddr);
  if (denied) {
    return drop_denied(AF_INET, denied);
  }
  if (!is_own && ip.ttl <= 1) {
    return drop(LVS_DROP_TTL);
  }
  if (flow->forward != LVS_FORWARD_NAT) {
    const struct packet packet = {.ttl = ip.ttl, .protocol = IPPROTO_ICMP};
    return pass_on_error(AF_INET, skb, &packet, flow);
  }
  rewrite_error(&ip, &quoting, &ports, flow, !is_own);
  count_packet(flow->dest, flow->direction, skb->len - ETH_HLEN);
  if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), 0) ||
      bpf_skb_store_bytes(skb, icmp_at, &quoting, sizeof(quoting), 0) ||
      bpf_skb_store_bytes(skb, ports_at, &ports, sizeof(ports), 0)) {
    return drop(LVS_DROP_MALFORMED);
  }
  const int stays = is_own || (flow->flags & LVS_FLOW_TO_SELF && flow->direction == LVS_TO_SERVER);
  return stays ? LVS_PASS : send_icmp(skb, ip.saddr, ip.daddr);
}
