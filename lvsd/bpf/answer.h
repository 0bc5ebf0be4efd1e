/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP errors that the director itself answers with, in the name of the VIP, which is all that the
 * sender knows of it. All of this is rare: helpers copy the headers out and in. */
#pragma once

#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/xmit_stack.h"

enum icmp_type { ICMP_UNREACHABLE = 3, ICMP_QUENCH = 4, ICMP_EXCEEDED = 11 };
#define ICMP_HOST_UNREACHABLE 1
#define ICMP_PORT_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4

enum icmp6_type { ICMP6_UNREACHABLE = 1, ICMP6_TOO_BIG = 2, ICMP6_EXCEEDED = 3, ICMP6_ERRORS = 4 };
#define ICMP6_ADDRESS_UNREACHABLE 3
#define ICMP6_PORT_UNREACHABLE 4

enum answer {
  ANSWER_NO_HOST,
  ANSWER_NO_PORT,
  ANSWER_TTL,
  ANSWER_TOO_BIG,
};

/* The stack's own limit: 1,000 answers a second and 50 at once, save for "fragmentation needed". */
#define ANSWER_INTERVAL_NS 1000000ULL
#define ANSWERS_AT_ONCE 50

/* The ICMP packet in skb, for which the routing table had this answer: the neighbour layer sends
 * it, or, to the director itself or where it is to be encrypted, the stack. */
static __always_inline int send_found(struct __sk_buff* skb, const struct bpf_fib_lookup* fib,
                                      long found) {
  const struct lvs_config* config = config_of_core();
  if (found == BPF_FIB_LKUP_RET_NOT_FWDED || (config && config->encrypts)) {
    return send_through_stack(skb, 0);
  }
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return drop(found == BPF_FIB_LKUP_RET_FRAG_NEEDED ? LVS_DROP_TOO_BIG : LVS_DROP_NO_ROUTE);
  }
  skb->mark = 0;
  return bpf_redirect_neigh(fib->ifindex, 0, 0, 0);
}

VERIFIED_ALONE int send_icmp(struct __sk_buff* skb, __be32 from, __be32 to) {
  struct bpf_fib_lookup fib = {};
  fib.family = AF_INET;
  fib.l4_protocol = IPPROTO_ICMP;
  fib.ifindex = LOOPBACK_IFINDEX;
  fib.ipv4_src = from;
  fib.ipv4_dst = to;
  return send_found(skb, &fib, bpf_fib_lookup(skb, &fib, sizeof(fib), 0));
}

VERIFIED_ALONE int send_icmp6(struct __sk_buff* skb, const struct address6* from,
                              const struct address6* to) {
  if (!from || !to) {
    return TC_ACT_SHOT;
  }
  struct bpf_fib_lookup fib = {};
  fib.family = AF_INET6;
  fib.l4_protocol = IPPROTO_ICMPV6;
  fib.ifindex = LOOPBACK_IFINDEX;
  copy_address(AF_INET6, fib.ipv6_src, from->word);
  copy_address(AF_INET6, fib.ipv6_dst, to->word);
  return send_found(skb, &fib, bpf_fib_lookup(skb, &fib, sizeof(fib), 0));
}

static __always_inline int is_answer_due(void) {
  struct lvs_config* config = config_of_core();
  if (!config) {
    return 0;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  const __u64 at = config->icmp_at;
  const __u64 begin = at > now ? at : now;
  return begin < now + ANSWERS_AT_ONCE * ANSWER_INTERVAL_NS &&
         __sync_val_compare_and_swap(&config->icmp_at, at, begin + ANSWER_INTERVAL_NS) == at;
}

static __always_inline __u32 sum_of(void* data, __u32 bytes, __u32 sum) {
  return bpf_csum_diff(0, 0, data, bytes, sum);
}

#define WORK_LENGTH 160U
#define CUT_LENGTH 80

/* Nothing is left of the frame but the Ethernet header and room. Cutting at the front makes the
 * kernel forget a checksum that the device was to fill in. */
static __always_inline long clear_frame(struct __sk_buff* skb, __u32 bytes) {
  long failed = bpf_skb_change_tail(skb, WORK_LENGTH, 0);
  if (!failed) {
    failed = bpf_skb_adjust_room(skb, -CUT_LENGTH, BPF_ADJ_ROOM_MAC, 0);
  }
  return failed ? failed : bpf_skb_change_tail(skb, ETH_HLEN + bytes, 0);
}

/* The packet in skb, as it came from its sender, becomes an ICMP error to that sender, which quotes
 * its IP header and 8 bytes more. The sum of a right IP header is nothing, so the quoted one is not
 * in the ICMP checksum. */
VERIFIED_ALONE int answer_with_icmp(struct __sk_buff* skb, __be32 from, __u8 type, __u8 code,
                                    __u16 mtu) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || bpf_skb_load_bytes(skb, ETH_HLEN, scratch->answer.quoted, sizeof(struct iphdr))) {
    return TC_ACT_SHOT;
  }
  struct icmp_answer* answer = &scratch->answer;
  const struct iphdr* quoted = (const struct iphdr*)answer->quoted;
  const int is_about_size = type == ICMP_UNREACHABLE && code == ICMP_FRAGMENTATION_NEEDED;
  if (is_about_size ? !(quoted->frag_off & bpf_htons(IP_DONT_FRAGMENT)) : !is_answer_due()) {
    return TC_ACT_SHOT;
  }
  __u32 header = quoted->ihl * 4;
  LVS_KEEP(header);
  header &= LVS_IP_HEADER_MAX;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, answer->quoted, header + LVS_QUOTED_L4)) {
    return TC_ACT_SHOT;
  }
  const __u32 bytes = sizeof(answer->ip) + sizeof(answer->icmp) + header + LVS_QUOTED_L4;
  answer->ip = (struct iphdr){.version = 4,
                              .ihl = sizeof(struct iphdr) / 4,
                              .tos = 0xc0,
                              .tot_len = bpf_htons(bytes),
                              .frag_off = bpf_htons(IP_DONT_FRAGMENT),
                              .ttl = 64,
                              .protocol = IPPROTO_ICMP,
                              .saddr = from,
                              .daddr = quoted->saddr};
  answer->icmp = (struct icmp_error){.type = type, .code = code, .mtu = bpf_htons(mtu)};
  answer->ip.check = ~fold(sum_of(&answer->ip, sizeof(answer->ip), 0));
  const __u32 sum = sum_of(&answer->icmp, sizeof(answer->icmp), 0);
  answer->icmp.check = ~fold(sum_of(answer->quoted + header, LVS_QUOTED_L4, sum));
  if (clear_frame(skb, bytes) ||
      bpf_skb_store_bytes(skb, ETH_HLEN, answer, bytes, BPF_F_RECOMPUTE_CSUM)) {
    return TC_ACT_SHOT;
  }
  return send_icmp(skb, from, answer->ip.daddr);
}

