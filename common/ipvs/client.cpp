#include "common/ipvs/client.h"

namespace lvs::ipvs {

Result<Reply> Client::call(const Request& request) {
  const uint32_t seq = ++seq_;
  if (auto sent = transport_->send(encode_request(request, transport_->family(), seq)); !sent) {
    return sent.error().in(to_string(request));
  }
  ReplyDecoder decoder(request, seq);
  for (;;) {
    const auto datagram = transport_->receive();
    if (!datagram) {
      return datagram.error().in(to_string(request));
    }
    const auto complete = decoder.add(*datagram);
    if (!complete) {
      return complete.error().in(to_string(request));
    }
    if (*complete) {
      return decoder.take();
    }
  }
}

Result<Ok> InProcessTransport::send(ByteView request) {
  for (Bytes& datagram : answer(request, handler_)) {
    answers_.push_back(std::move(datagram));
  }
  return Ok{};
}

Result<Bytes> InProcessTransport::receive() {
  if (answers_.empty()) {
    return Error{ENODATA, "no answer"};
  }
  Bytes datagram = std::move(answers_.front());
  answers_.pop_front();
  return datagram;
}

}  // namespace lvs::ipvs
