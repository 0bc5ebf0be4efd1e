#include "tests/sim/servers/core_model.h"

#include <cerrno>

#include "lvsd/plan.h"

namespace lvs::sim::servers {

Result<lvsd::Snapshot> CoreModel::read() const {
  if (!is_there) {
    return Error{EIO, "core gone"};
  }
  return lvsd::Snapshot{table, connections, timeouts, daemons, own_addresses};
}

bool CoreModel::apply(const ipvs::Request& op) {
  if (!lvsd::apply_op(op, table)) {
    return false;
  }
  lvsd::apply_daemon_op(op, daemons);
  if (const auto* set = std::get_if<ipvs::SetConfig>(&op)) {
    timeouts.tcp = set->timeouts.tcp != 0 ? set->timeouts.tcp : timeouts.tcp;
    timeouts.tcp_fin = set->timeouts.tcp_fin != 0 ? set->timeouts.tcp_fin : timeouts.tcp_fin;
    timeouts.udp = set->timeouts.udp != 0 ? set->timeouts.udp : timeouts.udp;
  }
  ++changes;
  return true;
}

std::optional<Error> CoreModel::execute(const ipvs::Request& op, Rng& rng) {
  if (!is_there) {
    return Error{EIO, "core gone"};
  }
  const auto refusal = refused.find(lvsd::target_of(op));
  const int code = refusal != refused.end() ? refusal->second : refuses_all;
  if (code != 0) {
    return os_error(code, ipvs::to_string(op));
  }
  if (loses_answers > 0 && rng.chance(loses_answers)) {
    if (rng.chance(0.5)) {
      apply(op);
    }
    return os_error(ENOBUFS, "answer lost");
  }
  if (apply(op)) {
    return std::nullopt;
  }
  const bool is_new =
      std::holds_alternative<ipvs::NewService>(op) || std::holds_alternative<ipvs::NewDest>(op);
  return os_error(is_new ? EEXIST : ENOENT, ipvs::to_string(op));
}

bool CoreModel::is_healthy() const {
  return is_there && refuses_all == 0 && refused.empty() && loses_answers <= 0 && !refuses_to_arm;
}

void CoreModel::heal() {
  is_there = true;
  refuses_all = 0;
  refused.clear();
  loses_answers = 0;
  refuses_to_arm = false;
}

}  // namespace lvs::sim::servers
