/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For `lvsadm --trace`: what came to a program of the packet path, and what it made of it. Without
 * a trace this is one question of each packet, whose answer is no.
 *
 * What a program did is told by what is different behind it: headers, the connection's entry, and
 * the counters of reasons, of which each processor has its own. The programs run with softirqs off,
 * so on one processor no packet comes between before and after. Nothing here touches a packet.
 *
 * (docs/packet.md says why no fentry.) */
#pragma once

#include "lvsd/bpf/icmp6.h"
#include "lvsd/bpf/packet.h"
#include "lvsd/bpf/trace_abi.h"

volatile struct lvs_trace lvs_trace SEC(".data.trace") = {.version = LVS_TRACE_VERSION};

struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, LVS_TRACE_RING_BYTES);
} lvs_trace_ring SEC(".maps");

/* The packet that a program is at. */
struct traced {
  __u32 is_wanted;
  __u32 generation; /* Of its connection before; 0: none. */
  union any_key key;
  struct lvs_trace_packet quoted;
  __u64 counts[LVS_DROPS];
  struct lvs_trace_event event;
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct traced);
} lvs_traced SEC(".maps");

static __always_inline struct traced* traced_of_cpu(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&lvs_traced, &zero);
}

/* Where the header behind IP's is; 0: this is no IP. */
static __always_inline __u32 read_ip4_to(struct __sk_buff* skb, __u32 at,
                                         struct lvs_trace_packet* packet) {
  struct iphdr ip;
  if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip)) || ip.ihl < 5) {
    return 0;
  }
  packet->family = AF_INET;
  packet->saddr[0] = ip.saddr;
  packet->daddr[0] = ip.daddr;
  packet->protocol = ip.protocol;
  packet->is_fragment = !!(ip.frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET));
  packet->is_later_fragment = !!(ip.frag_off & bpf_htons(IP_FRAGMENT_OFFSET));
  return at + ip.ihl * 4;
}

static __always_inline __u32 read_ip6_to(struct __sk_buff* skb, __u32 at,
                                         struct lvs_trace_packet* packet) {
  struct ipv6hdr ip;
  if (bpf_skb_load_bytes(skb, at, &ip, sizeof(ip))) {
    return 0;
  }
  packet->family = AF_INET6;
  __builtin_memcpy(packet->saddr, &ip.saddr, sizeof(packet->saddr));
  __builtin_memcpy(packet->daddr, &ip.daddr, sizeof(packet->daddr));
  packet->protocol = ip.nexthdr;
  at += sizeof(ip);
  for (int i = 0; i < EXTENSIONS_MAX; i++) {
    __u8 header[EXTENSION_HEADER_MIN];
    const __u8 next = packet->protocol;
    if ((next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
         next != IPPROTO_FRAGMENT) ||
        packet->is_later_fragment || bpf_skb_load_bytes(skb, at, header, sizeof(header))) {
      break;
    }
    if (next == IPPROTO_FRAGMENT) {
      const __u32 place = header[2] << 8 | header[3];
      packet->is_fragment = !!(place & (IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS));
      packet->is_later_fragment = !!(place & IPV6_FRAGMENT_OFFSET);
    }
    packet->protocol = header[0];
    at += next == IPPROTO_FRAGMENT ? 8 : (header[1] + 1) * 8;
  }
  return at;
}

enum headers { HEADERS_BEFORE, HEADERS_AFTER, HEADERS_QUOTED };

/* Of the IP packet that begins there; where the header behind IP's is, or 0. */
VERIFIED_ALONE __u32 read_headers(struct __sk_buff* skb, __u32 at, enum headers which) {
  struct traced* traced = traced_of_cpu();
  __be16 ports[2] = {};
  __u8 first = 0;
  if (!traced || bpf_skb_load_bytes(skb, at, &first, sizeof(first))) {
    return 0;
  }
  struct lvs_trace_packet* packet = which == HEADERS_BEFORE  ? &traced->event.before
                                    : which == HEADERS_AFTER ? &traced->event.after
                                                             : &traced->quoted;
  at = first >> 4 == 4   ? read_ip4_to(skb, at, packet)
       : first >> 4 == 6 ? read_ip6_to(skb, at, packet)
                         : 0;
  if (!at || packet->is_later_fragment) {
    return 0;
  }
  const __u8 protocol = packet->protocol;
  if (is_balanced(protocol) && !bpf_skb_load_bytes(skb, at, ports, sizeof(ports))) {
    packet->sport = ports[0];
    packet->dport = ports[1];
  }
  if (protocol == IPPROTO_TCP) {
    bpf_skb_load_bytes(skb, at + 13, &packet->tcp_flags, sizeof(packet->tcp_flags));
  }
  if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
    bpf_skb_load_bytes(skb, at, &packet->icmp_type, sizeof(packet->icmp_type));
    bpf_skb_load_bytes(skb, at + 1, &packet->icmp_code, sizeof(packet->icmp_code));
  }
  return at;
}

