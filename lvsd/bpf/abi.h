/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The layout that the programs in the kernel and lvsd in user space share: keys, entries and limits
 * of the maps.
 *
 * It outlives both: a new lvsd takes over the maps of an old one when magic and version are equal,
 * so whoever changes a struct here raises LVS_LAYOUT_VERSION. Addresses and ports are in network
 * order (__be32, __be16), all else in host order. Times are nanoseconds of CLOCK_MONOTONIC_COARSE,
 * as bpf_ktime_get_coarse_ns() gives them.
 */
#pragma once

#include <linux/types.h>

#ifdef __cplusplus
#define LVS_ASSERT(condition) static_assert(condition)
#define LVS_OFFSET(type, member) offsetof(type, member)
#include <cstddef>
#else
#define LVS_ASSERT(condition) _Static_assert(condition, #condition)
#define LVS_OFFSET(type, member) __builtin_offsetof(type, member)
#endif

#define LVS_LAYOUT_MAGIC 0x4c56534cU
#define LVS_LAYOUT_VERSION 2U

/* Sizes of new maps; those of maps that were taken over are the kernel's to tell. */
#define LVS_SERVICES_MAX 8192U
#define LVS_DESTS_MAX 16384U /* Over all services, removed ones with connections included. */
#define LVS_DESTS_PER_SERVICE_MAX 1024U
#define LVS_DEVICES_MAX 1024U
#define LVS_SLOTS_MAX 1048576U /* Of all slices together. */

/* The 5-tuple of a packet as it arrives: client to VIP, or real server to client. Templates use the
 * same struct: masked client in saddr, VIP or firewall mark in daddr, client port 0. With a
 * persistence engine, sport and zero have a hash of the Call-ID, which is not 0. */
struct lvs_key {
  __be32 saddr;
  __be32 daddr;
  __be16 sport;
  __be16 dport;
  __u8 protocol;
  __u8 zero[3];
};
LVS_ASSERT(sizeof(struct lvs_key) == 16);

/* The same of IPv6. Its connections and templates have maps of their own, so that IPv4 does not pay
 * for the longer addresses. */
struct lvs_key6 {
  __be32 saddr[4];
  __be32 daddr[4]; /* A firewall mark: in the first word. */
  __be16 sport;
  __be16 dport;
  __u8 protocol;
  __u8 zero[3];
};
LVS_ASSERT(sizeof(struct lvs_key6) == 40);

/* Next hop that a flow used last, good until its touch time and while the epoch is the
 * configuration's. */
struct lvs_route {
  __u32 epoch;
  __u32 ifindex; /* 0: nothing remembered. */
  __u8 dmac[6];
  __u8 smac[6];
  __u16 mtu;
  __u16 zero;
};
LVS_ASSERT(sizeof(struct lvs_route) == 24);

enum lvs_direction { LVS_TO_SERVER = 0, LVS_TO_CLIENT = 1 };

/* Forwarding methods, numbered as in the kernel's netlink family. */
enum lvs_forward {
  LVS_FORWARD_NAT = 0,
  LVS_FORWARD_LOCAL,
  LVS_FORWARD_TUNNEL,
  LVS_FORWARD_DIRECT,
  LVS_FORWARD_BYPASS,
};

/* One direction of a connection. The entry of the packets to the server is the connection itself;
 * that of the replies, which only translated connections have, holds what rewriting needs and the
 * key of the first. The first 64 bytes are all that a packet in mid-flow touches. */
struct lvs_flow {
  __u64 word;     /* See LVS_WORD_*. Replies: only the generation. */
  __u64 expires;  /* Of the connection; dead ones: time of death. */
  __u64 touch;    /* When expires and route are to be renewed. */
  __be32 address; /* The real server's (replies: the VIP): translated to, or only sent to. */
  __be16 port;
  __u8 direction;
  __u8 forward; /* enum lvs_forward */
  __u32 dest;
  __u32 flags; /* LVS_FLOW_* */
  struct lvs_route route;
  /* cold */
  struct lvs_key other;        /* Key of the other direction's entry. */
  struct lvs_key template_key; /* When controlled. */
  __u32 template_generation;   /* 0: not controlled. */
  __u32 service;
  __u64 created;
  __u32 mark; /* Of the first packet. */
  /* Replies of an FTP control connection: behind this sequence number they are shifted so, up to it
   * so. */
  __u32 shift_at;
  __s32 shift_before;
  __s32 shift_after;
};
LVS_ASSERT(LVS_OFFSET(struct lvs_flow, other) == 64);
LVS_ASSERT(sizeof(struct lvs_flow) == 128);

