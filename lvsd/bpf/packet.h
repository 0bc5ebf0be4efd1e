/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frame says: an IPv4 packet of TCP or UDP for this machine, unfragmented, as a key and a
 * few fields. */
#pragma once

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>

#include "lvsd/bpf/drops.h"
#include "lvsd/bpf/tcp_states.h"

#ifndef AF_INET
#define AF_INET 2
#endif
#define IP_DONT_FRAGMENT 0x4000
#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff
#define VLAN_ID 0x0fff
#define TCP_CHECK_OFFSET 16
#define UDP_CHECK_OFFSET 6
#define TCP_SEQUENCE_OFFSET 4
#define TCP_HEADER 20U
#define UDP_HEADER 8U

struct packet {
  struct lvs_key key;
  __u32 bytes;   /* Of the IP packet; of the whole train when it is a GSO packet. */
  __u8 ip_words; /* Length of the IP header in 32-bit words. */
  __u8 ttl;
  __u8 tcp_flags; /* 0 for UDP. */
  __u8 l4_words;  /* Length of the TCP or UDP header. */
  __u8 dont_fragment;
  __u8 zero[3];
};

static __always_inline __u16 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* Length of the longest IP packet that becomes of it: a GSO packet is a train of them. */
static __always_inline __u32 longest_segment(struct __sk_buff* skb, const struct packet* packet) {
  const __u32 payload = skb->gso_size;
  return payload ? payload + (packet->ip_words + packet->l4_words) * 4 : packet->bytes;
}

/* Offset of the TCP or UDP header in the frame; the mask tells the verifier its bound and
 * alignment. */
static __always_inline __u32 l4_offset(const struct packet* packet) {
  __u32 words = packet->ip_words;
  LVS_KEEP(words);
  return ETH_HLEN + (words & 15) * 4;
}

static __always_inline void set_macs(struct ethhdr* ethernet, const struct lvs_route* route) {
  __builtin_memcpy(ethernet->h_dest, route->dmac, ETH_ALEN);
  __builtin_memcpy(ethernet->h_source, route->smac, ETH_ALEN);
}

enum parsed { PARSED_OURS, PARSED_OTHER, PARSED_FRAGMENT, PARSED_ICMP };

/* Headers beyond the linear part are pulled into it once. */
static __always_inline int have_bytes(struct __sk_buff* skb, __u32 bytes) {
  if ((void*)(long)skb->data + bytes <= (void*)(long)skb->data_end) {
    return 1;
  }
  if (bytes > skb->len || bpf_skb_pull_data(skb, bytes)) {
    return 0;
  }
  return (void*)(long)skb->data + bytes <= (void*)(long)skb->data_end;
}

/* A tag of VLAN 0 says a priority and no VLAN: the frame belongs to the device itself. */
static __always_inline int is_of_other_vlan(struct __sk_buff* skb) {
  return skb->vlan_present && ((skb->vlan_tci & VLAN_ID) || bpf_skb_vlan_pop(skb));
}

static __always_inline enum parsed parse(struct __sk_buff* skb, struct packet* packet) {
  if (skb->protocol != bpf_htons(ETH_P_IP) || is_of_other_vlan(skb) ||
      !have_bytes(skb, ETH_HLEN + sizeof(struct iphdr) + UDP_HEADER)) {
    return PARSED_OTHER;
  }
  void* data = (void*)(long)skb->data;
  void* end = (void*)(long)skb->data_end;
  struct iphdr* ip = data + ETH_HLEN;
  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) {
    return PARSED_OTHER;
  }
  if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP) {
    const int is_whole = !(ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET));
    return ip->protocol == IPPROTO_ICMP && is_whole ? PARSED_ICMP : PARSED_OTHER;
  }
  if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET)) {
    return PARSED_FRAGMENT;
  }
  packet->key.saddr = ip->saddr;
  packet->key.daddr = ip->daddr;
  packet->key.protocol = ip->protocol;
  packet->key.zero[0] = packet->key.zero[1] = packet->key.zero[2] = 0;
  packet->ttl = ip->ttl;
  packet->dont_fragment = !!(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
  packet->bytes = skb->len - ETH_HLEN;
  packet->tcp_flags = 0;
  packet->l4_words = UDP_HEADER / 4;
  packet->ip_words = ip->ihl;
  const __u32 l4 = l4_offset(packet);
  const int is_tcp = ip->protocol == IPPROTO_TCP;
  if (!have_bytes(skb, l4 + (is_tcp ? TCP_HEADER : UDP_HEADER))) {
    return PARSED_OTHER;
  }
  data = (void*)(long)skb->data;
  end = (void*)(long)skb->data_end;
  __u8* header = data + l4;
  if ((void*)(header + UDP_HEADER) > end) {
    return PARSED_OTHER;
  }
  packet->key.sport = *(__be16*)header;
  packet->key.dport = *(__be16*)(header + 2);
  if (is_tcp) {
    if ((void*)(header + TCP_HEADER) > end) {
      return PARSED_OTHER;
    }
    packet->tcp_flags = header[13];
    packet->l4_words = header[12] >> 4;
  }
  return PARSED_OURS;
}