/* What the checksum of ICMPv6 also covers. */
struct pseudo_header6 {
  __be32 saddr[4];
  __be32 daddr[4];
  __be32 bytes;
  __be32 protocol;
};

/* The same of IPv6. As much is quoted as names the packet, its extension headers included; of a
 * short one the IP header and 8 bytes. */
VERIFIED_ALONE int answer_with_icmp6(struct __sk_buff* skb, const struct address6* from, __u8 type,
                                     __u8 code, __u32 mtu) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || !from || (type != ICMP6_TOO_BIG && !is_answer_due())) {
    return TC_ACT_SHOT;
  }
  struct icmp6_answer* answer = &scratch->answer6;
  struct pseudo_header6 pseudo = {};
  const __u32 quoted = skb->len >= ETH_HLEN + LVS_QUOTED6_MAX ? LVS_QUOTED6_MAX : LVS_QUOTED6_MIN;
  if (bpf_skb_load_bytes(skb, ETH_HLEN, answer->quoted, quoted)) {
    return TC_ACT_SHOT;
  }
  const struct ipv6hdr* about = (const struct ipv6hdr*)answer->quoted;
  const __u32 bytes = sizeof(answer->icmp) + quoted;
  __builtin_memcpy(pseudo.saddr, from, sizeof(pseudo.saddr));
  __builtin_memcpy(pseudo.daddr, &about->saddr, sizeof(pseudo.daddr));
  pseudo.bytes = bpf_htonl(bytes);
  pseudo.protocol = bpf_htonl(IPPROTO_ICMPV6);
  answer->ip = (struct ipv6hdr){
      .version = 6, .payload_len = bpf_htons(bytes), .nexthdr = IPPROTO_ICMPV6, .hop_limit = 64};
  __builtin_memcpy(&answer->ip.saddr, pseudo.saddr, sizeof(pseudo.saddr));
  __builtin_memcpy(&answer->ip.daddr, pseudo.daddr, sizeof(pseudo.daddr));
  answer->icmp = (struct icmp6_error){.type = type, .code = code, .mtu = bpf_htonl(mtu)};
  __u32 sum = sum_of(&pseudo, sizeof(pseudo), 0);
  sum = sum_of(&answer->icmp, sizeof(answer->icmp), sum);
  answer->icmp.check = ~fold(sum_of(answer->quoted, quoted, sum));
  const struct address6 to = *(struct address6*)pseudo.daddr;
  if (clear_frame(skb, sizeof(answer->ip) + bytes) ||
      bpf_skb_store_bytes(skb, ETH_HLEN, answer, sizeof(answer->ip) + bytes,
                          BPF_F_RECOMPUTE_CSUM)) {
    return TC_ACT_SHOT;
  }
  return send_icmp6(skb, from, &to);
}

static __always_inline int answer_in4(struct __sk_buff* skb, __be32 from, const enum answer what,
                                      __u16 mtu) {
  switch (what) {
    case ANSWER_TTL:
      return answer_with_icmp(skb, from, ICMP_EXCEEDED, 0, 0);
    case ANSWER_TOO_BIG:
      return answer_with_icmp(skb, from, ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, mtu);
    case ANSWER_NO_PORT:
      return answer_with_icmp(skb, from, ICMP_UNREACHABLE, ICMP_PORT_UNREACHABLE, 0);
    default:
      return answer_with_icmp(skb, from, ICMP_UNREACHABLE, ICMP_HOST_UNREACHABLE, 0);
  }
}

static __always_inline int answer_in6(struct __sk_buff* skb, const struct address6* from,
                                      const enum answer what, __u16 mtu) {
  switch (what) {
    case ANSWER_TTL:
      return answer_with_icmp6(skb, from, ICMP6_EXCEEDED, 0, 0);
    case ANSWER_TOO_BIG:
      return answer_with_icmp6(skb, from, ICMP6_TOO_BIG, 0, mtu);
    case ANSWER_NO_PORT:
      return answer_with_icmp6(skb, from, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, 0);
    default:
      return answer_with_icmp6(skb, from, ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, 0);
  }
}

static __always_inline int answer(const int family, struct __sk_buff* skb, const __be32* from,
                                  const enum answer what, __u16 mtu) {
  if (family == AF_INET) {
    return answer_in4(skb, *from, what, mtu);
  }
  struct address6 own; /* The packet that it may stand in is about to go. */
  copy_address(AF_INET6, own.word, from);
  return answer_in6(skb, &own, what, mtu);
}
