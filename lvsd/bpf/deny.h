/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients that are denied: of what they send, the packets that this core would balance are dropped
 * before anything else becomes of them, those of established connections too. All else that they
 * send is the stack's as ever, and so are the real servers' replies to them the core's: what nobody
 * acknowledges ends by itself.
 *
 * Any packet of a client asks one word of the configuration; with a list, one lookup by its
 * address. Only a client that is in the list pays for the question whether its packet would be
 * balanced. */
#pragma once

#include "lvsd/bpf/connect.h"
#include "lvsd/bpf/conntrack.h"
#include "lvsd/bpf/denied.h"
#include "lvsd/bpf/next_hop.h"
#include "lvsd/bpf/xmit_local.h"

/* Of a packet that may be a reply: those are never denied, whoever their sender is. */
static __always_inline int is_from_denied(const int family, const struct lvs_config* config,
                                          const struct packet* packet,
                                          const struct lvs_flow* flow) {
  return config->denied[family == AF_INET6] && !(flow && flow->direction == LVS_TO_CLIENT) &&
         is_denied(family, config, source_of(family, &packet->key));
}

/* Whether a packet without a connection is to a service, also one that would begin none. */
static __always_inline int is_to_service(const int family, const struct packet* packet,
                                         __u32 mark) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return 0;
  }
  if (is_ftp_data_port(packet) && find_expected(family, packet, scratch)) {
    return 1;
  }
  return find_service(family, packet, mark, &scratch->match) &&
         is_taken_by(packet, &scratch->match);
}

/* Of a packet whose sender is denied: whether the core would have it. At a device the firewall has
 * not given it a mark yet, and its address may be another's: what is not known there goes on, and
 * is met again at ipvs0. */
static __always_inline int would_balance(const int family, struct __sk_buff* skb,
                                         const struct packet* packet, enum hook hook) {
  const struct lvs_config* config = config_of_core();
  union any_key key; /* Linux 6.1 looks up what is on the stack. */
  copy_key(family, &key, &packet->key);
  const struct lvs_flow* flow = find_flow(family, &key);
  if (!config) {
    return 0;
  }
  if (flow && !(flow->word & LVS_WORD_DEAD) && bpf_ktime_get_coarse_ns() < flow->expires) {
    return !is_of_other_director(flow, config);
  }
  if (!config->armed) {
    return 0;
  }
  return hook == AT_IPVS0 ? is_to_service(family, packet, skb->mark)
                          : is_to_service(family, packet, 0) &&
                                is_own_address(family, skb, target_of(family, &key));
}

VERIFIED_ALONE int would_balance4(struct __sk_buff* skb, const struct packet* packet,
                                  enum hook hook) {
  return packet && would_balance(AF_INET, skb, packet, hook);
}

VERIFIED_ALONE int would_balance6(struct __sk_buff* skb, const struct packet* packet,
                                  enum hook hook) {
  return packet && would_balance(AF_INET6, skb, packet, hook);
}

static __always_inline int is_kept_out(const int family, struct __sk_buff* skb,
                                       const struct packet* packet, const struct lvs_flow* flow,
                                       const struct lvs_config* config, enum hook hook) {
  return is_from_denied(family, config, packet, flow) &&
         (family == AF_INET6 ? would_balance6(skb, packet, hook)
                             : would_balance4(skb, packet, hook));
}
