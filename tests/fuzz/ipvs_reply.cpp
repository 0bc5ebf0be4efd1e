// Whatever a core answers (the first byte chooses the question, the rest is one datagram): refused,
// or understood and then written and read again as the same reply. The same datagram as an answer
// to a batch: refused, or complete once the last request is acknowledged.
#include <array>
#include <cstdlib>

#include "common/ipvs/batch.h"
#include "common/ipvs/codec.h"

namespace {

using namespace lvs::ipvs;

const std::array<Request, 11> kQuestions = {
    Flush{},   GetService{},     GetServices{}, GetDests{},        GetDaemons{}, GetConfig{},
    GetInfo{}, GetConnections{}, GetDrops{},    KillConnections{}, GetDenied{},
};
constexpr uint32_t kSeq = 7;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) {
    return 0;
  }
  BatchDecoder batch(kSeq, kQuestions.size());
  if (const auto complete = batch.add(ByteView(data + 1, size - 1)); complete && !*complete) {
    // What follows is taken as if it had come in the same datagram: the end decides.
    const Bytes last = encode_request(Flush{}, kEmbeddedFamily, kSeq + kQuestions.size() - 1);
    const Bytes end = encode_reply(last, Reply{Ack{}}).at(0);
    if (const auto ended = batch.add(end); !ended || !*ended) {
      std::abort();
    }
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
