/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SCTP states of ip_vs: what a chunk makes of a connection, how long each state lasts. The
 * states are those of the real server, as the director sees packets pass. Compiled into the
 * programs and into the unit tests.
 *
 * For the rest of the packet path a packet of SCTP has a byte like TCP's flags: the event in the
 * upper half, and below it the flag of TCP that asks the same of a director. */
#pragma once

#include "lvsd/bpf/tcp_states.h"

enum lvs_sctp_state {
  LVS_SCTP_NONE = 0,
  LVS_SCTP_INIT1, /* One INIT: a shorter time than after a second. */
  LVS_SCTP_INIT,
  LVS_SCTP_COOKIE_SENT,
  LVS_SCTP_COOKIE_REPLIED,
  LVS_SCTP_COOKIE_WAIT, /* These three: the server has begun. */
  LVS_SCTP_COOKIE,
  LVS_SCTP_COOKIE_ECHOED,
  LVS_SCTP_ESTABLISHED,
  LVS_SCTP_SHUTDOWN_SENT,
  LVS_SCTP_SHUTDOWN_RECEIVED,
  LVS_SCTP_SHUTDOWN_ACK_SENT,
  LVS_SCTP_REJECTED,
  LVS_SCTP_CLOSED,
  LVS_SCTP_STATES,
};

enum lvs_sctp_event {
  LVS_SCTP_DATA = 0, /* Also SACK, HEARTBEAT and what ip_vs does not know. */
  LVS_SCTP_EVENT_INIT,
  LVS_SCTP_INIT_ACK,
  LVS_SCTP_COOKIE_ECHO,
  LVS_SCTP_COOKIE_ACK,
  LVS_SCTP_SHUTDOWN,
  LVS_SCTP_SHUTDOWN_ACK,
  LVS_SCTP_SHUTDOWN_COMPLETE,
  LVS_SCTP_ERROR,
  LVS_SCTP_ABORT,
  LVS_SCTP_EVENTS,
};

#define LVS_SCTP_CHUNK_ABORT 6
#define LVS_SCTP_CHUNK_COOKIE_ECHO 10
#define LVS_SCTP_CHUNK_COOKIE_ACK 11

/* Begins a connection: SYN; ends it: RST; may change the state: FIN. */
#define LVS_SCTP_FLAGS(event, flag) ((event) << 4 | (flag))
#define LVS_SCTP_EVENT_OF(flags) ((flags) >> 4)

/* By type of chunk; DATA, SACK, HEARTBEAT, HEARTBEAT ACK, ECNE, CWR and unknown ones: 0. */
const __u8 lvs_sctp_flags[16] = {
    0,
    LVS_SCTP_FLAGS(LVS_SCTP_EVENT_INIT, LVS_TCP_FLAG_SYN),
    LVS_SCTP_FLAGS(LVS_SCTP_INIT_ACK, LVS_TCP_FLAG_FIN),
    0,
    0,
    0,
    LVS_SCTP_FLAGS(LVS_SCTP_ABORT, LVS_TCP_FLAG_RST),
    LVS_SCTP_FLAGS(LVS_SCTP_SHUTDOWN, LVS_TCP_FLAG_FIN),
    LVS_SCTP_FLAGS(LVS_SCTP_SHUTDOWN_ACK, LVS_TCP_FLAG_FIN),
    LVS_SCTP_FLAGS(LVS_SCTP_ERROR, LVS_TCP_FLAG_FIN),
    LVS_SCTP_FLAGS(LVS_SCTP_COOKIE_ECHO, LVS_TCP_FLAG_FIN),
    LVS_SCTP_FLAGS(LVS_SCTP_COOKIE_ACK, LVS_TCP_FLAG_FIN),
    0,
    0,
    LVS_SCTP_FLAGS(LVS_SCTP_SHUTDOWN_COMPLETE, LVS_TCP_FLAG_FIN),
    0,
};

static inline __u8 lvs_sctp_flags_of(__u32 chunk) {
  LVS_KEEP(chunk);
  return chunk < 16 ? lvs_sctp_flags[chunk & 15] : 0;
}

