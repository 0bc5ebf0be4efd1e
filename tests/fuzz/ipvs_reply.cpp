// Whatever a core answers (the first byte chooses the question, the rest is one datagram): refused,
// or understood and then written and read again as the same reply.
#include <array>
#include <cstdlib>

#include "common/ipvs/codec.h"

namespace {

using namespace lvs::ipvs;

const std::array<Request, 10> kQuestions = {
    Flush{},     GetService{}, GetServices{},    GetDests{}, GetDaemons{},
    GetConfig{}, GetInfo{},    GetConnections{}, GetDrops{}, KillConnections{},
};
constexpr uint32_t kSeq = 7;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  const Request& question = kQuestions[data[0] % kQuestions.size()];
  const std::vector<Bytes> datagrams = {Bytes(data + 1, data + size)};
  const auto reply = decode_reply(question, kSeq, datagrams);
  if (reply) {
    const auto written = encode_reply(encode_request(question, kEmbeddedFamily, kSeq), *reply);
    const auto again = decode_reply(question, kSeq, written);
    if (!again || *again != *reply) {
      std::abort();
    }
  }
  return 0;
}
