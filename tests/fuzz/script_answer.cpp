// Law: what decode accepts is what encode says, so encode(decode(packet)) == packet.
#include <cstdint>
#include <cstdlib>

#include "nanny/runner/wire.h"

namespace runner = lvs::nanny::runner;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  const auto request = runner::decode_script_request(packet);
  const auto answer = runner::decode_script_answer(packet);
  if ((request && runner::encode(*request) != packet) ||
      (answer && runner::encode(*answer) != packet)) {
    std::abort();
  }
  return 0;
}
