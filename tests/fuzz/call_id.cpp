// Input: a SIP message. Laws:
//  * the Call-ID, or that there is none, is what the kernel's own way finds;
//  * behind its text is nothing but zeros, and one at least.
#include <algorithm>
#include <cstdlib>

#include "tests/unit/lvsd/core/kernel_call_id.h"

namespace {

void require(bool law) {
  if (!law) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  lvs_call call{};
  uint32_t verdict = LVS_CALL_GOES_ON;
  for (size_t i = 0; i < size && verdict == LVS_CALL_GOES_ON; ++i) {
    verdict = lvs_call_read(&call, data[i]);
  }
  const auto expected = lvs::test::KernelCallId(message).find();
  require(expected.has_value() == (verdict == LVS_CALL_FOUND));
  if (expected) {
    require(std::string_view(call.text, call.length) == *expected);
    require(
        call.length < sizeof(call.text) &&
        std::all_of(call.text + call.length, std::end(call.text), [](char c) { return c == 0; }));
  }
  return 0;
}
