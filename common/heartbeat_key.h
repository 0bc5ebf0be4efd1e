// The file of the key that both directors sign their heartbeats with: what it must be like, by what
// stat(2) says of it. What is wrong is told with what to do.
#pragma once

#include <cstdint>
#include <string>

namespace lvs {

constexpr uint64_t kKeySizeMin = 16;
constexpr uint64_t kKeySizeMax = 4096;

struct KeyFile {
  std::string path;
  int error = 0;  // errno of looking at it.
  bool is_plain = true;
  uint32_t owner = 0;
  uint32_t mode = 0600;
  uint64_t size = 0;
};

// "heartbeat key /etc/...: No such file or directory; make it with ..."; empty: it will do.
// `of_next`: it is the second one's file (heartbeat_key_next).
std::string trouble_of(const KeyFile& file, bool of_next = false);

}  // namespace lvs
