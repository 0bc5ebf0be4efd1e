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

}  // namespace lvs::core
