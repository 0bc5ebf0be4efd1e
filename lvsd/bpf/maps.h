/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps, by name: a later lvsd finds them by these names (at most 15 bytes) behind the attached
 * programs. Hash maps of connections are never LRU: what counts in a real server may not vanish
 * unseen. */
#pragma once

#include <linux/bpf.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>

#include <bpf/bpf_helpers.h>

#include "lvsd/bpf/abi.h"
#include "lvsd/bpf/call_id.h"

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct lvs_config);
} lvs_config SEC(".maps");

/* Both directions of every connection. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 524288);
  __type(key, struct lvs_key);
  __type(value, struct lvs_flow);
} lvs_flows SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 262144);
  __type(key, struct lvs_key);
  __type(value, struct lvs_template);
} lvs_templates SEC(".maps");

/* Of IPv6. Without it these take no memory: each entry is allocated as it comes. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 524288);
  __type(key, struct lvs_key6);
  __type(value, struct lvs_flow6);
} lvs_flows6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 262144);
  __type(key, struct lvs_key6);
  __type(value, struct lvs_template);
} lvs_templates6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LVS_SERVICES_MAX);
  __type(key, struct lvs_service_key);
  __type(value, __u32);
} lvs_service_ids SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, LVS_SERVICES_MAX);
  __type(key, __u32);
  __type(value, struct lvs_service);
} lvs_services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, LVS_SLOTS_MAX);
  __type(key, __u32);
  __type(value, struct lvs_slot);
} lvs_slots SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, LVS_DESTS_MAX);
  __type(key, __u32);
  __type(value, struct lvs_dest);
} lvs_dests SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, LVS_DESTS_MAX);
  __type(key, __u32);
  __type(value, struct lvs_stats);
} lvs_dest_stats SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, LVS_DROPS);
  __type(key, __u32);
  __type(value, __u64);
} lvs_drops SEC(".maps");

/* Devices that carry nic_ingress, by index. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, LVS_DEVICES_MAX);
  __type(key, __u32);
  __type(value, struct lvs_device);
} lvs_devices SEC(".maps");

/* What was given back to the local stack a moment ago. Nothing counts in it, so it may be LRU; it
 * is nobody's state, so a later lvsd makes its own. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct lvs_given_back);
  __type(value, struct lvs_rounds);
} lvs_given_backs SEC(".maps");

/* Without lblc and lblcr it takes no memory: each entry is allocated as it comes. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, 65536);
  __type(key, struct lvs_locality_key);
  __type(value, struct lvs_locality);
} lvs_localities SEC(".maps");

/* Without a list these take no memory. */
struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LVS_DENIED_ROOM);
  __type(key, struct lvs_deny_key);
  __type(value, struct lvs_denied);
} lvs_denied SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LVS_DENIED_ROOM);
  __type(key, struct lvs_deny_key6);
  __type(value, struct lvs_denied);
} lvs_denied6 SEC(".maps");

/* Call-IDs of templates. One that finds no room is missing in listings, and its template is as
 * good.
 */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LVS_CALL_IDS_MAX);
  __type(key, struct lvs_key);
  __type(value, struct lvs_call_id);
} lvs_call_ids SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __uint(max_entries, LVS_CALL_IDS_MAX);
  __type(key, struct lvs_key6);
  __type(value, struct lvs_call_id);
} lvs_call_ids6 SEC(".maps");

/* Datagrams whose fragments are on their way through ipvs0, likewise. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 4096);
  __type(key, struct lvs_fragments);
  __type(value, struct lvs_ports);
} lvs_datagrams SEC(".maps");

/* Of the entries that the sweeper is to look at. IPv4: a struct lvs_key, and room. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, LVS_SWEEP_KEYS_MAX);
  __type(key, __u32);
  __type(value, struct lvs_key6);
} lvs_sweep_keys SEC(".maps");

/* <linux/icmp.h> would bring sockets along. */
struct icmp_error {
  __u8 type;
  __u8 code;
  __sum16 check;
  __be16 zero;
  __be16 mtu; /* Of "fragmentation needed". */
};

#define LVS_IP_HEADER_MAX 60
#define LVS_QUOTED_L4 8

struct icmp_answer {
  struct iphdr ip;
  struct icmp_error icmp;
  __u8 quoted[LVS_IP_HEADER_MAX + LVS_QUOTED_L4];
};

struct icmp6_error {
  __u8 type;
  __u8 code;
  __sum16 check;
  __be32 mtu; /* Of "packet too big". */
};

struct quoting6 {
  struct icmp6_error icmp;
  struct ipv6hdr ip;
};

#define LVS_QUOTED6_MIN 48U
#define LVS_QUOTED6_MAX 128U

struct icmp6_answer {
  struct ipv6hdr ip;
  struct icmp6_error icmp;
  __u8 quoted[LVS_QUOTED6_MAX];
};