static __always_inline int is_icmp_error(const struct lvs_trace_packet* packet) {
  const __u8 type = packet->icmp_type;
  if (packet->protocol == IPPROTO_ICMP) {
    return type == ICMP_UNREACHABLE || type == ICMP_QUENCH || type == ICMP_EXCEEDED;
  }
  return packet->protocol == IPPROTO_ICMPV6 && type >= ICMP6_UNREACHABLE && type <= ICMP6_ERRORS;
}

/* Who talks to whom: an ICMP error is of the connection of the packet that it quotes, turned round.
 */
struct talk {
  const __be32* from;
  const __be32* to;
  __be16 sport;
  __be16 dport;
  __u8 protocol;
};

static __always_inline struct talk talk_of(const struct traced* traced) {
  const struct lvs_trace_packet* packet = &traced->event.before;
  const struct lvs_trace_packet* quoted = &traced->quoted;
  return quoted->family ? (struct talk){quoted->daddr, quoted->saddr, quoted->dport, quoted->sport,
                                        quoted->protocol}
                        : (struct talk){packet->saddr, packet->daddr, packet->sport, packet->dport,
                                        packet->protocol};
}

static __always_inline void make_key(struct traced* traced) {
  const struct talk talk = talk_of(traced);
  __builtin_memset(&traced->key, 0, sizeof(traced->key));
  if (traced->event.before.family == AF_INET6) {
    struct lvs_key6* key = &traced->key.v6;
    copy_address(AF_INET6, key->saddr, talk.from);
    copy_address(AF_INET6, key->daddr, talk.to);
    key->sport = talk.sport;
    key->dport = talk.dport;
    key->protocol = talk.protocol;
  } else {
    traced->key.v4 = (struct lvs_key){.saddr = *talk.from,
                                      .daddr = *talk.to,
                                      .sport = talk.sport,
                                      .dport = talk.dport,
                                      .protocol = talk.protocol};
  }
}

/* What there is to tell of the connection; its generation, or 0. */
static __always_inline __u32 note_flow(const int family, struct traced* traced) {
  struct lvs_trace_event* event = &traced->event;
  const struct lvs_flow* flow = find_flow(family, &traced->key);
  if (!flow || (flow->word & LVS_WORD_DEAD)) {
    return 0;
  }
  event->direction = flow->direction;
  event->forward = flow->forward;
  event->flow_flags = flow->flags;
  event->way = flow->route.ifindex;
  event->port = flow->port;
  copy_address(family, event->address, address_of(family, flow));
  const struct lvs_dest* dest = quick_dest_of(flow->dest);
  if (dest) {
    event->server_family = dest->family;
    copy_address(AF_INET6, event->server, dest->address);
  }
  return flow->word >> LVS_WORD_GENERATION_SHIFT;
}

static __always_inline __u32 note_connection(struct traced* traced) {
  return traced->event.before.family == AF_INET6 ? note_flow(AF_INET6, traced)
                                                 : note_flow(AF_INET, traced);
}

static __always_inline int is_client(const __be32* address) {
  const volatile struct lvs_trace_filter* wanted = &lvs_trace.filter;
  return !wanted->client_family || (!((address[0] ^ wanted->client[0]) & wanted->mask[0]) &&
                                    !((address[1] ^ wanted->client[1]) & wanted->mask[1]) &&
                                    !((address[2] ^ wanted->client[2]) & wanted->mask[2]) &&
                                    !((address[3] ^ wanted->client[3]) & wanted->mask[3]));
}

static __always_inline int is_service(const __be32* address, __be16 port) {
  const volatile struct lvs_trace_filter* wanted = &lvs_trace.filter;
  return !wanted->service_family ||
         (address[0] == wanted->service[0] && address[1] == wanted->service[1] &&
          address[2] == wanted->service[2] && address[3] == wanted->service[3] &&
          (!wanted->port || port == wanted->port));
}

/* A packet without a connection may be going either way. */
static __always_inline int is_wanted(const struct traced* traced) {
  const volatile struct lvs_trace_filter* wanted = &lvs_trace.filter;
  const struct lvs_trace_event* event = &traced->event;
  const struct talk talk = talk_of(traced);
  const __u8 family = event->before.family;
  if ((wanted->client_family && wanted->client_family != family) ||
      (wanted->service_family && wanted->service_family != family) ||
      (wanted->protocol && wanted->protocol != talk.protocol)) {
    return 0;
  }
  if (traced->generation && event->direction == LVS_TO_CLIENT) {
    return is_client(talk.to) && is_service(event->address, event->port);
  }
  return (is_client(talk.from) && is_service(talk.to, talk.dport)) ||
         (is_client(talk.to) && is_service(talk.from, talk.sport));
}

