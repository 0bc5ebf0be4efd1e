// Law: what decode accepts is what encode says, so decode(encode(x)) == x for every accepted
// packet.
#include "common/monitor_codec.h"

#include <cstdlib>

namespace {

template <typename T>
void hold_law(const lvs::Result<T>& first, lvs::Result<T> (*decode)(std::string_view)) {
  if (!first) {
    if (first.error().what.empty()) {
      std::abort();
    }
    return;
  }
  const lvs::Result<T> again = decode(lvs::encode(*first));
  if (!again || !(*again == *first)) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view packet(reinterpret_cast<const char*>(data), size);
  hold_law(lvs::decode_monitor_order(packet), lvs::decode_monitor_order);
  hold_law(lvs::decode_monitor_answer(packet), lvs::decode_monitor_answer);
  return 0;
}
