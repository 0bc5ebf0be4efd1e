/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a frame says: a packet of TCP, UDP or SCTP for this machine, as a key and a few fields.
 *
 * Fragments are the stack's at a network device: it puts the datagram together, which is then a
 * packet like others behind INPUT. The copy that nft sends to ipvs0 is cut once more into what it
 * came in, so there fragments come whole and in their order. */
#pragma once

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>

#include "lvsd/bpf/drops.h"
#include "lvsd/bpf/family.h"
#include "lvsd/bpf/sctp_states.h"

#define IP_DONT_FRAGMENT 0x4000
#define IP_MORE_FRAGMENTS 0x2000
#define IP_FRAGMENT_OFFSET 0x1fff
#define VLAN_ID 0x0fff
#define TCP_CHECK_OFFSET 16
#define UDP_CHECK_OFFSET 6
#define TCP_SEQUENCE_OFFSET 4
#define TCP_ACK_OFFSET 8
#define TCP_HEADER 20U
#define UDP_HEADER 8U
#define SCTP_HEADER 12U
#define SCTP_CHECK_OFFSET 8

struct packet {
  union any_key key;
  __be16 sport;
  __be16 dport;
  __u32 bytes;   /* Of the IP packet; of the whole train when it is a GSO packet. */
  __u8 ip_words; /* Length of the IP header, IPv6 extensions included, in 32-bit words. */
  __u8 ttl;      /* Or hop limit. */
  __u8 protocol;
  __u8 tcp_flags; /* Of SCTP: see sctp_states.h. 0 for UDP. */
  __u8 l4_words;  /* Length of the header of TCP, UDP or SCTP. */
  __u8 dont_fragment;
  __u8 fragment; /* enum fragment */
  __u8 is_own;   /* The director's own, as far as the one that opens a connection. */
  __u32 fragments_id;
};

static __always_inline int is_balanced(__u8 protocol) {
  return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* Belongs to a flow of another protocol: isakmp.h. */
static __always_inline int is_ipsec(__u8 protocol) {
  return protocol == IPPROTO_ESP || protocol == IPPROTO_AH;
}

enum fragment { NO_FRAGMENT = 0, FIRST_FRAGMENT, LATER_FRAGMENT };

/* Of a value whose first byte in the packet is its lowest: SCTP's checksum. */
static __always_inline __u32 le_word(__u32 value) {
  return __builtin_bswap32(bpf_ntohl(value));
}

static __always_inline __u16 le_half(__u16 value) {
  return __builtin_bswap16(bpf_ntohs(value));
}

static __always_inline __u16 fold(__u32 sum) {
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

/* As ip_vs counts it, which sees no fragments. */
static __always_inline __u32 counted_bytes(const int family, const struct packet* packet) {
  const int has_header = family == AF_INET6 && packet->fragment;
  return packet->bytes - (has_header ? 8 : 0);
}

/* What a train of SCTP packets has for their length: each has its own. */
#define GSO_BY_FRAGMENTS 0xffff

/* Length of the longest IP packet that becomes of it: a GSO packet is a train of them. Of SCTP's,
 * which only a sender on this very machine makes, it is not known: they are taken to fit. */
static __always_inline __u32 longest_segment(struct __sk_buff* skb, const struct packet* packet) {
  const __u32 payload = skb->gso_size;
  if (!payload) {
    return packet->bytes;
  }
  return payload == GSO_BY_FRAGMENTS ? 0 : payload + (packet->ip_words + packet->l4_words) * 4;
}

/* Offset of the header behind IP's in the frame; the mask tells the verifier its bound and
 * alignment. */
static __always_inline __u32 l4_offset(const int family, const struct packet* packet) {
  __u32 words = packet->ip_words;
  LVS_KEEP(words);
  return ETH_HLEN + (words & (family == AF_INET6 ? 127 : 15)) * 4;
}

static __always_inline void set_macs(struct ethhdr* ethernet, const struct lvs_route* route) {
  __builtin_memcpy(ethernet->h_dest, route->dmac, ETH_ALEN);
  __builtin_memcpy(ethernet->h_source, route->smac, ETH_ALEN);
}

enum parsed { PARSED_OURS, PARSED_OTHER, PARSED_FRAGMENT, PARSED_ICMP, PARSED_IPSEC };
enum takes { WHOLE_PACKETS, FRAGMENTS_TOO };

/* Begin and end of the linear part. The verifier wants both read from the context itself; the
 * compiler would keep their places in it as pointers. */
static __always_inline void* data_of(const struct __sk_buff* skb) {
  void* data;
  asm volatile("%0 = *(u32 *)(%1 + %2)"
               : "=r"(data)
               : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data)));
  return data;
}

