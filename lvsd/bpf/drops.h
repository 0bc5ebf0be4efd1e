/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every packet that is not forwarded has a counted reason. */
#pragma once

#include <linux/pkt_cls.h>

#include "lvsd/bpf/maps.h"

/* To the next filter, then the stack: what is not ours is not touched. */
#define LVS_PASS TC_ACT_UNSPEC

VERIFIED_ALONE int count_drop(__u32 reason) {
  __u64* packets = bpf_map_lookup_elem(&lvs_drops, &reason);
  if (packets) {
    *packets += 1;
  }
  return 0;
}

static __always_inline int drop(__u32 reason) {
  count_drop(reason);
  return TC_ACT_SHOT;
}