/* Rows are sender * 10 + event; 32 and 16 so that a masked index needs no check. */
#define NO LVS_SCTP_NONE
#define I1 LVS_SCTP_INIT1
#define IN LVS_SCTP_INIT
#define CS LVS_SCTP_COOKIE_SENT
#define CR LVS_SCTP_COOKIE_REPLIED
#define CW LVS_SCTP_COOKIE_WAIT
#define CO LVS_SCTP_COOKIE
#define CE LVS_SCTP_COOKIE_ECHOED
#define ES LVS_SCTP_ESTABLISHED
#define SS LVS_SCTP_SHUTDOWN_SENT
#define SR LVS_SCTP_SHUTDOWN_RECEIVED
#define SA LVS_SCTP_SHUTDOWN_ACK_SENT
#define RJ LVS_SCTP_REJECTED
#define CL LVS_SCTP_CLOSED
const __u8 lvs_sctp_next[32][16] = {
    /*                        NO  I1  IN  CS  CR  CW  CO  CE  ES  SS  SR  SA  RJ  CL */
    /* IN */
    /* data */ {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* init */ {I1, IN, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, IN, IN},
    /* init ack */ {CW, CW, CW, CS, CR, CO, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie echo */ {CR, IN, IN, CR, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie ack */ {ES, I1, IN, CS, CR, CW, CO, ES, ES, SS, SR, SA, RJ, CL},
    /* shutdown */ {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
    /* shutdown ack */ {CL, IN, IN, CS, CR, CW, CO, CE, ES, CL, SR, CL, RJ, CL},
    /* shutdown complete */ {CL, CL, CL, CS, CR, CW, CO, CE, ES, SS, SR, CL, RJ, CL},
    /* error */ {CL, I1, IN, CS, CR, CW, CO, CL, ES, SS, SR, SA, RJ, CL},
    /* abort */ {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
    /* OUT */
    /* data */ {ES, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* init */ {CW, CW, CW, CW, CW, CW, CW, CW, ES, CW, CW, CW, CW, CW},
    /* init ack */ {CS, CS, CS, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie echo */ {CE, CE, CE, CE, CE, CE, CE, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie ack */ {ES, ES, ES, ES, ES, ES, ES, ES, ES, SS, SR, SA, RJ, CL},
    /* shutdown */ {SS, SS, SS, SS, SS, SS, SS, SS, SS, SS, SR, SA, RJ, CL},
    /* shutdown ack */ {SA, SA, SA, SA, SA, CW, CO, CE, ES, SA, SA, SA, RJ, CL},
    /* shutdown complete */ {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* error */ {CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* abort */ {CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL, CL},
    /* IN-ONLY */
    /* data */ {ES, I1, IN, CS, CR, ES, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* init */ {I1, IN, IN, IN, IN, IN, CO, CE, ES, SS, SR, SA, IN, IN},
    /* init ack */ {CE, CE, CE, CE, CE, CE, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie echo */ {ES, ES, ES, ES, ES, ES, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* cookie ack */ {ES, I1, IN, ES, ES, CW, ES, ES, ES, SS, SR, SA, RJ, CL},
    /* shutdown */ {SR, I1, IN, CS, CR, CW, CO, CE, SR, SS, SR, SA, RJ, CL},
    /* shutdown ack */ {CL, IN, IN, CS, CR, CW, CO, CE, CL, CL, SR, CL, RJ, CL},
    /* shutdown complete */ {CL, CL, CL, CL, CL, CW, CO, CE, ES, SS, CL, CL, RJ, CL},
    /* error */ {CL, I1, IN, CS, CR, CW, CO, CE, ES, SS, SR, SA, RJ, CL},
    /* abort */ {CL, CL, CL, CL, CL, RJ, CL, CL, CL, CL, CL, CL, CL, CL},
};
#undef NO
#undef I1
#undef IN
#undef CS
#undef CR
#undef CW
#undef CO
#undef CE
#undef ES
#undef SS
#undef SR
#undef SA
#undef RJ
#undef CL

static inline __u8 lvs_sctp_step(enum lvs_tcp_sender sender, __u8 state, __u8 flags) {
  __u32 row = (__u32)sender * LVS_SCTP_EVENTS + LVS_SCTP_EVENT_OF(flags);
  __u32 column = state;
  LVS_KEEP(row);
  LVS_KEEP(column);
  return lvs_sctp_next[row & 31][column & 15];
}

/* Begun, and the client has not shown yet that the address is its own. */
static inline int lvs_sctp_is_half_open(__u8 state) {
  return state == LVS_SCTP_INIT1 || state == LVS_SCTP_INIT || state == LVS_SCTP_COOKIE_SENT;
}

static inline int lvs_sctp_is_closed(__u8 state) {
  return state == LVS_SCTP_REJECTED || state == LVS_SCTP_CLOSED;
}

/* Seconds, by state. None can be set. */
const __u32 lvs_sctp_timeouts[16] = {2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61};
