// Which entries a sweep is to look at: those that may have to go, at a glance from outside, without
// false negatives that last. The program of lvsd/bpf/sweep.h looks once more, and decides. Pure.
#pragma once

#include <cstdint>
#include <span>

#include "lvsd/bpf/abi.h"

namespace lvs::core {

struct Sweeping {
  lvs_sweep how{};         // As the program is asked.
  uint64_t now = 0;        // As the entries' times.
  bool ends_lost = false;  // Connections whose real server was removed end (expire_nodest_conn).
  std::span<const lvs_dest> dests;
  // An entry of replies goes with its connection. One that was left alone, by a process that died
  // between two writes, only the program can tell: it is shown a share of them in each turn.
  uint32_t turn = 0;
  uint32_t shares = 1;
  uint64_t draw = 0;  // Another number for each turn.

  bool may_go(const lvs_flow& flow, uint8_t protocol) const;
  bool may_go(const lvs_template& item) const;

  // Whether it is of the part that is drawn for drop_entry in this turn, and such as may end by it.
  // A template of one-packet scheduling, which nothing ever assures, only when it is idle.
  bool is_drawn(const lvs_flow& flow, uint8_t protocol) const;
  bool is_drawn(const lvs_template& item, bool is_of_one_packet) const;

 private:
  bool is_in_part(uint64_t word) const;
};

}  // namespace lvs::core
