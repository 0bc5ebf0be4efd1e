/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs of the packet path and `lvsadm --trace` share: what is looked for, and what was
 * seen. It lives no longer than a trace: nobody takes it over, and whoever changes a struct here
 * raises LVS_TRACE_VERSION. Addresses and ports are in network order; an address of IPv4 is the
 * first word, with 0 in the others. */
#pragma once

#include "lvsd/bpf/abi.h"

#define LVS_TRACE_VERSION 1U

struct lvs_trace_filter {
  __be32 client[4];
  __be32 mask[4];
  __be32 service[4];
  __be16 port;           /* 0: any. */
  __u8 client_family;    /* 0: any client. */
  __u8 service_family;   /* 0: any service. */
  __u8 protocol;         /* 0: any. */
  __u8 only_with_reason; /* What is dropped, or counts as `lvsadm --drops` has it. */
  __u8 zero[2];
};

/* Who traces renews `until` as long as he lives. */
struct lvs_trace {
  __u32 is_on;
  __u32 version;
  __u64 until; /* CLOCK_MONOTONIC_COARSE: the programs themselves end a trace that is older. */
  __u64 owner; /* His pid. */
  __u64 lost;  /* Packets for which the ring had no room. */
  struct lvs_trace_filter filter;
};
#define LVS_TRACE_LEASE_NS 3000000000ULL
#define LVS_TRACE_RING_BYTES (1U << 19)

enum lvs_trace_hook {
  LVS_TRACE_NIC_INGRESS = 0,
  LVS_TRACE_NIC_EGRESS,
  LVS_TRACE_IPVS0_EGRESS,
  LVS_TRACE_IPVS1_INGRESS,
};

/* The headers of a packet. */
struct lvs_trace_packet {
  __be32 saddr[4];
  __be32 daddr[4];
  __be16 sport; /* 0: it has none, or does not say. */
  __be16 dport;
  __u8 family; /* 0: no IP, or not to be read. */
  __u8 protocol;
  __u8 tcp_flags;
  __u8 icmp_type;
  __u8 icmp_code;
  __u8 is_fragment;
  __u8 is_later_fragment;
  __u8 zero;
};
LVS_ASSERT(sizeof(struct lvs_trace_packet) == 44);

#define LVS_TRACE_WAS_KNOWN 0x1U /* Its connection, before the program ran. */
#define LVS_TRACE_IS_KNOWN 0x2U  /* Behind it. */
#define LVS_TRACE_IS_NEW 0x4U    /* And it is another than before. */
#define LVS_TRACE_QUOTED 0x8U    /* It is that of the packet which an ICMP error quotes. */

struct lvs_trace_event {
  __u64 time; /* CLOCK_MONOTONIC */
  __u32 ifindex;
  __u32 bytes; /* Of the IP packet, or of a train of them. */
  struct lvs_trace_packet before;
  struct lvs_trace_packet after;
  __s32 verdict; /* TC_ACT_* */
  __u32 mark;    /* Behind the program, as the priority. */
  __u32 priority;
  __u32 reasons; /* A bit for each enum lvs_drop that was counted. */
  __u32 flags;   /* LVS_TRACE_* */
  __u8 hook;     /* enum lvs_trace_hook */
  __u8 packet_type;
  /* Of the connection, where there is one. */
  __u8 direction;
  __u8 forward;
  __u32 flow_flags;
  __u32 way;         /* The device that it remembers as its way; 0: none. */
  __be32 address[4]; /* As struct lvs_flow has it: the server's, or the virtual one. */
  __be32 server[4];
  __be16 port; /* Of `address`. */
  __u8 server_family;
  __u8 zero[5];
};
LVS_ASSERT(sizeof(struct lvs_trace_event) == 176);
LVS_ASSERT(LVS_DROPS <= 32);
