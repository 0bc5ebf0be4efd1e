/* SPDX-License-Identifier: GPL-2.0-or-later */
// clang-format off
/* FTP through NAT: a control connection tells in its text where the data connection will go, with
 * the addresses and ports of whoever says it. As ip_vs_ftp has it:
 *
 *   PORT 192,0,2,2,156,64       the client waits there: a connection from port 20 of its real
 *   EPRT |2|2001:db8::2|40000|  server to that port is entered, as one from the VIP
 *   227 ... (10,0,0,11,156,64)  the real server waits: a connection from any port of the client
 *   229 ... (|||40000|)         to that port of the VIP is entered; 227 then names the VIP
 *
 * The numbers of 227 may stand without parenthesis, and another character for the bars.
 *
 * A text of another length shifts all that the server sends after it: sequence numbers to the
 * client, and its acknowledgments, follow. Selective acknowledgments are not agreed upon, so
 * that nothing else has to.
 *
 * This runs before a packet of a flow that is marked (LVS_FLOW_FTP) is handled as any other. What a
 * loop changes is in a map: see schedule.h. */
// clang-format on
#pragma once

#include "lvsd/bpf/connect.h"

#define FTP_DATA_PORT 20
#define FTP_DIGITS_MAX 5
#define FTP_NUMBERS 6
#define TEXT_MASK (LVS_TEXT_MAX - 1)

/* What a loop is handed: it takes nothing but what is on the stack. */
struct handed {
  struct lvs_text* text;
};

enum ftp_form {
  FTP_NO_FORM,
  FTP_SIX_NUMBERS, /* h1,h2,h3,h4,p1,p2 */
  FTP_BARS,        /* |family|address|port|, or with another character */
};

static __always_inline __u32 four(const char* text) {
  return (__u32)text[0] << 24 | text[1] << 16 | text[2] << 8 | text[3];
}

/* Of h1,h2,h3,h4,p1,p2: what is no such row of numbers, as the words before it, is skipped. */
static __always_inline long read_number(struct lvs_text* text, __u32 i, char c) {
  if (c >= '0' && c <= '9') {
    text->from = text->separators || text->digits ? text->from : i;
    text->value = text->value * 10 + (c - '0');
    text->digits += 1;
    return text->digits > FTP_DIGITS_MAX;
  }
  if (text->separators == FTP_NUMBERS - 1 && text->digits) {
    text->to = i;
    return 1;
  }
  const int goes_on = c == ',' && text->digits;
  text->separators = goes_on ? text->separators + 1 : 0;
  text->before = text->value;
  text->value = 0;
  text->digits = 0;
  return c == '\n';
}

/* Of |family|address|port|, or what stands for the bars. */
static __always_inline long read_field(struct lvs_text* text, __u32 i, char c) {
  const int is_digit = c >= '0' && c <= '9';
  if (!text->delimiter) {
    text->delimiter = c;
    text->separators = 1;
    return is_digit || c < '!' || c > '~';
  }
  if (text->separators < 3) {
    text->separators += c == text->delimiter;
    return 0;
  }
  if (is_digit && text->digits < FTP_DIGITS_MAX) {
    text->value = text->value * 10 + (c - '0');
    text->digits += 1;
    return 0;
  }
  text->to = c == text->delimiter ? i : 0;
  return 1;
}

/* Reads one character; ends behind the port. */
static long read_character(__u32 i, struct handed* handed) {
  struct lvs_text* text = handed->text;
  if (i >= text->length) {
    return 1;
  }
  const char c = text->in[i & TEXT_MASK];
  if (i < text->at) {
    return 0;
  }
  if (text->waits_for) {
    text->waits_for = c == text->waits_for ? 0 : text->waits_for;
    return 0;
  }
  return text->form == FTP_BARS ? read_field(text, i, c) : read_number(text, i, c);
}

/* The form of what this word begins. */
static __always_inline enum ftp_form form_of(__u32 word, int is_reply) {
  const __u32 upper = word & 0xdfdfdfdf;
  if (is_reply) {
    return word == four("227 ") ? FTP_SIX_NUMBERS : word == four("229 ") ? FTP_BARS : FTP_NO_FORM;
  }
  return upper == four("PORT") ? FTP_SIX_NUMBERS : upper == four("EPRT") ? FTP_BARS : FTP_NO_FORM;
}

