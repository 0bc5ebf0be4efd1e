/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a SIP message names its call: the value of the header Call-ID, also written "i", read byte
 * by byte as ip_vs_pe_sip finds it (ct_sip_get_header() and callid_len() of the kernel):
 *
 *  - the header begins a line that is not the first; case does not matter. Behind an empty line
 *    that ends with one character ("\n\n") the next line begins unseen;
 *  - blanks may stand on both sides of the colon, and one fold of the line among them. A line that
 *    begins with "Call-ID" and goes on in another way ends the search;
 *  - the value is a word, or two with "@" between. One that is empty is skipped;
 *  - CR or LF follows at once, and the value has at most 255 bytes: else there is none.
 *
 * Of the value a hash becomes part of the template's key (by_call.h). */
#pragma once

#include "lvsd/bpf/hashes.h"

#define LVS_CALL_ID_MAX 255U
#define LVS_CALL_ID_ROOM 256U /* A power of 2; behind the text is nothing but zeros. */
#define LVS_CALL_CHUNK 64U

enum lvs_call_state {
  LVS_CALL_IN_LINE = 0,
  LVS_CALL_BEHIND_CR,
  LVS_CALL_AT_LINE,
  LVS_CALL_NAME,
  LVS_CALL_SHORT_NAME,
  LVS_CALL_TO_COLON,
  LVS_CALL_TO_VALUE,
  LVS_CALL_WORD,
  LVS_CALL_AT_SIGN, /* The second word begins. */
  LVS_CALL_DOMAIN,
};

/* Blanks with a fold in them. */
enum lvs_call_fold {
  LVS_FOLD_NONE = 0,
  LVS_FOLD_BEHIND_CR,
  LVS_FOLD_BEGINS, /* A blank must follow. */
  LVS_FOLD_DONE,
};

enum lvs_call_verdict { LVS_CALL_GOES_ON = 0, LVS_CALL_FOUND, LVS_CALL_NONE };

struct lvs_call {
  __u32 state;
  __u32 fold;
  __u32 named;    /* Characters of the header's name that were seen. */
  __u32 at;       /* Of this byte in the message. */
  __u32 from;     /* Nothing before it is looked at. */
  __u32 value_at; /* Where the value begins. */
  __u32 length;   /* Of the value so far. */
  __u32 bytes;    /* Of the message. */
  __u32 verdict;  /* enum lvs_call_verdict */
  char text[LVS_CALL_ID_ROOM] __attribute__((aligned(8)));
  char chunk[LVS_CALL_CHUNK];
};

static inline int lvs_call_is_line_end(__u8 c) {
  return c == '\r' || c == '\n';
}

static inline int lvs_call_is_blank(__u8 c) {
  return c == ' ' || c == '\t';
}

