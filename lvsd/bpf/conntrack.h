/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections and templates: birth, state, expiry, death. Whoever turns an entry's word to DEAD
 * (compare-and-swap) takes it out of the counters and deletes it; all others see a dead entry as
 * none. What happens to a word is the same for both families; the functions that end in _word know
 * no key. */
#pragma once

#include <linux/in.h>

#include "lvsd/bpf/counters.h"
#include "lvsd/bpf/family.h"
#include "lvsd/bpf/sctp_states.h"

/* More than processors that could get in between at one word. */
#define WORD_TRIES 32
#define NS_PER_S 1000000000ULL

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

/* secure_tcp: 2 and 3 are on, 1 waits for memory to run short. */
static __always_inline __u32 tcp_table(const struct lvs_config* config) {
  return setting(config, LVS_DEFENCE_SECURE_TCP) > 1 ? LVS_TCP_SECURE : LVS_TCP_USUAL;
}

static __always_inline __u8 next_state(const struct lvs_config* config, __u8 protocol,
                                       enum lvs_tcp_sender sender, __u8 state, __u8 flags) {
  if (protocol == IPPROTO_TCP) {
    return lvs_tcp_step(tcp_table(config), sender, state, flags);
  }
  return protocol == IPPROTO_SCTP ? lvs_sctp_step(sender, state, flags) : 0;
}

static __always_inline int is_established(__u8 protocol, __u8 state) {
  return protocol == IPPROTO_TCP    ? state == LVS_TCP_ESTABLISHED
         : protocol == IPPROTO_SCTP ? state == LVS_SCTP_ESTABLISHED
                                    : 0;
}

static __always_inline int is_active(__u8 protocol, __u8 state) {
  return protocol == IPPROTO_TCP ? lvs_tcp_is_active(state) : is_established(protocol, state);
}

static __always_inline __u64 timeout_of(const struct lvs_config* config, __u8 protocol,
                                        __u8 state) {
  if (protocol == IPPROTO_SCTP) {
    __u32 column = state;
    LVS_KEEP(column);
    return lvs_sctp_timeouts[column & 15] * NS_PER_S;
  }
  const __u32 index = protocol == IPPROTO_TCP ? state : LVS_TIMEOUT_UDP;
  return config->timeouts[index & (LVS_TIMEOUTS - 1)];
}