/* The port that the text names; 0: none. */
static __always_inline __u32 read_port(struct lvs_text* text, int is_reply) {
  text->at = is_reply ? 4 : 5;
  text->waits_for = is_reply && text->form == FTP_BARS ? '(' : 0;
  struct handed handed = {.text = text};
  bpf_loop(LVS_TEXT_MAX, read_character, &handed, 0);
  if (!text->to || !text->digits || text->value > 0xffff) {
    return 0;
  }
  if (text->form == FTP_BARS) {
    return text->value;
  }
  return text->before < 256 && text->value < 256 ? text->before << 8 | text->value : 0;
}

/* The same number, 1 to LVS_TEXT_MAX, so that the verifier sees it. */
static __always_inline __u32 bounded(__u32 bytes) {
  __u32 less = bytes - 1;
  LVS_KEEP(less);
  return (less & TEXT_MASK) + 1;
}

/* The port that a packet's text names, from `at` to `end`; 0: none, which is counted where there
 * should be one. */
static __always_inline __u32 load_port(struct __sk_buff* skb, __u32 at, __u32 end,
                                       struct lvs_text* text, int is_reply) {
  const __u32 bytes = end - at;
  char head[4];
  if (end <= at || bytes < 6 || bpf_skb_load_bytes(skb, at, head, sizeof(head))) {
    return 0;
  }
  const enum ftp_form form = form_of(four(head), is_reply);
  if (form == FTP_NO_FORM) {
    return 0;
  }
  __builtin_memset(text, 0, sizeof(*text));
  text->form = form;
  text->length = bytes;
  __u32 port = 0;
  if (bytes < LVS_TEXT_MAX && !bpf_skb_load_bytes(skb, at, text->in, bounded(bytes))) {
    port = read_port(text, is_reply);
  }
  if (!port) {
    count_drop(LVS_FTP_NOT_READ);
  }
  return port;
}

static __always_inline void put_number(struct lvs_text* text, __u32 number) {
  if (number > 99) {
    text->numbers[text->bytes++ & (LVS_NUMBERS_MAX - 1)] = '0' + number / 100;
  }
  if (number > 9) {
    text->numbers[text->bytes++ & (LVS_NUMBERS_MAX - 1)] = '0' + number / 10 % 10;
  }
  text->numbers[text->bytes++ & (LVS_NUMBERS_MAX - 1)] = '0' + number % 10;
}

static long put_character(__u32 i, struct handed* handed) {
  struct lvs_text* text = handed->text;
  const __u32 behind = text->from + text->bytes;
  if (i < text->from) {
    text->out[i & TEXT_MASK] = text->in[i & TEXT_MASK];
  } else if (i < behind) {
    text->out[i & TEXT_MASK] = text->numbers[(i - text->from) & (LVS_NUMBERS_MAX - 1)];
  } else {
    text->out[i & TEXT_MASK] = text->in[(i - behind + text->to) & TEXT_MASK];
  }
  return i + 1 >= text->total;
}

/* The text with this address and port in it; false: it has no room. */
static __always_inline int compose(struct lvs_text* text, __be32 address, __u32 port) {
  const __u8* octets = (const __u8*)&address;
  text->bytes = 0;
#pragma unroll
  for (int i = 0; i < FTP_NUMBERS; i++) {
    put_number(text, i < 4 ? octets[i] : i == 4 ? port >> 8 : port & 0xff);
    if (i + 1 < FTP_NUMBERS) {
      text->numbers[text->bytes++ & (LVS_NUMBERS_MAX - 1)] = ',';
    }
  }
  text->total = text->length - (text->to - text->from) + text->bytes;
  if (!text->total || text->total >= LVS_TEXT_MAX) {
    return 0;
  }
  struct handed handed = {.text = text};
  bpf_loop(LVS_TEXT_MAX, put_character, &handed, 0);
  return 1;
}

/* Puts the composed text into the packet, whose text begins at `at`. */
static __always_inline int replace_text(struct __sk_buff* skb, const struct packet* packet,
                                        __u32 at, struct lvs_text* text) {
  const __u32 l4 = l4_offset(AF_INET, packet);
  const __u32 check = l4 + TCP_CHECK_OFFSET;
  const __u32 l4_bytes = packet->l4_words * 4;
  const __be16 old_bytes = bpf_htons(at + text->length - ETH_HLEN);
  const __be16 new_bytes = bpf_htons(at + text->total - ETH_HLEN);
  const __s64 change =
      bpf_csum_diff((__be32*)text->in, sizeof(text->in), (__be32*)text->out, sizeof(text->out), 0);
  const __u32 total = bounded(text->total);
  return !bpf_skb_change_tail(skb, at + total, 0) &&
         !bpf_skb_store_bytes(skb, at, text->out, total, BPF_F_RECOMPUTE_CSUM) &&
         !bpf_l4_csum_replace(skb, check, 0, change, 0) &&
         !bpf_l4_csum_replace(skb, check, bpf_htons(l4_bytes + text->length),
                              bpf_htons(l4_bytes + text->total), BPF_F_PSEUDO_HDR | 2) &&
         !bpf_l3_csum_replace(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, check), old_bytes,
                              new_bytes, sizeof(new_bytes)) &&
         !bpf_skb_store_bytes(skb, ETH_HLEN + __builtin_offsetof(struct iphdr, tot_len), &new_bytes,
                              sizeof(new_bytes), 0);
}

