#include "lvsd/core/sweeping.h"

#include <netinet/in.h>

#include "lvsd/bpf/sctp_states.h"

namespace lvs::core {

bool Sweeping::may_go(const lvs_flow& flow, uint8_t protocol) const {
  if (flow.direction != LVS_TO_SERVER) {
    return (flow.word >> LVS_WORD_GENERATION_SHIFT) % shares == turn % shares;
  }
  if ((flow.word & LVS_WORD_DEAD) != 0 || now >= flow.expires || how.kill != 0) {
    return true;
  }
  if (ends_lost && (flow.dest >= dests.size() || dests[flow.dest].use != LVS_DEST_AVAILABLE)) {
    return true;
  }
  if (protocol == IPPROTO_UDP) {
    return how.udp_idle_ns != 0;
  }
  const uint64_t established =
      protocol == IPPROTO_SCTP ? uint64_t{LVS_SCTP_ESTABLISHED} : uint64_t{LVS_TCP_ESTABLISHED};
  return how.half_open_ns != 0 && (flow.word & LVS_WORD_STATE) != established;
}

bool Sweeping::may_go(const lvs_template& item) const {
  const bool is_held = (item.word & (LVS_TEMPLATE_ASSURED | LVS_TEMPLATE_CONTROLLED)) != 0;
  return (item.word & LVS_TEMPLATE_DEAD) != 0 || now >= item.expires || how.kill != 0 ||
         (how.unassured != 0 && !is_held);
}

bool Sweeping::is_in_part(uint64_t word) const {
  uint64_t mixed = (word >> LVS_WORD_GENERATION_SHIFT) + draw;  // As SplitMix64 mixes.
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return static_cast<uint32_t>(mixed >> 32) < how.drop_share;
}

bool Sweeping::is_drawn(const lvs_flow& flow, uint8_t protocol) const {
  if (how.drop_share == 0 || flow.direction != LVS_TO_SERVER || !is_in_part(flow.word)) {
    return false;
  }
  const auto state = static_cast<uint8_t>(flow.word & LVS_WORD_STATE);
  return protocol == IPPROTO_TCP ? lvs_tcp_is_half_open(state) != 0
                                 : protocol == IPPROTO_UDP || lvs_sctp_is_half_open(state) != 0;
}

bool Sweeping::is_drawn(const lvs_template& item, bool is_of_one_packet) const {
  const bool is_idle = now >= item.expires - item.timeout + LVS_DROP_IDLE_NS;
  return how.drop_share != 0 &&
         (item.word & (LVS_TEMPLATE_ASSURED | LVS_TEMPLATE_CONTROLLED)) == 0 &&
         (!is_of_one_packet || is_idle) && is_in_part(item.word);
}

}  // namespace lvs::core