/* The real server that a scheduler would choose of those that it has seen. */
struct best {
  __u32 dest;
  __s32 weight;
  __u64 load;
};

/* Where rr and wrr look for the next server. */
struct walk {
  __s32 level; /* Smallest weight that counts: wrr's current weight. */
  __s32 most;  /* Largest weight that was seen. */
  __u32 dest;
  __u32 place;
  struct lvs_slice slice; /* As it stands now: it changes in place. */
};

/* What the members of a locality's set come to. */
struct census {
  struct best least; /* The one to choose. */
  struct best most;  /* The one to give up. */
  __u32 gone;        /* A member whose id is another's now. */
  __u32 kept;        /* Of those that stay when one leaves. */
  __u32 is_found;
};

/* What is known of the service of a packet without a connection. */
struct match {
  __u32 id;
  __u32 offset;
  struct lvs_service_key key;
  struct lvs_slice slice;
  __be32 target[4]; /* Where the packet goes; IPv4: the first word, and 0 in the others. */
};

/* Where a packet goes next, when the neighbour layer sends it. */
struct next_hop {
  struct bpf_redir_neigh neighbour;
  __u32 ifindex;
};

struct gre_header {
  __be16 flags;
  __be16 carries; /* Ethernet's number of what is inside. */
};

struct gue_header {
  struct udphdr udp;
  __u8 control;
  __u8 carries; /* Protocol of what is inside. */
  __be16 flags;
};

/* One header of a packet that carries another. */
union outer {
  struct iphdr v4;
  struct ipv6hdr v6;
  struct gre_header gre;
  struct gue_header gue;
};

#define LVS_TEXT_MAX 256U
#define LVS_NUMBERS_MAX 32U

/* A line of FTP's dialogue, and what is read of it. Behind the text is nothing but zeros. */
struct lvs_text {
  char in[LVS_TEXT_MAX];
  char out[LVS_TEXT_MAX];
  char numbers[LVS_NUMBERS_MAX]; /* What takes the place of the address and port. */
  __u32 length;                  /* Of `in`. */
  __u32 total;                   /* Of `out`. */
  __u32 bytes;                   /* Of `numbers`. */
  __u32 form;
  __u32 at; /* Where reading begins. */
  __u32 waits_for;
  __u32 delimiter; /* Of a form with bars: what stands for them. */
  __u32 separators;
  __u32 digits;
  __u32 value;
  __u32 before; /* The value before it. */
  __u32 from;
  __u32 to;
};

/* What is under construction: too big for the stack, and no two packets of a CPU are in here at
 * once. */
struct scratch {
  struct lvs_flow6 flow; /* IPv4: the first part. */
  struct lvs_flow6 reply;
  struct match match;
  struct lvs_key6 template_key; /* IPv4: a struct lvs_key. */
  struct lvs_template template;
  struct lvs_fragments fragments;
  struct icmp_answer answer;
  struct icmp6_answer answer6;
  struct quoting6 quoting6;
  union outer outer;
  struct best best;
  struct walk walk;
  struct census census;
  struct lvs_locality locality; /* A new one. */
  struct next_hop next_hop;
  struct lvs_route route; /* Of a packet without a flow. */
  struct lvs_text text;
  struct lvs_call call;
  __u32 is_helped; /* ftp.h has looked at this packet. */
  __u32 freed;     /* Entries, by a search for room. */
  __u32 looked_at; /* By it. */
};
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct scratch);
} lvs_scratch SEC(".maps");

/* Not static: the verifier looks at such a function once and alone, not again on every path that
 * calls it. */
#define VERIFIED_ALONE __attribute__((noinline))

/* Once in a program. The kernel writes out each lookup when it loads the program, and copies all
 * that it knows of the program to do so: a few hundred lookups are most of the time that loading
 * takes. What every packet of a flow in motion asks for is asked for in its place (quick_). */
#define WRITTEN_ONCE static __attribute__((noinline))

static __always_inline struct lvs_config* quick_config(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&lvs_config, &zero);
}

static __always_inline struct lvs_dest* quick_dest_of(__u32 id) {
  return bpf_map_lookup_elem(&lvs_dests, &id);
}

static __always_inline struct scratch* quick_scratch(void) {
  const __u32 zero = 0;
  return bpf_map_lookup_elem(&lvs_scratch, &zero);
}

WRITTEN_ONCE struct scratch* scratch_of_cpu(void) {
  return quick_scratch();
}

WRITTEN_ONCE struct lvs_config* config_of_core(void) {
  return quick_config();
}

static __always_inline __u32 setting(const struct lvs_config* config, enum lvs_setting which) {
  return config->settings[which];
}

WRITTEN_ONCE struct lvs_dest* dest_of(__u32 id) {
  return quick_dest_of(id);
}