/* The same of IPv6: what does not fit into the first part is behind it. */
struct lvs_flow6 {
  struct lvs_flow flow; /* Its address, other and template_key are not used. */
  __be32 address[4];
  struct lvs_key6 other;
  struct lvs_key6 template_key;
};
LVS_ASSERT(LVS_OFFSET(struct lvs_flow6, address) == 128);
LVS_ASSERT(sizeof(struct lvs_flow6) == 224);

#define LVS_FLOW_TO_SELF 0x1U    /* The real server is the director. */
#define LVS_FLOW_FROM_SELF 0x2U  /* The client is. */
#define LVS_FLOW_ONE_PACKET 0x4U /* In no table: see one_packet.h. */
#define LVS_FLOW_FTP 0x8U        /* An FTP control connection: see ftp.h. */
#define LVS_FLOW_FTP_DATA                                               \
  0x10U /* Its data connection; the key of the control connection is in \
           template_key. */
#define LVS_FLOW_SCTP \
  0x20U /* Always due: each packet may change the state, and no other is asked about it. */

/* The word of a connection changes by compare-and-swap alone. Whoever sets DEAD unbinds it from its
 * real server and deletes both entries: exactly once. The generation tells an entry from another
 * that took over its memory or key. */
#define LVS_WORD_STATE 0xffULL
#define LVS_WORD_ACTIVE 0x100ULL /* Counts in the real server's active connections. */
#define LVS_WORD_DEAD 0x200ULL
#define LVS_WORD_NOOUTPUT 0x400ULL /* No reply is ever seen (direct routing, tunnel). */
#define LVS_WORD_GENERATION_SHIFT 32

struct lvs_template {
  __u64 word; /* See LVS_TEMPLATE_*. */
  __u64 expires;
  __u64 timeout;
  __be16 port; /* As listed; 0 for mark and any-port services. */
  __u16 zero;
  __u32 dest;
  __u64 zero2[3];
};
LVS_ASSERT(sizeof(struct lvs_template) == 56);

/* What a template with a persistence engine stands for, by the template's key: for listings alone.
 */
struct lvs_call_id {
  char text[256]; /* Behind it is nothing but zeros, at least one. */
};
#define LVS_CALL_IDS_MAX 65536U

#define LVS_TEMPLATE_CONTROLLED 0xffffffULL /* Number of living connections under it. */
#define LVS_TEMPLATE_ASSURED 0x1000000ULL
#define LVS_TEMPLATE_DEAD 0x2000000ULL
#define LVS_TEMPLATE_GENERATION_SHIFT 32

enum lvs_service_kind { LVS_BY_ADDRESS = 0, LVS_BY_MARK = 1 };

/* Addresses of either family; IPv4 has the first word, and 0 in the others. */
struct lvs_service_key {
  __be32 address[4]; /* Or, first, the mark in host order. */
  __be16 port;
  __u8 protocol; /* 0 with a mark. */
  __u8 kind;
  __u8 family; /* AF_INET, AF_INET6 */
  __u8 zero[3];
};
LVS_ASSERT(sizeof(struct lvs_service_key) == 24);

struct lvs_stats {
  __u64 connections;
  __u64 in_packets;
  __u64 in_bytes;
  __u64 out_packets;
  __u64 out_bytes;
};
LVS_ASSERT(sizeof(struct lvs_stats) == 40);

/* A service is one word: where its slice begins (20 bits) and where rr and wrr stand in it, as
 * ip_vs keeps it: the place of the server that was taken last (12 bits) and the current weight (32
 * bits). Scheduler and lvsd change it by compare-and-swap alone, so a cursor of an old slice never
 * lands in a new one, and no step is lost. */