static __always_inline void* end_of(const struct __sk_buff* skb) {
  void* end;
  asm volatile("%0 = *(u32 *)(%1 + %2)"
               : "=r"(end)
               : "r"(skb), "i"(__builtin_offsetof(struct __sk_buff, data_end)));
  return end;
}

/* Headers beyond the linear part are pulled into it once. */
static __always_inline int have_bytes(struct __sk_buff* skb, __u32 bytes) {
  if (data_of(skb) + bytes <= end_of(skb)) {
    return 1;
  }
  if (bytes > skb->len || bpf_skb_pull_data(skb, bytes)) {
    return 0;
  }
  return data_of(skb) + bytes <= end_of(skb);
}

/* A tag of VLAN 0 says a priority and no VLAN: the frame belongs to the device itself. */
static __always_inline int is_of_other_vlan(struct __sk_buff* skb) {
  return skb->vlan_present && ((skb->vlan_tci & VLAN_ID) || bpf_skb_vlan_pop(skb));
}

/* The datagram's ports: kept when its first fragment comes, known again for the others. What is
 * kept beside them stays when the first is looked at by another program. */
static __always_inline int share_ports(const int family, struct packet* packet) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return 0;
  }
  struct lvs_fragments* datagram = &scratch->fragments;
  *datagram = (struct lvs_fragments){
      .id = packet->fragments_id, .protocol = packet->protocol, .family = family};
  copy_address(family, datagram->saddr, source_of(family, &packet->key));
  copy_address(family, datagram->daddr, target_of(family, &packet->key));
  const struct lvs_ports* ports = bpf_map_lookup_elem(&lvs_datagrams, datagram);
  if (packet->fragment == FIRST_FRAGMENT) {
    const struct lvs_ports own = {.source = packet->sport, .dest = packet->dport};
    const int is_known = ports && ports->source == own.source && ports->dest == own.dest;
    return is_known || !bpf_map_update_elem(&lvs_datagrams, datagram, &own, BPF_ANY);
  }
  if (!ports) {
    return 0;
  }
  packet->sport = ports->source;
  packet->dport = ports->dest;
  return 1;
}

static __always_inline void put_ports(const int family, struct packet* packet) {
  if (family == AF_INET6) {
    packet->key.v6.sport = packet->sport;
    packet->key.v6.dport = packet->dport;
  } else {
    packet->key.v4.sport = packet->sport;
    packet->key.v4.dport = packet->dport;
  }
}

struct sctp_chunk {
  __u8 type;
  __u8 flags;
  __be16 bytes;
};

/* What an SCTP packet does to its connection, as lvs_sctp_flags has it; negative: it is none. Its
 * first chunk tells, or an ABORT behind a cookie. */
VERIFIED_ALONE int read_sctp(struct __sk_buff* skb, __u32 l4) {
  struct sctp_chunk chunk;
  if (bpf_skb_load_bytes(skb, l4 + SCTP_HEADER, &chunk, sizeof(chunk))) {
    return -1;
  }
  const __u8 type = chunk.type;
  const __u32 bytes = bpf_ntohs(chunk.bytes);
  const int is_cookie = type == LVS_SCTP_CHUNK_COOKIE_ECHO || type == LVS_SCTP_CHUNK_COOKIE_ACK;
  const int is_abort =
      is_cookie && bytes >= sizeof(chunk) &&
      !bpf_skb_load_bytes(skb, l4 + SCTP_HEADER + ((bytes + 3) & ~3U), &chunk, sizeof(chunk)) &&
      chunk.type == LVS_SCTP_CHUNK_ABORT;
  return lvs_sctp_flags_of(is_abort ? LVS_SCTP_CHUNK_ABORT : type);
}

