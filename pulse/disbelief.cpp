#include "pulse/disbelief.h"

namespace lvs::pulse {

std::string Disbelief::advice(Refusal cause) {
  switch (cause) {
    case Refusal::bad_hmac:
      return "its key is another one: copy the file of heartbeat_key from one director to the "
             "other, and reload there: service pulse reload";
    case Refusal::other_version:
      return "it sends heartbeats of another version: install the same one on both directors, with "
             "the "
             "same heartbeat_format in lvs.cf";
    case Refusal::wrong_cluster:
      return "it belongs to another pair: make primary, backup and heartbeat_port in lvs.cf the "
             "same on both directors, then restart pulse";
    case Refusal::own_node:
      return "it takes itself for this director: look for an address that both have";
    case Refusal::malformed:
      return "what it sends are no heartbeats: look for another program on heartbeat_port";
    case Refusal::replay:
    case Refusal::unknown_incarnation:
      break;
  }
  return "";
}

}  // namespace lvs::pulse