#define LVS_CURRENT(slice, place, level) \
  ((__u64)(slice) << 44 | (__u64)(place) << 32 | (__u32)(level))
#define LVS_CURRENT_SLICE(current) ((__u32)((current) >> 44))
#define LVS_CURRENT_PLACE(current) ((__u32)((current) >> 32) & 0xfffU)
#define LVS_CURRENT_LEVEL(current) ((__s32)(__u32)(current))
#define LVS_PLACE_HEAD 0xfffU /* Before the first: the walk begins at the newest server. */
LVS_ASSERT(LVS_SLOTS_MAX <= 1U << 20);
LVS_ASSERT(2 * LVS_DESTS_PER_SERVICE_MAX < LVS_PLACE_HEAD);

struct lvs_service {
  __u64 current; /* Slice 0 is never used: 0 means no service. */
  struct lvs_service_key key;
  struct lvs_stats stats; /* Of real servers that were removed; lvsd's. */
  __u32 cache;            /* Number of its cache (lblc, lblcr): whatever has another is not its. */
  __u32 cached;           /* Entries in it, as the last count found them and packets added since. */
  __u64 zero[6];
};
LVS_ASSERT(sizeof(struct lvs_service) == 128);

#define LVS_SERVICE_PERSISTENT 0x1U
#define LVS_SERVICE_ONE_PACKET 0x4U /* Of its datagrams each is scheduled; TCP as ever. */
#define LVS_SERVICE_FALLBACK \
  0x8U /* sh, mh: another real server when the hashed one is not to be had. */
#define LVS_SERVICE_HASH_PORT 0x10U /* sh, mh: the client's port too. */
/* Its persistence engine is sip. No flag of ip_vs, which knows engines by name. */
#define LVS_SERVICE_BY_CALL 0x80000000U

enum lvs_scheduler {
  LVS_RR = 1,
  LVS_WRR,
  LVS_LC,
  LVS_WLC,
  LVS_SED,
  LVS_NQ,
  LVS_FO,
  LVS_OVF,
  LVS_DH,
  LVS_SH,
  LVS_MH,
  LVS_LBLC,
  LVS_LBLCR,
};

/* A slice: header, then `room` slots for real servers, then `sequence` slots of a table that a
 * hash leads to. A server stays in the place of its slot: the first added is in place 0, the newest
 * in the highest, and all walk downwards. The list grows and changes in place: a slot is
 * written before `dests` says that it is there, and one whose server was removed stays as a gap
 * until lvsd lays the slice anew. */
struct lvs_slot {
  __u32 dest; /* LVS_NO_DEST: a gap. */
  __s32 weight;
};
#define LVS_NO_DEST 0xffffffffU

struct lvs_slice {
  __u32 scheduler;
  __u32 flags;
  __u32 timeout; /* Persistence, seconds. */
  __u32 prefix;  /* Of clients that persist together: bits of their address. */
  __u32 dests;   /* Slots in use, gaps included. */
  __u32 sequence;
  __u32 slots; /* Length of all, as it was allocated and is to be freed. */
  __u32 room;
  /* What the current weight of wrr begins at and falls by; 1 and 1: rr. */
  __s32 top;
  __s32 step;
};
#define LVS_SLICE_SLOTS 5U /* Header in slots. */
#define LVS_SLICE_DESTS_SLOT 2U
#define LVS_SLICE_TOP_SLOT 4U
LVS_ASSERT(sizeof(struct lvs_slot) == 8);
LVS_ASSERT(sizeof(struct lvs_slice) == LVS_SLICE_SLOTS * sizeof(struct lvs_slot));
LVS_ASSERT(LVS_OFFSET(struct lvs_slice, dests) == LVS_SLICE_DESTS_SLOT * sizeof(struct lvs_slot));
LVS_ASSERT(LVS_OFFSET(struct lvs_slice, top) == LVS_SLICE_TOP_SLOT * sizeof(struct lvs_slot));

enum lvs_dest_use { LVS_DEST_FREE = 0, LVS_DEST_AVAILABLE = 1, LVS_DEST_REMOVED = 2 };

