// The role of a director as notify_fifo tells it: in keepalived's words, one line for each change.
#pragma once

#include <cstdint>
#include <string>

#include "pulse/wire.h"

namespace lvs::pulse {

enum class Notice : uint8_t {
  master,  // It serves.
  backup,
  fault,  // It does not serve and is not able to.
  stop,
};

// INSTANCE "pulse" MASTER 100
inline std::string line_of(Notice notice, Node node) {
  constexpr const char* kStates[] = {"MASTER", "BACKUP", "FAULT", "STOP"};
  return std::string("INSTANCE \"pulse\" ") + kStates[static_cast<int>(notice)] +
         (node == Node::primary ? " 100\n" : " 50\n");
}

}  // namespace lvs::pulse