/* What comes in once more because the core gave it back, and what only passes nic_egress, was told
 * of before; lvsd's probes, and what ipvs0 says for itself, are nobody's packets. */
static __always_inline int is_told_elsewhere(const struct __sk_buff* skb,
                                             enum lvs_trace_hook hook) {
  switch (hook) {
    case LVS_TRACE_NIC_INGRESS:
      return skb->mark == LVS_MARK_LOCAL || skb->mark == LVS_MARK_FORWARDED;
    case LVS_TRACE_NIC_EGRESS:
      return skb->ingress_ifindex != 0;
    case LVS_TRACE_IPVS0_EGRESS:
      return skb->priority == LVS_PRIORITY_PROBE;
    default:
      return 0;
  }
}

VERIFIED_ALONE __u64 count_of(__u32 reason) {
  const __u64* count = bpf_map_lookup_elem(&lvs_drops, &reason);
  return count ? *count : 0;
}

VERIFIED_ALONE int look_before(struct __sk_buff* skb, enum lvs_trace_hook hook) {
  struct traced* traced = traced_of_cpu();
  if (!traced) {
    return 0;
  }
  traced->is_wanted = 0;
  if (bpf_ktime_get_coarse_ns() > lvs_trace.until) {
    lvs_trace.is_on = 0;
    return 0;
  }
  struct lvs_trace_event* event = &traced->event;
  __builtin_memset(event, 0, sizeof(*event));
  __builtin_memset(&traced->quoted, 0, sizeof(traced->quoted));
  if (is_told_elsewhere(skb, hook)) {
    return 0;
  }
  const __u32 l4 = read_headers(skb, ETH_HLEN, HEADERS_BEFORE);
  if (l4 && is_icmp_error(&event->before)) {
    read_headers(skb, l4 + sizeof(struct icmp_error), HEADERS_QUOTED);
  }
  const int is_of_ipvs0 =
      hook == LVS_TRACE_IPVS0_EGRESS && event->before.protocol == IPPROTO_ICMPV6;
  make_key(traced);
  traced->generation = note_connection(traced);
  if (!event->before.family || is_of_ipvs0 || !is_wanted(traced)) {
    return 0;
  }
  event->time = bpf_ktime_get_ns();
  event->hook = hook;
  event->ifindex = skb->ifindex;
  event->bytes = skb->len - ETH_HLEN;
  event->packet_type = skb->pkt_type;
  event->flags = (traced->generation ? LVS_TRACE_WAS_KNOWN : 0) |
                 (traced->quoted.family ? LVS_TRACE_QUOTED : 0);
  for (__u32 reason = 0; reason < LVS_DROPS; reason++) {
    traced->counts[reason] = count_of(reason);
  }
  traced->is_wanted = 1;
  return 0;
}

VERIFIED_ALONE int look_after(struct __sk_buff* skb, int verdict) {
  struct traced* traced = traced_of_cpu();
  if (!traced || !traced->is_wanted) {
    return 0;
  }
  traced->is_wanted = 0;
  struct lvs_trace_event* event = &traced->event;
  event->verdict = verdict;
  for (__u32 reason = 0; reason < LVS_DROPS; reason++) {
    event->reasons |= (__u32)(count_of(reason) != traced->counts[reason]) << reason;
  }
  if (lvs_trace.filter.only_with_reason && !event->reasons && verdict != TC_ACT_SHOT) {
    return 0;
  }
  read_headers(skb, ETH_HLEN, HEADERS_AFTER);
  event->mark = skb->mark;
  event->priority = skb->priority;
  const __u32 generation = note_connection(traced);
  if (generation) {
    event->flags |= LVS_TRACE_IS_KNOWN;
    event->flags |= generation != traced->generation ? LVS_TRACE_IS_NEW : 0;
  }
  if (bpf_ringbuf_output(&lvs_trace_ring, event, sizeof(*event), 0)) {
    __sync_fetch_and_add(&lvs_trace.lost, 1);
  }
  return 0;
}

/* Around a program; a packet that goes on to another one by a tail call is told of behind that. */
static __always_inline void trace_before(struct __sk_buff* skb, enum lvs_trace_hook hook) {
  if (lvs_trace.is_on) {
    look_before(skb, hook);
  }
}

static __always_inline int trace_after(struct __sk_buff* skb, int verdict) {
  if (lvs_trace.is_on) {
    look_after(skb, verdict);
  }
  return verdict;
}
