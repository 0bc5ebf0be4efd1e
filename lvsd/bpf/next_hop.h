/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to a real server or a client, looked up as ip_vs does: as the director's own output. So
 * no source, no incoming device and no mark of the packet choose it; routing rules about these are
 * for what the director forwards, which a balanced packet is not. A reply is looked up with the VIP
 * as its source, as ip_vs does with snat_reroute.
 *
 * The kernel's helper asks for a device that the packet came in by, and for forwarding to be on
 * there; `lo` stands for "from the director itself", to routing rules too. */
#pragma once

#include "lvsd/bpf/packet.h"

#define LOOPBACK_IFINDEX 1
#define IP_TOS_OFFSET 1

enum way {
  WAY_KNOWN,   /* In *route; the neighbour's address is known. */
  WAY_COLD,    /* The device is; the neighbour layer has to ask. */
  WAY_TOO_BIG, /* The packet does not fit into route->mtu. */
  WAY_NONE,
};

static __always_inline __u8 tos_of(struct __sk_buff* skb) {
  __u8 tos = 0;
  bpf_skb_load_bytes(skb, ETH_HLEN + IP_TOS_OFFSET, &tos, sizeof(tos));
  return tos & 0x1c;
}

/* `from`: null, or the VIP of a reply. `bytes`: of the longest IP packet on the way. */
static __always_inline int look_up_way(const int family, struct __sk_buff* skb,
                                       struct lvs_route* route, const __be32* from,
                                       const __be32* to, __u32 bytes) {
  const struct lvs_config* config = quick_config();
  struct scratch* scratch = quick_scratch();
  if (!route || !config || !scratch) {
    return WAY_NONE;
  }
  struct bpf_fib_lookup fib = {.family = family, .ifindex = LOOPBACK_IFINDEX};
  fib.tot_len = bytes;
  if (family == AF_INET) {
    fib.tos = from ? tos_of(skb) : 0;
  }
  if (from) {
    copy_address(family, fib.ipv6_src, from);
  }
  copy_address(family, fib.ipv6_dst, to);
  const long found = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
  if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED) {
    route->mtu = fib.mtu_result;
    return WAY_TOO_BIG;
  }
  if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) {
    return WAY_NONE;
  }
  scratch->next_hop.ifindex = fib.ifindex;
  scratch->next_hop.neighbour.nh_family = fib.family;
  __builtin_memcpy(scratch->next_hop.neighbour.ipv6_nh, fib.ipv6_dst, sizeof(fib.ipv6_dst));
  route->ifindex = 0;
  if (found == BPF_FIB_LKUP_RET_NO_NEIGH) {
    return WAY_COLD;
  }
  __builtin_memcpy(route->dmac, fib.dmac, ETH_ALEN);
  __builtin_memcpy(route->smac, fib.smac, ETH_ALEN);
  route->mtu = fib.mtu_result;
  route->epoch = config->epoch;
  route->ifindex = fib.ifindex;
  return WAY_KNOWN;
}

VERIFIED_ALONE int find_way4(struct __sk_buff* skb, struct lvs_route* route, __be32 from, __be32 to,
                             __u32 bytes) {
  return look_up_way(AF_INET, skb, route, from ? &from : 0, &to, bytes);
}

VERIFIED_ALONE int find_way6(struct __sk_buff* skb, struct lvs_route* route,
                             const struct address6* from, const struct address6* to, __u32 bytes) {
  return to ? look_up_way(AF_INET6, skb, route, from ? from->word : 0, to->word, bytes) : WAY_NONE;
}

static __always_inline int find_way(const int family, struct __sk_buff* skb,
                                    struct lvs_route* route, const __be32* from, const __be32* to,
                                    __u32 bytes) {
  if (family == AF_INET6) {
    return find_way6(skb, route, (const struct address6*)from, (const struct address6*)to, bytes);
  }
  return find_way4(skb, route, from ? *from : 0, *to, bytes);
}

