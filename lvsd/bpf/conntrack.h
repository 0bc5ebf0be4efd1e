/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections and templates: birth, state, expiry, death. Whoever turns an entry's word to DEAD
 * (compare-and-swap) takes it out of the counters and deletes it; all others see a dead entry as
 * none. */
#pragma once

#include "lvsd/bpf/counters.h"
#include "lvsd/bpf/tcp_states.h"

/* More than processors that could get in between at one word. */
#define WORD_TRIES 32

/* What became of a change to an entry's word. */
enum change {
  CHANGE_LOST, /* The entry is dead, or another one by now. */
  CHANGE_DONE = 1,
  CHANGE_CONTENDED = 2, /* Others were quicker WORD_TRIES times; the entry is as it was. */
};

/* What advances a connection. */
struct segment {
  __u32 generation; /* Of the entry that the caller looked at. */
  __u8 protocol;
  __u8 sender; /* enum lvs_tcp_sender */
  __u8 tcp_flags;
  __u8 zero;
};

static __always_inline __u32 generation_of(__u64 word) {
  return word >> LVS_WORD_GENERATION_SHIFT;
}

/* Never 0: that stands for "not controlled". */
static __always_inline __u32 new_generation(void) {
  return bpf_get_prandom_u32() | 1;
}

static __always_inline __u64 timeout_of(const struct lvs_config* config, __u8 protocol,
                                        __u8 state) {
  const __u32 index = protocol == 6 ? state : LVS_TIMEOUT_UDP;
  return config->timeouts[index & (LVS_TIMEOUTS - 1)];
}

static __always_inline __u32 setting(const struct lvs_config* config, enum lvs_setting which) {
  return config->settings[which];
}

/* The template that controlled a connection loses it. */
VERIFIED_ALONE enum change release_template(const struct lvs_key* key, __u32 generation) {
  if (!key) {
    return CHANGE_LOST;
  }
  const struct lvs_key own_key = *key;
  struct lvs_template* template = bpf_map_lookup_elem(&lvs_templates, &own_key);
  if (!template) {
    return CHANGE_LOST;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = template->word;
    if (generation_of(word) != generation || !(word & LVS_TEMPLATE_CONTROLLED)) {
      return CHANGE_LOST;
    }
    if (__sync_val_compare_and_swap(&template->word, word, word - 1) == word) {
      return CHANGE_DONE;
    }
  }
  return CHANGE_CONTENDED;
}

/* One connection more is under this template. */
VERIFIED_ALONE enum change hold_template(struct lvs_template* template, __u32 generation) {
  if (!template) {
    return CHANGE_LOST;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = template->word;
    if ((word & LVS_TEMPLATE_DEAD) || generation_of(word) != generation) {
      return CHANGE_LOST;
    }
    if (__sync_val_compare_and_swap(&template->word, word, word + 1) == word) {
      return CHANGE_DONE;
    }
  }
  return CHANGE_CONTENDED;
}

enum even { EVEN_CONTROLLED = 1 };

/* Unless EVEN_CONTROLLED, a template that controls connections stays. */
VERIFIED_ALONE enum change kill_template(struct lvs_key* key, struct lvs_template* template,
                                         __u32 generation, __u64 now, int even_controlled) {
  if (!key || !template) {
    return CHANGE_LOST;
  }
  const struct lvs_key own_key = *key;
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = template->word;
    if ((word & LVS_TEMPLATE_DEAD) || generation_of(word) != generation ||
        (!even_controlled && (word & LVS_TEMPLATE_CONTROLLED))) {
      return CHANGE_LOST;
    }
    if (__sync_val_compare_and_swap(&template->word, word, word | LVS_TEMPLATE_DEAD) != word) {
      continue;
    }
    template->expires = now;
    struct lvs_dest* dest = dest_of(template->dest);
    if (dest) {
      __sync_fetch_and_add(&dest->persistent, -1);
    }
    bpf_map_delete_elem(&lvs_templates, &own_key);
    return CHANGE_DONE;
  }
  return CHANGE_CONTENDED;
}