struct lvs_dest {
  /* lvsd's */
  __be32 address[4];
  __be16 port;
  __u8 forward; /* enum lvs_forward */
  __u8 use;
  __u8 family;
  __u8 tunnel_type;
  __be16 tunnel_port;
  __u16 tunnel_flags;
  __u8 is_local; /* Its address is one of the director's. */
  __u8 zero1;
  __s32 weight;
  __u32 upper_threshold;
  __u32 lower_threshold;
  __s32 last_weight; /* The last that was not 0. */
  __u32 service;
  struct lvs_service_key service_key; /* Whose it was: adding it again finds it here. */
  __be32 tunnel_source[4];
  __u32 generation; /* Another one has this number next. */
  __u32 zero3;
  __u64 zero[4];
  /* the packet path's, and the sweeper's */
  __u32 active;
  __u32 total; /* Active and inactive. */
  __u32 persistent;
  __u32 overload;
  __u64 zero2[6];
};
LVS_ASSERT(LVS_OFFSET(struct lvs_dest, active) == 128);
LVS_ASSERT(sizeof(struct lvs_dest) == 192);

/* lblc and lblcr: the real servers that an address of a service's packets goes to. The map is a
 * memory of what was good before: nothing counts in it, and who has no entry is scheduled anew. */
struct lvs_locality_key {
  __be32 address[4];
  __u32 service;
  __u32 cache; /* As the service has it. */
};
LVS_ASSERT(sizeof(struct lvs_locality_key) == 24);

/* A real server by its id and generation, so that an id which another one has now leads nowhere. */
#define LVS_MEMBER(id, generation) ((__u32)(generation) << 16 | (id))
#define LVS_MEMBER_DEST(member) ((member)&0xffffU)
#define LVS_MEMBER_GENERATION(member) ((member) >> 16)
LVS_ASSERT(LVS_DESTS_MAX <= 0xffffU);

#define LVS_LOCALITY_MEMBERS 32U
struct lvs_locality {
  __u64 used;    /* When it was asked last. */
  __u64 changed; /* lblcr: when one came to the set or left it. */
  __u32 members; /* lblc: one. */
  __u32 zero;
  __u32 member[LVS_LOCALITY_MEMBERS]; /* The newest last. */
};
LVS_ASSERT(sizeof(struct lvs_locality) == 152);

/* A service's cache is to have so many entries; half as many again, and no more are made. */
#define LVS_LOCALITIES_OF_SERVICE 16384U
#define LVS_LOCALITIES_MOST (LVS_LOCALITIES_OF_SERVICE * 3 / 2)

#define LVS_TIMEOUT_UDP 15U /* Index behind the TCP states. */
#define LVS_TIMEOUTS 16U

/* Behaviour that can be chosen, with the names and the meaning of net.ipv4.vs.*; their defaults and
 * ranges are in lvsd/core/settings.cpp. */
enum lvs_setting {
  LVS_EXPIRE_NODEST_CONN = 0,
  LVS_EXPIRE_QUIESCENT_TEMPLATE,
  LVS_CONN_REUSE_MODE,
  LVS_SLOPPY_TCP,
  LVS_CONNTRACK,
  LVS_EXPRESS, /* The embedded core's own: nic_express. */
  LVS_SLOPPY_SCTP,
  LVS_AM_DROPRATE,
  LVS_AMEMTHRESH,
  LVS_DEFENCE_DROP_ENTRY,
  LVS_DEFENCE_DROP_PACKET,
  LVS_DEFENCE_SECURE_TCP,
  LVS_LBLC_EXPIRATION,
  LVS_LBLCR_EXPIRATION,
  LVS_SETTINGS,
};
/* Of maps whose writer did not say how many it knew (`settings_known`). */
#define LVS_SETTINGS_OF_OLD LVS_AM_DROPRATE
#define LVS_SETTINGS_ROOM 32U
LVS_ASSERT(LVS_SETTINGS <= LVS_SETTINGS_ROOM);

