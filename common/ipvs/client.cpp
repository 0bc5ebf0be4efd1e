#include "common/ipvs/client.h"

#include "common/ipvs/batch.h"

namespace lvs::ipvs {
namespace {

bool is_worth_asking_again(const Error& error) {
  return error.code == EAGAIN || error.code == ENOBUFS;
}

bool lists_the_table(const Request& request) {
  return std::holds_alternative<GetServices>(request) ||
         std::holds_alternative<GetDests>(request) || std::holds_alternative<GetDaemons>(request);
}

// What the decoder makes of the datagrams that come, when it has them all.
template <typename Answer, typename Decoder>
Result<Answer> received(Transport& transport, Decoder& decoder) {
  for (;;) {
    const auto datagram = transport.receive();
    if (!datagram) {
      return datagram.error();
    }
    const auto complete = decoder.add(*datagram);
    if (!complete) {
      return complete.error();
    }
    if (*complete) {
      return decoder.take();
    }
  }
}

}  // namespace

Result<Reply> Client::call(const Request& request) {
  auto reply = ask(request);
  for (int attempts = 1; lists_the_table(request) && !reply &&
                         is_worth_asking_again(reply.error()) && attempts < kDumpAttemptsMax;
       ++attempts) {
    reply = ask(request);
  }
  return reply ? std::move(reply) : reply.error().in(to_string(request));
}

Result<Reply> Client::ask(const Request& request) {
  const uint32_t seq = ++seq_;
  if (auto sent = transport_->send(encode_request(request, transport_->family(), seq)); !sent) {
    return sent.error();
  }
  ReplyDecoder decoder(request, seq);
  return received<Reply>(*transport_, decoder);
}

std::vector<std::optional<Error>> Client::write(std::span<const Request> requests) {
  std::vector<std::optional<Error>> results;
  results.reserve(requests.size());
  while (results.size() < requests.size()) {
    const auto rest = requests.subspan(results.size());
    auto batch = write_batch(rest);
    if (!batch) {
      results.resize(requests.size(), batch.error());
      break;
    }
    results.insert(results.end(), batch->begin(), batch->end());
  }
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i]) {
      results[i] = std::move(*results[i]).in(to_string(requests[i]));
    }
  }
  return results;
}

Result<std::vector<std::optional<Error>>> Client::write_batch(std::span<const Request> requests) {
  const uint32_t first_seq = seq_ + 1;
  const Batch batch = encode_batch(requests, transport_->family(), first_seq);
  seq_ += static_cast<uint32_t>(batch.requests);
  if (auto sent = transport_->send(batch.datagram); !sent) {
    return sent.error();
  }
  BatchDecoder decoder(first_seq, batch.requests);
  return received<std::vector<std::optional<Error>>>(*transport_, decoder);
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