/* The template that controlled a connection loses it. */
VERIFIED_ALONE enum change release_word(struct lvs_template* template, __u32 generation) {
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

static __always_inline void release_template(const int family, const void* key, __u32 generation) {
  union any_key copy;
  copy_key(family, &copy, key);
  struct lvs_template* template = find_template(family, &copy);
  if (template) {
    release_word(template, generation);
  }
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
VERIFIED_ALONE enum change end_template_word(struct lvs_template* template, __u32 generation,
                                             __u64 now, int even_controlled) {
  if (!template) {
    return CHANGE_LOST;
  }
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
    struct lvs_dest* dest = quick_dest_of(template->dest);
    if (dest) {
      __sync_fetch_and_add(&dest->persistent, -1);
    }
    return CHANGE_DONE;
  }
  return CHANGE_CONTENDED;
}

static __always_inline enum change kill_template(const int family, const void* key,
                                                 struct lvs_template* template, __u32 generation,
                                                 __u64 now, int even_controlled) {
  const enum change ended = end_template_word(template, generation, now, even_controlled);
  if (ended == CHANGE_DONE) {
    delete_template(family, key);
  }
  return ended;
}

VERIFIED_ALONE enum change end_flow_word(struct lvs_flow* flow, __u32 generation, __u64 now) {
  if (!flow) {
    return CHANGE_LOST;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = flow->word;
    if ((word & LVS_WORD_DEAD) || generation_of(word) != generation) {
      return CHANGE_LOST;
    }
    if (__sync_val_compare_and_swap(&flow->word, word, word | LVS_WORD_DEAD) != word) {
      continue;
    }
    flow->expires = now;
    struct lvs_dest* dest = quick_dest_of(flow->dest);
    if (dest) {
      unbind_connection(dest, !!(word & LVS_WORD_ACTIVE));
    }
    return CHANGE_DONE;
  }
  return CHANGE_CONTENDED;
}

/* Both entries go, the counters follow. The reverse entry may meanwhile belong to a newer
 * connection of the same client port to the same real server (through another VIP): then it stays.
 */
static __always_inline enum change kill_entries(const int family, const void* key,
                                                struct lvs_flow* flow, __u32 generation,
                                                __u64 now) {
  union any_key own_key;
  union any_key other;
  copy_key(family, &own_key, key);
  const enum change ended = end_flow_word(flow, generation, now);
  if (ended != CHANGE_DONE) {
    return ended;
  }
  if (flow->template_generation) {
    release_template(family, template_key_of_flow(family, flow), flow->template_generation);
  }
  if (flow->forward == LVS_FORWARD_NAT) {
    copy_key(family, &other, other_of(family, flow));
    const struct lvs_flow* reply = find_flow(family, &other);
    if (reply && generation_of(reply->word) == generation) {
      delete_flow(family, &other);
    }
  }
  delete_flow(family, &own_key);
  return CHANGE_DONE;
}

VERIFIED_ALONE enum change kill_flow4(struct lvs_key* key, struct lvs_flow* flow, __u32 generation,
                                      __u64 now) {
  return key && flow ? kill_entries(AF_INET, key, flow, generation, now) : CHANGE_LOST;
}

VERIFIED_ALONE enum change kill_flow6(struct lvs_key6* key, struct lvs_flow6* flow,
                                      __u32 generation, __u64 now) {
  return key && flow ? kill_entries(AF_INET6, key, &flow->flow, generation, now) : CHANGE_LOST;
}

static __always_inline enum change kill_flow(const int family, void* key, struct lvs_flow* flow,
                                             __u32 generation, __u64 now) {
  return family == AF_INET6 ? kill_flow6(key, (struct lvs_flow6*)flow, generation, now)
                            : kill_flow4(key, flow, generation, now);
}

VERIFIED_ALONE int assure_word(struct lvs_template* template, __u32 generation) {
  if (!template) {
    return 0;
  }
  for (int i = 0; i < WORD_TRIES; i++) {
    const __u64 word = template->word;
    if (generation_of(word) != generation || (word & LVS_TEMPLATE_ASSURED) ||
        __sync_val_compare_and_swap(&template->word, word, word | LVS_TEMPLATE_ASSURED) == word) {
      return 0;
    }
  }
  return 0;
}

enum advance {
  ADVANCE_LOST, /* The connection is dead, or another one by now. */
  ADVANCE_DONE,
  ADVANCE_ASSURES,   /* Its client is no forged one, and it has a template. */
  ADVANCE_CONTENDED, /* Another processor was quicker. */
};

VERIFIED_ALONE enum advance try_to_advance(struct lvs_flow* flow, const struct segment* segment,
                                           __u64 now) {
  const struct lvs_config* config = config_of_core();
  if (!config || !flow || !segment) {
    return ADVANCE_LOST;
  }
  const __u64 word = flow->word;
  if ((word & LVS_WORD_DEAD) || generation_of(word) != segment->generation) {
    return ADVANCE_LOST;
  }
  const __u8 state = word & LVS_WORD_STATE;
  /* A datagram that is answered. */
  int assures = segment->protocol == IPPROTO_UDP && segment->sender == LVS_TCP_OUT;
  const __u8 next =
      next_state(config, segment->protocol, segment->sender, state, segment->tcp_flags);
  /* A reply that is seen after all: from now on both sides tell the state. */
  const __u64 seen = segment->sender == LVS_TCP_OUT ? word & LVS_WORD_NOOUTPUT : 0;
  if (next != state || seen) {
    const __u64 active = is_active(segment->protocol, next) ? LVS_WORD_ACTIVE : 0;
    const __u64 changed = ((word & ~(LVS_WORD_STATE | LVS_WORD_ACTIVE)) | next | active) & ~seen;
    if (__sync_val_compare_and_swap(&flow->word, word, changed) != word) {
      return ADVANCE_CONTENDED;
    }
    struct lvs_dest* dest = quick_dest_of(flow->dest);
    if (dest && active != (word & LVS_WORD_ACTIVE)) {
      __sync_fetch_and_add(&dest->active, active ? 1 : -1);
    }
    assures |= is_established(segment->protocol, next);
  }
  flow->expires = now + timeout_of(config, segment->protocol, next);
  return assures && flow->template_generation ? ADVANCE_ASSURES : ADVANCE_DONE;
}

static __always_inline enum advance advance_word(struct lvs_flow* flow,
                                                 const struct segment* segment, __u64 now) {
  for (int i = 0; i < WORD_TRIES; i++) {
    const enum advance done = try_to_advance(flow, segment, now);
    if (done != ADVANCE_CONTENDED) {
      return done;
    }
  }
  return ADVANCE_LOST;
}

/* One segment (or datagram) was seen: the state follows, active with it, and the timer starts anew.
 * Another CPU's change in between is read again. The first established connection, or
 * answered datagram, makes its template one that flood defence leaves alone. A data connection of
 * FTP keeps its control connection alive, which is silent meanwhile. */
static __always_inline int advance_flow(const int family, struct lvs_flow* flow,
                                        const struct segment* segment, __u64 now) {
  const enum advance done = advance_word(flow, segment, now);
  const int is_ftp_data = flow->flags & LVS_FLOW_FTP_DATA;
  if (done == ADVANCE_ASSURES || is_ftp_data) {
    union any_key key;
    copy_key(family, &key, template_key_of_flow(family, flow));
    struct lvs_flow* control = is_ftp_data ? find_flow(family, &key) : 0;
    struct lvs_template* template = is_ftp_data ? 0 : find_template(family, &key);
    if (control && control->expires < flow->expires) {
      control->expires = flow->expires;
    }
    if (template) {
      assure_word(template, flow->template_generation);
    }
  }
  return done != ADVANCE_LOST;
}

/* Known to lead to a real server that was removed: its packets are lost until the server is back,
 * or, if so chosen, the connection ends here. */
static __always_inline int has_lost_its_server(const struct lvs_flow* flow) {
  const struct lvs_dest* dest = quick_dest_of(flow->dest);
  return !dest || dest->use != LVS_DEST_AVAILABLE;
}

/* By direct routing an untranslated packet may come to a standby that is a real server itself: what
 * the active director sent is the stack's, whatever connection was once balanced here. */
static __always_inline int is_of_other_director(const struct lvs_flow* flow,
                                                const struct lvs_config* config) {
  return !config->armed && flow->forward != LVS_FORWARD_NAT;
}