/* Replaces a 32-bit word of the TCP header. */
static __always_inline int replace_word(struct __sk_buff* skb, __u32 l4, __u32 at, __u32 from,
                                        __u32 to) {
  const __be32 before = bpf_htonl(from);
  const __be32 after = bpf_htonl(to);
  return from == to || (!bpf_l4_csum_replace(skb, l4 + TCP_CHECK_OFFSET, before, after, 4) &&
                        !bpf_skb_store_bytes(skb, l4 + at, &after, sizeof(after), 0));
}

static __always_inline int is_after(__u32 one, __u32 other) {
  return (__s32)(one - other) > 0;
}

/* The client's packet: it acknowledges what it has seen. */
static __always_inline int shift_back(struct __sk_buff* skb, __u32 l4,
                                      const struct lvs_flow* reply) {
  __be32 ack = 0;
  if (!reply->shift_before && !reply->shift_after) {
    return 1;
  }
  if (bpf_skb_load_bytes(skb, l4 + TCP_ACK_OFFSET, &ack, sizeof(ack))) {
    return 0;
  }
  const __u32 seen = bpf_ntohl(ack);
  const int is_later = is_after(seen - reply->shift_before, reply->shift_at);
  return replace_word(skb, l4, TCP_ACK_OFFSET, seen,
                      seen - (is_later ? reply->shift_after : reply->shift_before));
}

/* The server's: all behind a text that was changed moves. `change`: of this packet's own length. */
static __always_inline int shift(struct __sk_buff* skb, __u32 l4, struct lvs_flow* reply,
                                 __s32 change) {
  __be32 sequence = 0;
  if (!change && !reply->shift_before && !reply->shift_after) {
    return 1;
  }
  if (bpf_skb_load_bytes(skb, l4 + TCP_SEQUENCE_OFFSET, &sequence, sizeof(sequence))) {
    return 0;
  }
  const __u32 at = bpf_ntohl(sequence);
  const __s32 by = is_after(at, reply->shift_at) ? reply->shift_after : reply->shift_before;
  if (change && (reply->shift_before == reply->shift_after || is_after(at, reply->shift_at))) {
    reply->shift_at = at;
    reply->shift_before = reply->shift_after;
    reply->shift_after += change;
  }
  return replace_word(skb, l4, TCP_SEQUENCE_OFFSET, at, at + by);
}

#define TCP_OPTIONS_MAX 40U
#define TCP_OPTION_END 0
#define TCP_OPTION_NOP 1
#define TCP_OPTION_SACK_PERMITTED 4

/* Ends at the option that permits selective acknowledgments. */
static long look_at_option(__u32 i, struct handed* handed) {
  struct lvs_text* text = handed->text;
  const __u32 at = text->at;
  if (at + 1 >= text->length) {
    return 1;
  }
  const __u8 kind = text->in[at & TEXT_MASK];
  const __u8 bytes = text->in[(at + 1) & TEXT_MASK];
  if (kind == TCP_OPTION_SACK_PERMITTED) {
    text->to = at + 1;
    return 1;
  }
  if (kind == TCP_OPTION_END || (kind != TCP_OPTION_NOP && bytes < 2)) {
    return 1;
  }
  text->at = at + (kind == TCP_OPTION_NOP ? 1 : bytes);
  return 0;
}