struct lvs_config {
  __u32 magic;
  __u32 version;
  __u32 armed;
  __u32 epoch; /* Steps when routes, neighbours or timeouts have changed: flows ask anew. */
  __u32 connections_max;
  __u32 ipvs1; /* Index of the device: see LVS_MARK_LOCAL. */
  __u64 timeouts[LVS_TIMEOUTS];
  __u32 settings[LVS_SETTINGS_ROOM];
  /* The packet path's */
  __u64 reclaim_at; /* Not before this time may a full table be searched again. */
  __u64 reclaim_templates_at;
  __u64 icmp_at; /* When the last answer's turn is over. */
  __u64 reclaim6_at;
  __u64 reclaim_templates6_at;
  /* lvsd's */
  __u32 ipvs0;    /* Index of the device: see LVS_MARK_TRACKED. */
  __u32 encrypts; /* There are policies of IPsec about what goes out. */
  /* The packet path's: probes that came to ipvs0, of IPv4 and IPv6. */
  __u32 probes[2];
  /* lvsd's */
  __u32 settings_known; /* So many of them have been given a value. */
  __u32 drop_rate;      /* One in so many packets of new connections is lost; 0: none. */
  /* The packet path's */
  __u32 drop_countdown; /* Until the next one that is. */
  __u32 zero3;
  __u64 zero2[4];
  /* lvsd's: how many prefixes of IPv4 and of IPv6 are denied. In a cache line that nobody writes.
   */
  __u32 denied[2];
  __u64 zero4[16];
};
LVS_ASSERT(LVS_OFFSET(struct lvs_config, denied) % 64 == 0);
LVS_ASSERT(sizeof(struct lvs_config) == 520);

/* Clients that are denied: the longest prefix that a client is in. */
struct lvs_deny_key {
  __u32 length;
  __be32 address;
};
struct lvs_deny_key6 {
  __u32 length;
  __be32 address[4];
};
LVS_ASSERT(sizeof(struct lvs_deny_key6) == 20);

struct lvs_denied {
  __u64 packets; /* Dropped for this prefix. */
};

#define LVS_DENIED_MAX 1024U
#define LVS_DENIED_ROOM (2 * LVS_DENIED_MAX) /* A new list comes before the old one leaves. */

/* A device that carries nic_ingress, by its index. */
struct lvs_device {
  __u8 mac[6];     /* Frames that go back to the local stack come in by this address. */
  __u8 own_clsact; /* lvsd made it, lvsd takes it away. */
  __u8 zero;
};
LVS_ASSERT(sizeof(struct lvs_device) == 8);

#define LVS_TOUCH_NS 250000000ULL /* A flow renews its expiry and next hop so often. */
#define LVS_CONTROLLER_RETRY_NS 60000000000ULL
#define LVS_DEAD_NS 1000000000ULL /* So long dead: whoever killed it failed to delete it. */

/* A packet that ipvs0 gives back to the local stack comes in once more by the device it came from,
 * with this mark; nic_ingress makes it this priority, and the nft chain lets either pass. */
#define LVS_MARK_LOCAL 0x4c565301U
#define LVS_PRIORITY_LOCAL 0x4c560001U
/* Whatever rules of others make of mark and priority, a packet goes round so often and no further:
 * within so short a time no sender repeats itself to the last bit. */
#define LVS_ROUNDS_MAX 8U
#define LVS_ROUNDS_NS 10000000ULL

/* A packet that was given back, by what no rule changes. IPv4 addresses: the first word. */
struct lvs_given_back {
  struct lvs_key6 key;
  __be16 id;      /* Of IPv4. */
  __sum16 check;  /* Of its TCP or UDP header. */
  __u32 sequence; /* Of TCP's; what else tells packets of SCTP from each other. */
};
LVS_ASSERT(sizeof(struct lvs_given_back) == 48);

/* A datagram in fragments, of which only the first says its ports. IPv4 addresses: the first word.
 * With `by_stack`: the first did not fit, and all go by the stack, which cuts the whole. */
struct lvs_fragments {
  __be32 saddr[4];
  __be32 daddr[4];
  __u32 id;
  __u8 protocol;
  __u8 family;
  __u16 by_stack;
};
LVS_ASSERT(sizeof(struct lvs_fragments) == 40);

struct lvs_ports {
  __be16 source;
  __be16 dest;
  __u32 one_packet; /* See one_packet.h; 0: the flow says where it goes. */
};

