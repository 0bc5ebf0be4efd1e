#include "common/ipvs/batch.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace lvs::ipvs {
namespace {

void ask_for_acknowledgement(uint8_t* message, bool wanted) {
  uint16_t flags;
  std::memcpy(&flags, message + offsetof(nlmsghdr, nlmsg_flags), sizeof flags);
  flags = wanted ? flags | NLM_F_ACK : flags & ~NLM_F_ACK;
  std::memcpy(message + offsetof(nlmsghdr, nlmsg_flags), &flags, sizeof flags);
}

}  // namespace

Batch encode_batch(std::span<const Request> requests, uint16_t family, uint32_t first_seq) {
  Batch batch;
  batch.datagram.reserve(kBatchBytesMax);
  size_t last = 0;
  for (const Request& request : requests.first(std::min(requests.size(), kBatchRequestsMax))) {
    const auto seq = static_cast<uint32_t>(first_seq + batch.requests);
    Bytes message = encode_request(request, family, seq);
    message.resize(NLMSG_ALIGN(message.size()));
    if (batch.requests > 0 && batch.datagram.size() + message.size() > kBatchBytesMax) {
      break;
    }
    ask_for_acknowledgement(message.data(), false);
    last = batch.datagram.size();
    batch.datagram.insert(batch.datagram.end(), message.begin(), message.end());
    ++batch.requests;
  }
  ask_for_acknowledgement(batch.datagram.data() + last, true);
  return batch;
}

Result<bool> BatchDecoder::add(ByteView datagram) {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    nlmsghdr head;
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) {
      break;
    }
    const uint32_t index = head.nlmsg_seq - first_seq_;
    if (index < refusals_.size()) {  // Else a late answer to a batch that was given up.
      const auto answered =
          ReplyDecoder(Flush{}, head.nlmsg_seq).add(datagram.first(head.nlmsg_len));
      if (!answered) {
        refusals_[index] = answered.error();
      }
      if (index + 1 == refusals_.size()) {
        return true;
      }
    }
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(head.nlmsg_len), datagram.size()));
  }
  if (!datagram.empty()) {
    return Error{EBADMSG, "truncated answer"};
  }
  return false;
}

}  // namespace lvs::ipvs