static inline __u8 lvs_call_lower(__u8 c) {
  return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* The kernel's isalpha() knows Latin-1. */
static inline int lvs_call_is_letter(__u8 c) {
  return (lvs_call_lower(c) >= 'a' && lvs_call_lower(c) <= 'z') ||
         (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* Letters, digits and !"%'()*+-./:<>?[\]_`{}~ */
static inline int lvs_call_is_of_word(__u8 c) {
  const __u64 low = 0xd7ffefa600000000ULL;  /* Of the characters up to 63. */
  const __u64 high = 0x68000001b8000000ULL; /* Of those from 64 on, without the letters. */
  return lvs_call_is_letter(c) || (c < 128 && ((c < 64 ? low : high) >> (c & 63) & 1));
}

static inline __u32 lvs_call_look(struct lvs_call* call, __u8 c) {
  if (call->at >= call->from && lvs_call_is_line_end(c)) {
    call->state = c == '\r' ? LVS_CALL_BEHIND_CR : LVS_CALL_AT_LINE;
  }
  return LVS_CALL_GOES_ON;
}

/* The value that began is none: the search goes on, by the kernel's reckoning of how far it got. */
static inline __u32 lvs_call_look_further(struct lvs_call* call, __u8 c) {
  call->from += call->value_at;
  if (call->length) {
    __builtin_memset(call->text, 0, sizeof(call->text));
  }
  call->state = LVS_CALL_IN_LINE;
  return lvs_call_look(call, c);
}

static inline __u32 lvs_call_read_name(struct lvs_call* call, __u8 c) {
  const __u64 name = 0x64692d6c6c6163ULL; /* "call-id", the first in the lowest byte. */
  switch (call->state) {
    case LVS_CALL_BEHIND_CR:
      if (c == '\n') {
        call->state = LVS_CALL_AT_LINE;
        return LVS_CALL_GOES_ON;
      }
      /* fall through */
    case LVS_CALL_AT_LINE:
      call->named = 1;
      call->state = lvs_call_lower(c) == 'c'   ? LVS_CALL_NAME
                    : lvs_call_lower(c) == 'i' ? LVS_CALL_SHORT_NAME
                                               : LVS_CALL_IN_LINE;
      return LVS_CALL_GOES_ON;
    default:
      break;
  }
  if (lvs_call_lower(c) != (__u8)(name >> 8 * (call->named & 7))) {
    call->state = LVS_CALL_IN_LINE;
    return lvs_call_look(call, c);
  }
  call->named += 1;
  if (call->named == 7) {
    call->state = LVS_CALL_TO_COLON;
    call->fold = LVS_FOLD_NONE;
  }
  return LVS_CALL_GOES_ON;
}

enum lvs_call_blank { LVS_BLANK_GOES_ON, LVS_BLANK_IS_OVER, LVS_BLANK_IS_NO_FOLD };

static inline enum lvs_call_blank lvs_call_skip_blank(struct lvs_call* call, __u8 c) {
  if (call->fold == LVS_FOLD_NONE && lvs_call_is_line_end(c)) {
    call->fold = c == '\r' ? LVS_FOLD_BEHIND_CR : LVS_FOLD_BEGINS;
    return LVS_BLANK_GOES_ON;
  }
  if (call->fold == LVS_FOLD_BEHIND_CR && c == '\n') {
    call->fold = LVS_FOLD_BEGINS;
    return LVS_BLANK_GOES_ON;
  }
  const int has_begun = call->fold == LVS_FOLD_BEHIND_CR || call->fold == LVS_FOLD_BEGINS;
  if (has_begun) {
    call->fold = LVS_FOLD_DONE;
  }
  if (lvs_call_is_blank(c)) {
    return LVS_BLANK_GOES_ON;
  }
  return has_begun ? LVS_BLANK_IS_NO_FOLD : LVS_BLANK_IS_OVER;
}

static inline __u32 lvs_call_keep(struct lvs_call* call, __u8 c, enum lvs_call_state next) {
  if (call->length < LVS_CALL_ID_MAX) {
    call->text[call->length & (LVS_CALL_ID_ROOM - 1)] = c;
  }
  call->length += 1;
  call->state = next;
  return LVS_CALL_GOES_ON;
}

static inline __u32 lvs_call_read_value(struct lvs_call* call, __u8 c) {
  const int is_second = call->state != LVS_CALL_WORD;
  if (lvs_call_is_of_word(c)) {
    return lvs_call_keep(call, c, is_second ? LVS_CALL_DOMAIN : LVS_CALL_WORD);
  }
  if (!is_second && call->length && c == '@') {
    return lvs_call_keep(call, c, LVS_CALL_AT_SIGN);
  }
  if (!call->length || call->state == LVS_CALL_AT_SIGN) {
    return lvs_call_look_further(call, c);
  }
  return call->length <= LVS_CALL_ID_MAX && lvs_call_is_line_end(c) ? LVS_CALL_FOUND
                                                                    : LVS_CALL_NONE;
}

/* On both sides of the colon. */
static inline __u32 lvs_call_read_between(struct lvs_call* call, __u8 c) {
  const enum lvs_call_blank blank = lvs_call_skip_blank(call, c);
  if (blank != LVS_BLANK_IS_OVER) {
    return blank == LVS_BLANK_GOES_ON ? LVS_CALL_GOES_ON : LVS_CALL_NONE;
  }
  if (call->state == LVS_CALL_TO_COLON) {
    call->state = LVS_CALL_TO_VALUE;
    call->fold = LVS_FOLD_NONE;
    return c == ':' ? LVS_CALL_GOES_ON : LVS_CALL_NONE;
  }
  call->state = LVS_CALL_WORD;
  call->value_at = call->at;
  call->length = 0;
  return lvs_call_read_value(call, c);
}

static inline __u32 lvs_call_read_one(struct lvs_call* call, __u8 c) {
  if (call->state == LVS_CALL_SHORT_NAME) {
    call->state = lvs_call_is_letter(c) ? LVS_CALL_IN_LINE : LVS_CALL_TO_COLON;
    call->fold = LVS_FOLD_NONE;
  }
  if (call->state == LVS_CALL_IN_LINE) {
    return lvs_call_look(call, c);
  }
  if (call->state < LVS_CALL_TO_COLON) {
    return lvs_call_read_name(call, c);
  }
  return call->state < LVS_CALL_WORD ? lvs_call_read_between(call, c)
                                     : lvs_call_read_value(call, c);
}

/* The next byte; whether it ends the search (enum lvs_call_verdict). */
static inline __u32 lvs_call_read(struct lvs_call* call, __u8 c) {
  const __u32 verdict = lvs_call_read_one(call, c);
  call->at += 1;
  return verdict;
}

/* SipHash-1-3 without a secret: to have many calls share one template is no attack, as the same
 * Call-ID on all of them does it. */
static inline __u64 lvs_call_hash(const struct lvs_call* call) {
  struct lvs_sip s = {0x736f6d6570736575ULL, 0x646f72616e646f6dULL, 0x6c7967656e657261ULL,
                      0x7465646279746573ULL};
  for (__u32 i = 0; i < LVS_CALL_ID_ROOM / 8 && 8 * i < call->length; i++) {
    __u64 word;
    __builtin_memcpy(&word, &call->text[8 * i], sizeof(word));
    s.v3 ^= word;
    lvs_sip_round(&s);
    s.v0 ^= word;
  }
  s.v3 ^= call->length;
  lvs_sip_round(&s);
  s.v0 ^= call->length;
  s.v2 ^= 0xff;
  lvs_sip_round(&s);
  lvs_sip_round(&s);
  lvs_sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
