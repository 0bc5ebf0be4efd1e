// Many changes in one datagram, as the kernel takes them: it executes the messages in order, goes
// on behind one that it refuses, and answers a refusal whether it was asked to or not. So only the
// last message asks for an acknowledgement: a batch that succeeds costs one answer, and the answer
// to the last message is the end of all of them. Works on memory only.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "common/ipvs/codec.h"

namespace lvs::ipvs {

// Were all of a batch refused, their answers (about 1 KiB each, with the bookkeeping that the
// kernel charges for) must still fit the smallest receive buffer that a socket has by default, 208
// KiB.
constexpr size_t kBatchRequestsMax = 64;
constexpr size_t kBatchBytesMax = 32768;
static_assert(kBatchBytesMax >= kRequestBytesMax);

struct Batch {
  Bytes datagram;
  size_t requests = 0;  // How many it holds, from the first on; at least one.
};

// As many of `requests` (not none; only those that answer with an acknowledgement) as one datagram
// may hold, numbered from `first_seq` on.
Batch encode_batch(std::span<const Request> requests, uint16_t family, uint32_t first_seq);

// Collects the answers to a batch.
class BatchDecoder {
 public:
  BatchDecoder(uint32_t first_seq, size_t requests) : first_seq_(first_seq), refusals_(requests) {}
  // True when all are answered. An error: what the batch did is unknown.
  Result<bool> add(ByteView datagram);
  // Of each request in order: nothing when it was done, else why not.
  std::vector<std::optional<Error>> take() { return std::move(refusals_); }

 private:
  uint32_t first_seq_;
  std::vector<std::optional<Error>> refusals_;
};

}  // namespace lvs::ipvs