/* Both entries go, the counters follow. The reverse entry may meanwhile belong to a newer
 * connection of the same client port to the same real server (through another VIP): then it stays.
 */
VERIFIED_ALONE enum change kill_flow(struct lvs_key* key, struct lvs_flow* flow, __u32 generation,
                                     __u64 now) {
  if (!key || !flow) {
    return CHANGE_LOST;
  }
  const struct lvs_key own_key = *key;
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = flow->word;
    if ((word & LVS_WORD_DEAD) || generation_of(word) != generation) {
      return CHANGE_LOST;
    }
    if (__sync_val_compare_and_swap(&flow->word, word, word | LVS_WORD_DEAD) != word) {
      continue;
    }
    flow->expires = now;
    struct lvs_dest* dest = dest_of(flow->dest);
    if (dest) {
      unbind_connection(dest, !!(word & LVS_WORD_ACTIVE));
    }
    if (flow->template_generation) {
      struct lvs_key template_key = flow->template_key;
      release_template(&template_key, flow->template_generation);
    }
    if (flow->forward == LVS_FORWARD_NAT) {
      struct lvs_key other = flow->other;
      struct lvs_flow* reply = bpf_map_lookup_elem(&lvs_flows, &other);
      if (reply && generation_of(reply->word) == generation) {
        bpf_map_delete_elem(&lvs_flows, &other);
      }
    }
    bpf_map_delete_elem(&lvs_flows, &own_key);
    return CHANGE_DONE;
  }
  return CHANGE_CONTENDED;
}

/* The first established connection makes its template one that flood defence leaves alone. */
VERIFIED_ALONE int assure_template(struct lvs_flow* flow) {
  if (!flow) {
    return 0;
  }
  struct lvs_key key = flow->template_key;
  struct lvs_template* template = bpf_map_lookup_elem(&lvs_templates, &key);
  if (!template) {
    return 0;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = template->word;
    if (generation_of(word) != flow->template_generation || (word & LVS_TEMPLATE_ASSURED) ||
        __sync_val_compare_and_swap(&template->word, word, word | LVS_TEMPLATE_ASSURED) == word) {
      return 0;
    }
  }
  return 0;
}

/* One segment (or datagram) was seen: the state follows, active with it, and the timer starts anew.
 * Another CPU's change in between is read again. */
VERIFIED_ALONE int advance_flow(struct lvs_flow* flow, const struct segment* segment, __u64 now) {
  const struct lvs_config* config = config_of_core();
  if (!config || !flow || !segment) {
    return 0;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = flow->word;
    if ((word & LVS_WORD_DEAD) || generation_of(word) != segment->generation) {
      return 0;
    }
    const __u8 state = word & LVS_WORD_STATE;
    __u8 next = LVS_TCP_NONE;
    if (segment->protocol == 6) {
      next = lvs_tcp_step(segment->sender, state, segment->tcp_flags);
    }
    /* A reply that is seen after all: from now on both sides tell the state. */
    const __u64 seen = segment->sender == LVS_TCP_OUT ? word & LVS_WORD_NOOUTPUT : 0;
    if (next != state || seen) {
      const __u64 active = lvs_tcp_is_active(next) ? LVS_WORD_ACTIVE : 0;
      const __u64 changed = ((word & ~(LVS_WORD_STATE | LVS_WORD_ACTIVE)) | next | active) & ~seen;
      if (__sync_val_compare_and_swap(&flow->word, word, changed) != word) {
        continue;
      }
      struct lvs_dest* dest = dest_of(flow->dest);
      if (dest && active != (word & LVS_WORD_ACTIVE)) {
        __sync_fetch_and_add(&dest->active, active ? 1 : -1);
      }
      if (next == LVS_TCP_ESTABLISHED && flow->template_generation) {
        assure_template(flow);
      }
    }
    flow->expires = now + timeout_of(config, segment->protocol, next);
    return 1;
  }
  return 0;
}