/* Of the server's SYN+ACK. */
static __always_inline int forbid_sack(struct __sk_buff* skb, const struct packet* packet,
                                       struct lvs_text* text) {
  const __u32 l4 = l4_offset(AF_INET, packet);
  const __u32 options = l4 + TCP_HEADER;
  const __u16 nothing = TCP_OPTION_NOP << 8 | TCP_OPTION_NOP;
  const __u32 bytes = packet->l4_words * 4 - TCP_HEADER;
  __builtin_memset(text, 0, sizeof(*text));
  if (packet->l4_words * 4 <= TCP_HEADER || bytes > TCP_OPTIONS_MAX) {
    return 1;
  }
  if (bpf_skb_load_bytes(skb, options, text->in, bounded(bytes))) {
    return 1;
  }
  text->length = bytes;
  struct handed handed = {.text = text};
  bpf_loop(TCP_OPTIONS_MAX, look_at_option, &handed, 0);
  if (!text->to) {
    return 1;
  }
  /* An option may begin at an odd byte: the sum is over whole words of the header. */
  const __u32 at = text->to - 1;
  text->out[0] = 0;
  __builtin_memcpy(text->out, text->in, TCP_OPTIONS_MAX);
  text->out[at & TEXT_MASK] = TCP_OPTION_NOP;
  text->out[(at + 1) & TEXT_MASK] = TCP_OPTION_NOP;
  const __s64 change =
      bpf_csum_diff((__be32*)text->in, TCP_OPTIONS_MAX, (__be32*)text->out, TCP_OPTIONS_MAX, 0);
  return !bpf_skb_store_bytes(skb, options + at, &nothing, sizeof(nothing), 0) &&
         !bpf_l4_csum_replace(skb, l4 + TCP_CHECK_OFFSET, 0, change, 0);
}

/* The client says where it waits. */
static __always_inline int help_request(const int family, struct __sk_buff* skb,
                                        const struct packet* packet, struct lvs_flow* flow,
                                        struct scratch* scratch, __u64 now) {
  const __u32 l4 = l4_offset(family, packet);
  struct lvs_text* text = &scratch->text;
  const __u32 port = load_port(skb, l4 + packet->l4_words * 4, end_of_packet(family, skb), text, 0);
  if (port) {
    expect(family, &packet->key, flow, bpf_htons(port), bpf_htons(FTP_DATA_PORT),
           bpf_htons(bpf_ntohs(flow->port) - 1), now);
  }
  if (family == AF_INET6) {
    return 1;
  }
  union any_key key;
  copy_key(family, &key, other_of(family, flow));
  const struct lvs_flow* reply = find_flow(family, &key);
  return !reply || shift_back(skb, l4, reply);
}

/* The server does, or goes on in its dialogue. */
static __always_inline int help_reply(const int family, struct __sk_buff* skb,
                                      const struct packet* packet, struct lvs_flow* reply,
                                      struct scratch* scratch, __u64 now) {
  const __u32 l4 = l4_offset(family, packet);
  const __u32 at = l4 + packet->l4_words * 4;
  struct lvs_text* text = &scratch->text;
  __s32 change = 0;
  if (packet->tcp_flags & LVS_TCP_FLAG_SYN) {
    return family == AF_INET6 || forbid_sack(skb, packet, text);
  }
  const __u32 port = load_port(skb, at, end_of_packet(family, skb), text, 1);
  if (port) {
    union any_key key;
    copy_key(family, &key, other_of(family, reply));
    const struct lvs_flow* flow = find_flow(family, &key);
    if (flow && generation_of(flow->word) == generation_of(reply->word)) {
      expect(family, &key, flow, 0, bpf_htons(port), bpf_htons(port), now);
    }
  }
  if (family == AF_INET6) {
    return 1;
  }
  if (port && text->form == FTP_SIX_NUMBERS && compose(text, reply->address, port)) {
    if (!replace_text(skb, packet, at, text)) {
      return 0;
    }
    change = (__s32)text->total - (__s32)text->length;
  }
  return shift(skb, l4, reply, change);
}

/* False: the packet is not what it was taken for. */
static __always_inline int help(const int family, struct __sk_buff* skb) {
  struct packet packet;
  struct scratch* scratch = scratch_of_cpu();
  if (!scratch || parse(family, skb, &packet, WHOLE_PACKETS) != PARSED_OURS) {
    return 0;
  }
  struct lvs_flow* flow = find_flow(family, &packet.key);
  if (!flow) {
    return 1;
  }
  const __u64 now = bpf_ktime_get_coarse_ns();
  return flow->direction == LVS_TO_CLIENT ? help_reply(family, skb, &packet, flow, scratch, now)
                                          : help_request(family, skb, &packet, flow, scratch, now);
}

VERIFIED_ALONE int help4(struct __sk_buff* skb) {
  return help(AF_INET, skb);
}

VERIFIED_ALONE int help6(struct __sk_buff* skb) {
  return help(AF_INET6, skb);
}