struct lvs_rounds {
  __u64 since;
  __u32 count;
  __u32 ttl; /* Of the first. */
};

/* A packet that ipvs0 gives back on its way through the director comes in likewise; this mark stays
 * on it, and the nft chain lets it pass. */
#define LVS_MARK_FORWARDED 0x4c565302U

/* A packet that the stack is to forward or deliver comes in by ipvs0 (xmit_stack.h); with this mark
 * the stack's connection tracking sees it, else not. The chain takes the mark off. */
#define LVS_MARK_TRACKED 0x4c565303U

/* The nft chain's word about a packet that may be fragmented: its copy says otherwise (nft dup). */
#define LVS_PRIORITY_MAY_FRAGMENT 0x4c560002U
/* ... and about one that was caught behind FORWARD. */
#define LVS_PRIORITY_FORWARDED 0x4c560003U
#define LVS_PRIORITY_FORWARDED_MAY_FRAGMENT 0x4c560004U

/* A packet of lvsd's own, to see whether copies come to ipvs0. */
#define LVS_PRIORITY_PROBE 0x4c560005U

/* nic_ingress's word about the first packet of a data connection that FTP has told of. */
#define LVS_PRIORITY_EXPECTED 0x4c560006U

/* Why a packet was dropped or left to the stack; lvsd/core/drops.h has the names. */
enum lvs_drop {
  LVS_DROP_MALFORMED = 0,
  LVS_DROP_ANY_PORT_NOT_PERSISTENT,
  LVS_DROP_NO_DESTINATION,
  LVS_DROP_DESTINATION_REMOVED,
  LVS_DROP_TABLE_FULL,
  LVS_DROP_TEMPLATES_FULL,
  LVS_DROP_RACE,
  LVS_DROP_NO_ROUTE,
  LVS_DROP_TOO_BIG,
  LVS_DROP_TTL,
  LVS_DROP_UNKNOWN_DEVICE,
  LVS_DROP_IN_CIRCLES,
  LVS_DROP_FRAGMENT,
  LVS_PASS_FRAGMENT,
  LVS_PASS_REUSED_BY_SERVER,
  LVS_PASS_NOT_ARMED,
  LVS_PASS_NO_SERVICE,
  LVS_PASS_NOT_NEW,
  LVS_PASS_TO_FRAGMENT,
  LVS_EVICTED_HALF_OPEN,
  LVS_EVICTED_TEMPLATE,
  LVS_PASS_NO_REPLY,
  LVS_FTP_NOT_READ,
  LVS_FTP_PORT_TAKEN,
  LVS_DROP_PACKET,
  LVS_DROP_DENIED,
  LVS_DROP_NO_CALL_ID,
  LVS_DROPS,
};

/* What the sweep program is asked and answers: it looks at the entries whose keys are the first of
 * the map lvs_sweep_keys. */
enum lvs_sweep_where {
  LVS_SWEEP_FLOWS = 0,
  LVS_SWEEP_TEMPLATES,
  LVS_SWEEP_FLOWS6,
  LVS_SWEEP_TEMPLATES6,
};
#define LVS_SWEEP_KEYS_MAX 512U

struct lvs_sweep {
  __be32 prefix[4]; /* Kill: clients in prefix/mask; IPv4 has the first word. */
  __be32 mask[4];
  __u32 family; /* Of these. */
  __u32 kill;   /* 0: only what has expired. */
  __u32 killed;
  __u32 where;        /* enum lvs_sweep_where */
  __u32 keys;         /* How many. */
  __u32 unassured;    /* Templates without a connection, never established, go too. */
  __u64 half_open_ns; /* TCP, SCTP half open for so long ends; 0: as it expires. */
  __u64 udp_idle_ns;  /* UDP that has been idle so long; 0: as it expires. */
  __u32 drop_share;   /* In 2^-32; not 0: the keys were drawn for drop_entry, that part of all. */
  __u32 zero;
};
#define LVS_DROP_IDLE_NS                                                                          \
  60000000000ULL                        /* What is so long idle drop_entry takes for given up ... \
                                         */
#define LVS_DROP_BRIEF_NS 1000000000ULL /* ... if it took no longer than this. */