/* The header behind the IP header that was read. */
static __always_inline enum parsed parse_l4(const int family, struct __sk_buff* skb,
                                            struct packet* packet) {
  const __u32 l4 = l4_offset(family, packet);
  const int is_tcp = packet->protocol == IPPROTO_TCP;
  packet->bytes = skb->len - ETH_HLEN;
  packet->tcp_flags = 0;
  packet->l4_words = UDP_HEADER / 4;
  if (packet->fragment == LATER_FRAGMENT) {
    const int is_known = share_ports(family, packet);
    put_ports(family, packet);
    return is_known ? PARSED_OURS : PARSED_FRAGMENT;
  }
  if (!have_bytes(skb, l4 + (is_tcp ? TCP_HEADER : UDP_HEADER))) {
    return PARSED_OTHER;
  }
  void* data = data_of(skb);
  void* end = end_of(skb);
  __u8* header = data + l4;
  if ((void*)(header + UDP_HEADER) > end) {
    return PARSED_OTHER;
  }
  packet->sport = *(__be16*)header;
  packet->dport = *(__be16*)(header + 2);
  if (is_tcp) {
    if ((void*)(header + TCP_HEADER) > end) {
      return PARSED_OTHER;
    }
    packet->tcp_flags = header[13];
    packet->l4_words = header[12] >> 4;
  } else if (packet->protocol == IPPROTO_SCTP) {
    const int flags = read_sctp(skb, l4);
    if (flags < 0) {
      return PARSED_OTHER;
    }
    packet->tcp_flags = flags;
    packet->l4_words = SCTP_HEADER / 4;
  }
  put_ports(family, packet);
  if (packet->fragment == FIRST_FRAGMENT) {
    share_ports(family, packet);
  }
  return PARSED_OURS;
}

static __always_inline enum parsed parse4(struct __sk_buff* skb, struct packet* packet,
                                          const enum takes takes) {
  void* data = data_of(skb);
  void* end = end_of(skb);
  struct iphdr* ip = data + ETH_HLEN;
  if ((void*)(ip + 1) > end || ip->version != 4 || ip->ihl < 5) {
    return PARSED_OTHER;
  }
  if (!is_balanced(ip->protocol)) {
    const int is_whole = !(ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET));
    if (is_ipsec(ip->protocol)) {
      return PARSED_IPSEC;
    }
    return ip->protocol == IPPROTO_ICMP && is_whole ? PARSED_ICMP : PARSED_OTHER;
  }
  packet->fragment = NO_FRAGMENT;
  if (ip->frag_off & bpf_htons(IP_MORE_FRAGMENTS | IP_FRAGMENT_OFFSET)) {
    if (takes == WHOLE_PACKETS) {
      return PARSED_FRAGMENT;
    }
    packet->fragment =
        ip->frag_off & bpf_htons(IP_FRAGMENT_OFFSET) ? LATER_FRAGMENT : FIRST_FRAGMENT;
    packet->fragments_id = ip->id;
  }
  packet->key.v4 =
      (struct lvs_key){.saddr = ip->saddr, .daddr = ip->daddr, .protocol = ip->protocol};
  packet->protocol = ip->protocol;
  packet->ttl = ip->ttl;
  packet->dont_fragment = !!(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
  packet->ip_words = ip->ihl;
  return parse_l4(AF_INET, skb, packet);
}

#define IPV6_HEADER 40U
#define EXTENSIONS_MAX 6
#define EXTENSION_HEADER_MIN 8U
#define IPV6_MORE_FRAGMENTS 1
#define IPV6_FRAGMENT_OFFSET 0xfff8

/* Steps over IPv6 extension headers: what the packet carries behind them and where, or what else it
 * is. */
