// Whatever arrives on the core's socket: refused, or understood and then written and read again as
// the same request.
#include <cstdlib>

#include "common/ipvs/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace lvs::ipvs;
  const auto request = decode_request({data, size});
  if (request) {
    const auto again = decode_request(encode_request(*request, kEmbeddedFamily, 1));
    if (!again || *again != *request) {
      std::abort();
    }
  }
  answer({data, size}, [](const Request&) -> lvs::Result<Reply> { return Reply{Ack{}}; });
  return 0;
}