/* Whether the stack would take in what is addressed so. */
static __always_inline int is_local(const int family, struct __sk_buff* skb,
                                    const __be32* address) {
  struct bpf_fib_lookup fib = {.family = family, .ifindex = LOOPBACK_IFINDEX};
  copy_address(family, fib.ipv6_dst, address);
  return bpf_fib_lookup(skb, &fib, sizeof(fib), 0) == BPF_FIB_LKUP_RET_NOT_FWDED;
}

VERIFIED_ALONE int is_own_address4(struct __sk_buff* skb, __be32 address) {
  return is_local(AF_INET, skb, &address);
}

VERIFIED_ALONE int is_own_address6(struct __sk_buff* skb, const struct address6* address) {
  return address && is_local(AF_INET6, skb, address->word);
}

static __always_inline int is_own_address(const int family, struct __sk_buff* skb,
                                          const __be32* address) {
  return family == AF_INET6 ? is_own_address6(skb, (const struct address6*)address)
                            : is_own_address4(skb, *address);
}

/* Whether the stack itself would send this packet, as it is now, the way that find_way() found. */
static __always_inline int would_stack_send(const int family, struct __sk_buff* skb,
                                            const __be32* from, const __be32* to) {
  const struct scratch* scratch = quick_scratch();
  if (!scratch) {
    return 0;
  }
  const struct bpf_redir_neigh* neighbour = &scratch->next_hop.neighbour;
  /* As output by that device; of IPv6, rules by source are not looked at then, from `lo` they are.
   */
  struct bpf_fib_lookup fib = {
      .family = family,
      .ifindex = family == AF_INET ? scratch->next_hop.ifindex : LOOPBACK_IFINDEX};
  if (family == AF_INET) {
    fib.tos = tos_of(skb);
  }
  copy_address(family, fib.ipv6_src, from);
  copy_address(family, fib.ipv6_dst, to);
  const long found =
      bpf_fib_lookup(skb, &fib, sizeof(fib), family == AF_INET ? BPF_FIB_LOOKUP_OUTPUT : 0);
  if ((found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH) ||
      fib.family != neighbour->nh_family || fib.ifindex != scratch->next_hop.ifindex) {
    return 0;
  }
  if (fib.family == AF_INET) {
    return fib.ipv4_dst == neighbour->ipv4_nh;
  }
  return is_same_address(fib.ipv6_dst, neighbour->ipv6_nh);
}

VERIFIED_ALONE int is_way_of_stack4(struct __sk_buff* skb, __be32 from, __be32 to) {
  return would_stack_send(AF_INET, skb, &from, &to);
}

VERIFIED_ALONE int is_way_of_stack6(struct __sk_buff* skb, const struct address6* from,
                                    const struct address6* to) {
  return from && to && would_stack_send(AF_INET6, skb, from->word, to->word);
}

static __always_inline int is_way_of_stack(const int family, struct __sk_buff* skb,
                                           const __be32* from, const __be32* to) {
  if (family == AF_INET6) {
    return is_way_of_stack6(skb, (const struct address6*)from, (const struct address6*)to);
  }
  return is_way_of_stack4(skb, *from, *to);
}

/* By a route of the stack's own: then its sender hears by ICMP when no neighbour answers. */
static __always_inline int send_by_stack(struct __sk_buff* skb) {
  const struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return drop(LVS_DROP_NO_ROUTE);
  }
  skb->mark = 0;
  return bpf_redirect_neigh(scratch->next_hop.ifindex, 0, 0, 0);
}

/* The neighbour layer sends to what find_way() found, and asks for the address where it must. */
static __always_inline int send_by_neighbour(struct __sk_buff* skb) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return drop(LVS_DROP_NO_ROUTE);
  }
  struct bpf_redir_neigh neighbour = scratch->next_hop.neighbour;
  skb->mark = 0;
  return bpf_redirect_neigh(scratch->next_hop.ifindex, &neighbour, sizeof(neighbour), 0);
}