static __always_inline enum parsed skip_extensions(struct __sk_buff* skb, struct packet* packet,
                                                   const enum takes takes) {
#pragma unroll
  for (int i = 0; i < EXTENSIONS_MAX; i++) {
    __u8 header[EXTENSION_HEADER_MIN];
    const __u8 next = packet->protocol;
    if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
        next != IPPROTO_FRAGMENT) {
      return PARSED_OURS;
    }
    if (bpf_skb_load_bytes(skb, l4_offset(AF_INET6, packet), header, sizeof(header))) {
      return PARSED_OTHER;
    }
    const __be16 place = *(__be16*)&header[2];
    const int is_part =
        next == IPPROTO_FRAGMENT && (place & bpf_htons(IPV6_FRAGMENT_OFFSET | IPV6_MORE_FRAGMENTS));
    if (is_part && takes == WHOLE_PACKETS) {
      return is_ipsec(header[0]) ? PARSED_IPSEC : PARSED_FRAGMENT;
    }
    if (is_part) {
      packet->fragment = place & bpf_htons(IPV6_FRAGMENT_OFFSET) ? LATER_FRAGMENT : FIRST_FRAGMENT;
      packet->fragments_id = *(__u32*)&header[4];
    }
    const __u32 words = packet->ip_words + (next == IPPROTO_FRAGMENT ? 2 : (header[1] + 1U) * 2);
    if (words > 127) {
      return PARSED_OTHER;
    }
    packet->ip_words = words;
    packet->protocol = header[0];
    if (is_part && packet->fragment == LATER_FRAGMENT) {
      return PARSED_OURS;
    }
  }
  return PARSED_OTHER;
}

static __always_inline enum parsed parse6(struct __sk_buff* skb, struct packet* packet,
                                          const enum takes takes) {
  void* data = data_of(skb);
  void* end = end_of(skb);
  struct ipv6hdr* ip = data + ETH_HLEN;
  if ((void*)(ip + 1) > end || ip->version != 6) {
    return PARSED_OTHER;
  }
  __builtin_memcpy(packet->key.v6.saddr, &ip->saddr, sizeof(packet->key.v6.saddr));
  __builtin_memcpy(packet->key.v6.daddr, &ip->daddr, sizeof(packet->key.v6.daddr));
  packet->protocol = ip->nexthdr;
  packet->ttl = ip->hop_limit;
  packet->dont_fragment = 1;
  packet->ip_words = IPV6_HEADER / 4;
  packet->fragment = NO_FRAGMENT;
  const enum parsed skipped = skip_extensions(skb, packet, takes);
  if (skipped != PARSED_OURS) {
    return skipped;
  }
  if (!is_balanced(packet->protocol)) {
    if (is_ipsec(packet->protocol)) {
      return PARSED_IPSEC;
    }
    return packet->protocol == IPPROTO_ICMPV6 ? PARSED_ICMP : PARSED_OTHER;
  }
  packet->key.v6.protocol = packet->protocol;
  packet->key.v6.zero[0] = packet->key.v6.zero[1] = packet->key.v6.zero[2] = 0;
  return parse_l4(AF_INET6, skb, packet);
}

static __always_inline enum parsed parse(const int family, struct __sk_buff* skb,
                                         struct packet* packet, const enum takes takes) {
  const __u32 header = family == AF_INET6 ? IPV6_HEADER : sizeof(struct iphdr);
  if (is_of_other_vlan(skb) || !have_bytes(skb, ETH_HLEN + header)) {
    return PARSED_OTHER;
  }
  return family == AF_INET6 ? parse6(skb, packet, takes) : parse4(skb, packet, takes);
}

/* Where a packet ends in its frame, which may be padded. */
static __always_inline __u32 end_of_packet(const int family, struct __sk_buff* skb) {
  __be16 bytes = 0;
  if (family == AF_INET6) {
    bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct ipv6hdr, payload_len), &bytes,
                       sizeof(bytes));
    return ETH_HLEN + IPV6_HEADER + bpf_ntohs(bytes);
  }
  bpf_skb_load_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, tot_len), &bytes,
                     sizeof(bytes));
  return ETH_HLEN + bpf_ntohs(bytes);
}

static __always_inline int is_ip(const struct __sk_buff* skb) {
  return skb->protocol == bpf_htons(ETH_P_IP);
}

static __always_inline int is_ipv6(const struct __sk_buff* skb) {
  return skb->protocol == bpf_htons(ETH_P_IPV6);
}
