/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One-packet scheduling: each datagram finds its real server anew, and no connection stays. What
 * describes its way is a flow like others that is in no table: it stands in the CPU's scratch and
 * is over with the packet.
 *
 * Where a packet is looked at once more, there is no entry to find it by: the later fragments of a
 * datagram, and what ipvs0 hands to ipvs1 because the neighbour has to be asked for. So a word goes
 * along that tells the way: as the packet's mark, and beside the ports of a datagram. */
#pragma once

#include "lvsd/bpf/packet.h"

/* Bits of the word: this, whether the packet's port stays, and the real server. */
#define ONE_PACKET 0x4c570000U
#define ONE_PACKET_MASK 0xffff0000U
#define ONE_PACKET_KEEPS_PORT 0x8000U
#define ONE_PACKET_DEST 0x7fffU
LVS_ASSERT(LVS_DESTS_MAX <= ONE_PACKET_DEST);

static __always_inline int is_one_packet(__u32 word) {
  return (word & ONE_PACKET_MASK) == ONE_PACKET;
}

/* 0: the packet has a connection. */
static __always_inline __u32 one_packet_word(const struct packet* packet,
                                             const struct lvs_flow* flow) {
  if (!(flow->flags & LVS_FLOW_ONE_PACKET)) {
    return 0;
  }
  return ONE_PACKET | (flow->port == packet->dport ? ONE_PACKET_KEEPS_PORT : 0) | flow->dest;
}

/* For the later fragments of the datagram whose first parse() has just looked at. */
static __always_inline void remember_one_packet(const struct packet* packet, __u32 word) {
  struct scratch* scratch = scratch_of_cpu();
  const struct lvs_ports ports = {
      .source = packet->sport, .dest = packet->dport, .one_packet = word};
  if (scratch && packet->fragment == FIRST_FRAGMENT) {
    bpf_map_update_elem(&lvs_datagrams, &scratch->fragments, &ports, BPF_ANY);
  }
}

/* What the first fragment left for the one that parse() has just looked at. */
static __always_inline __u32 remembered_one_packet(void) {
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch) {
    return 0;
  }
  const struct lvs_ports* ports = bpf_map_lookup_elem(&lvs_datagrams, &scratch->fragments);
  return ports ? ports->one_packet : 0;
}
