/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The TCP states of ip_vs: what a segment makes of a connection, how long each state lasts, which
 * ones count as active. Compiled into the programs and into the unit tests. The director sees
 * segments, not sockets: that is why the table differs from a host's.
 *
 * There are two tables, and secure_tcp chooses: in the secure one a client does not establish a
 * connection by its own segments where those of the server are seen; the server's must. */
#pragma once

#include "lvsd/bpf/abi.h"

/* Keeps the compiler from moving a mask away from the index that the verifier wants to see masked.
 */
#ifdef __bpf__
#define LVS_KEEP(value) asm volatile("" : "+r"(value))
#else
#define LVS_KEEP(value)
#endif

enum lvs_tcp_state {
  LVS_TCP_NONE = 0,
  LVS_TCP_ESTABLISHED,
  LVS_TCP_SYN_SENT,
  LVS_TCP_SYN_RECV,
  LVS_TCP_FIN_WAIT,
  LVS_TCP_TIME_WAIT,
  LVS_TCP_CLOSE,
  LVS_TCP_CLOSE_WAIT,
  LVS_TCP_LAST_ACK,
  LVS_TCP_LISTEN,
  LVS_TCP_SYNACK,
  LVS_TCP_STATES,
};
LVS_ASSERT(LVS_TCP_STATES <= LVS_TIMEOUT_UDP);

enum lvs_tcp_event { LVS_TCP_SYN = 0, LVS_TCP_FIN, LVS_TCP_ACK, LVS_TCP_RST, LVS_TCP_NOTHING };

/* Who sent it: client; server; client, when the server's segments are never seen. */
enum lvs_tcp_sender { LVS_TCP_IN = 0, LVS_TCP_OUT, LVS_TCP_IN_ONLY };

#define LVS_TCP_FLAG_FIN 0x01
#define LVS_TCP_FLAG_SYN 0x02
#define LVS_TCP_FLAG_RST 0x04
#define LVS_TCP_FLAG_ACK 0x10

static inline enum lvs_tcp_event lvs_tcp_event_of(__u8 flags) {
  if (flags & LVS_TCP_FLAG_RST) {
    return LVS_TCP_RST;
  }
  if (flags & LVS_TCP_FLAG_SYN) {
    return LVS_TCP_SYN;
  }
  if (flags & LVS_TCP_FLAG_FIN) {
    return LVS_TCP_FIN;
  }
  return flags & LVS_TCP_FLAG_ACK ? LVS_TCP_ACK : LVS_TCP_NOTHING;
}

enum lvs_tcp_table { LVS_TCP_USUAL = 0, LVS_TCP_SECURE };

/* Rows are sender * 4 + event; 16 columns so that a masked index needs no check. */
#define NO LVS_TCP_NONE
#define ES LVS_TCP_ESTABLISHED
#define SS LVS_TCP_SYN_SENT
#define SR LVS_TCP_SYN_RECV
#define FW LVS_TCP_FIN_WAIT
#define TW LVS_TCP_TIME_WAIT
#define CL LVS_TCP_CLOSE
#define CW LVS_TCP_CLOSE_WAIT
#define LA LVS_TCP_LAST_ACK
#define LI LVS_TCP_LISTEN
#define SA LVS_TCP_SYNACK
const __u8 lvs_tcp_next[2][16][16] = {
    {
        /*          NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
        /* IN  */
        /* syn */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
        /* fin */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
        /* rst */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR},
        /* OUT */
        /* syn */ {SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR},
        /* fin */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
        /* rst */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
        /* IN-ONLY */
        /* syn */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR},
        /* fin */ {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
        /* rst */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
    },
    {
        /* IN  */
        /* syn */ {SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SA},
        /* fin */ {CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, SA},
        /* ack */ {ES, ES, SS, SR, FW, TW, CL, CW, CL, LI, SA},
        /* rst */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
        /* OUT */
        /* syn */ {SS, ES, SS, SA, SS, SS, SS, SS, SS, LI, SA},
        /* fin */ {TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES},
        /* rst */ {CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL},
        /* IN-ONLY */
        /* syn */ {SA, ES, ES, SR, SA, SA, SA, SA, SA, SA, SA},
        /* fin */ {CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW},
        /* ack */ {ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES},
        /* rst */ {CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL},
    },
};
#undef NO
#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA

static inline __u8 lvs_tcp_step(__u32 table, enum lvs_tcp_sender sender, __u8 state, __u8 flags) {
  const enum lvs_tcp_event event = lvs_tcp_event_of(flags);
  if (event == LVS_TCP_NOTHING) {
    return LVS_TCP_CLOSE;
  }
  __u32 row = sender * 4 + event;
  __u32 column = state;
  LVS_KEEP(row);
  LVS_KEEP(column);
  return lvs_tcp_next[table & 1][row & 15][column & 15];
}

/* Whether a segment of the client changes the state, whichever table is in use: the usual one says
 * so of every segment that the secure one says it of. Asked for each packet, so it asks no more. */
static inline int lvs_tcp_may_change(enum lvs_tcp_sender sender, __u8 state, __u8 flags) {
  return lvs_tcp_step(LVS_TCP_USUAL, sender, state, flags) != state;
}

static inline int lvs_tcp_is_half_open(__u8 state) {
  return state == LVS_TCP_SYN_RECV || state == LVS_TCP_SYNACK;
}

static inline int lvs_tcp_is_active(__u8 state) {
  return state == LVS_TCP_ESTABLISHED || state == LVS_TCP_SYN_SENT || state == LVS_TCP_SYN_RECV ||
         state == LVS_TCP_SYNACK;
}

/* Seconds, by state; the last is UDP's. ESTABLISHED, FIN_WAIT and UDP can be set. */
const __u32 lvs_timeout_defaults[LVS_TIMEOUTS] = {2,  900, 120, 60, 120, 120, 10, 60,
                                                  30, 120, 120, 0,  0,   0,   0,  300};
