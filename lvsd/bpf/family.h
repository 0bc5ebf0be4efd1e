/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections and templates of either family. IPv4 and IPv6 have keys of different lengths and maps
 * of their own, and the rest of the packet path is written once for both: `family` (AF_INET,
 * AF_INET6) is a constant wherever it is handed on, and one of the two ways is compiled. */
#pragma once

#include <bpf/bpf_endian.h>

#include "lvsd/bpf/maps.h"

#ifndef AF_INET
#define AF_INET 2
#endif
#ifndef AF_INET6
#define AF_INET6 10
#endif

union any_key {
  struct lvs_key v4;
  struct lvs_key6 v6;
};

struct address6 {
  __be32 word[4];
};

static __always_inline struct lvs_flow* find_flow(const int family, const void* key) {
  return family == AF_INET6 ? bpf_map_lookup_elem(&lvs_flows6, key)
                            : bpf_map_lookup_elem(&lvs_flows, key);
}

static __always_inline long put_flow(const int family, const void* key, const struct lvs_flow* flow,
                                     __u64 flags) {
  return family == AF_INET6 ? bpf_map_update_elem(&lvs_flows6, key, flow, flags)
                            : bpf_map_update_elem(&lvs_flows, key, flow, flags);
}

static __always_inline void delete_flow(const int family, const void* key) {
  if (family == AF_INET6) {
    bpf_map_delete_elem(&lvs_flows6, key);
  } else {
    bpf_map_delete_elem(&lvs_flows, key);
  }
}

static __always_inline struct lvs_template* find_template(const int family, const void* key) {
  return family == AF_INET6 ? bpf_map_lookup_elem(&lvs_templates6, key)
                            : bpf_map_lookup_elem(&lvs_templates, key);
}

static __always_inline long put_template(const int family, const void* key,
                                         const struct lvs_template* template) {
  return family == AF_INET6 ? bpf_map_update_elem(&lvs_templates6, key, template, BPF_NOEXIST)
                            : bpf_map_update_elem(&lvs_templates, key, template, BPF_NOEXIST);
}

/* Of a template: it is a call's, by the hash in its key. */
static __always_inline int is_of_call(const int family, const void* key) {
  if (family == AF_INET6) {
    const struct lvs_key6* key6 = key;
    return key6->sport || key6->zero[0] || key6->zero[1] || key6->zero[2];
  }
  const struct lvs_key* key4 = key;
  return key4->sport || key4->zero[0] || key4->zero[1] || key4->zero[2];
}

static __always_inline void put_call_id(const int family, const void* key, const char* text) {
  if (family == AF_INET6) {
    bpf_map_update_elem(&lvs_call_ids6, key, text, BPF_ANY);
  } else {
    bpf_map_update_elem(&lvs_call_ids, key, text, BPF_ANY);
  }
}

static __always_inline void delete_call_id(const int family, const void* key) {
  if (family == AF_INET6) {
    bpf_map_delete_elem(&lvs_call_ids6, key);
  } else {
    bpf_map_delete_elem(&lvs_call_ids, key);
  }
}

/* Its Call-ID goes first: the next template of the same key brings its own. */
static __always_inline void delete_template(const int family, const void* key) {
  if (is_of_call(family, key)) {
    delete_call_id(family, key);
  }
  if (family == AF_INET6) {
    bpf_map_delete_elem(&lvs_templates6, key);
  } else {
    bpf_map_delete_elem(&lvs_templates, key);
  }
}

/* What a flow keeps in a place that depends on its family. */
static __always_inline __be32* address_in(const int family, struct lvs_flow* flow) {
  return family == AF_INET6 ? ((struct lvs_flow6*)flow)->address : &flow->address;
}

static __always_inline const __be32* address_of(const int family, const struct lvs_flow* flow) {
  return family == AF_INET6 ? ((const struct lvs_flow6*)flow)->address : &flow->address;
}

static __always_inline void copy_key(const int family, void* to, const void* from) {
  if (family == AF_INET6) {
    *(struct lvs_key6*)to = *(const struct lvs_key6*)from;
  } else {
    *(struct lvs_key*)to = *(const struct lvs_key*)from;
  }
}

static __always_inline const void* other_of(const int family, const struct lvs_flow* flow) {
  return family == AF_INET6 ? (const void*)&((const struct lvs_flow6*)flow)->other
                            : (const void*)&flow->other;
}

static __always_inline const void* template_key_of_flow(const int family,
                                                        const struct lvs_flow* flow) {
  return family == AF_INET6 ? (const void*)&((const struct lvs_flow6*)flow)->template_key
                            : (const void*)&flow->template_key;
}

static __always_inline void copy_address(const int family, __be32* to, const __be32* from) {
  to[0] = from[0];
  if (family == AF_INET6) {
    to[1] = from[1];
    to[2] = from[2];
    to[3] = from[3];
  }
}

static __always_inline int is_same_address(const __be32* one, const __be32* other) {
  return one[0] == other[0] && one[1] == other[1] && one[2] == other[2] && one[3] == other[3];
}

/* The key of packets the other way: from `server` and its port to whoever sent these. */
static __always_inline void reverse_key(const int family, void* to, const union any_key* from,
                                        const __be32* server, __be16 port) {
  if (family == AF_INET6) {
    struct lvs_key6* key = to;
    *key = (struct lvs_key6){.sport = port, .dport = from->v6.sport, .protocol = from->v6.protocol};
    copy_address(family, key->saddr, server);
    copy_address(family, key->daddr, from->v6.saddr);
  } else {
    *(struct lvs_key*)to = (struct lvs_key){.saddr = *server,
                                            .daddr = from->v4.saddr,
                                            .sport = port,
                                            .dport = from->v4.sport,
                                            .protocol = from->v4.protocol};
  }
}

static __always_inline const __be32* source_of(const int family, const union any_key* key) {
  return family == AF_INET6 ? key->v6.saddr : &key->v4.saddr;
}

static __always_inline const __be32* target_of(const int family, const union any_key* key) {
  return family == AF_INET6 ? key->v6.daddr : &key->v4.daddr;
}

/* What the hashing schedulers make of an address, in host order. */
static __always_inline __u32 folded(const int family, const __be32* address) {
  return bpf_ntohl(family == AF_INET6 ? address[0] ^ address[1] ^ address[2] ^ address[3]
                                      : address[0]);
}
