#include "nanny/runner/wire.h"

#include <cstring>
#include <type_traits>

namespace lvs::nanny::runner {
namespace {

struct RequestBytes {
  uint64_t verb;
  uint64_t run;
  uint64_t monitor;
};

struct AnswerBytes {  // The output and what was said follow.
  uint64_t run;
  uint32_t how;
  int32_t number;
  uint32_t output_size;
  uint32_t said_size;
};

template <typename Bytes>
std::string bytes_of(const Bytes& bytes) {
  static_assert(std::has_unique_object_representations_v<Bytes>);
  return {reinterpret_cast<const char*>(&bytes), sizeof bytes};
}

}  // namespace

std::string encode(const ScriptRequest& request) {
  return bytes_of(RequestBytes{static_cast<uint64_t>(request.verb), request.run, request.monitor});
}

std::string encode(const ScriptAnswer& answer) {
  const std::string output = answer.end.output.substr(0, kScriptOutputMax);
  const std::string said = answer.end.said.substr(0, kScriptSaidMax);
  return bytes_of(AnswerBytes{answer.run, static_cast<uint32_t>(answer.end.how), answer.end.number,
                              static_cast<uint32_t>(output.size()),
                              static_cast<uint32_t>(said.size())}) +
         output + said;
}

std::optional<ScriptRequest> decode_script_request(std::string_view packet) {
  RequestBytes bytes;
  if (packet.size() != sizeof bytes) {
    return std::nullopt;
  }
  std::memcpy(&bytes, packet.data(), sizeof bytes);
  const auto verb = static_cast<ScriptRequest::Verb>(bytes.verb);
  if (verb != ScriptRequest::Verb::run && verb != ScriptRequest::Verb::cancel) {
    return std::nullopt;
  }
  return ScriptRequest{verb, bytes.run, bytes.monitor};
}

std::optional<ScriptAnswer> decode_script_answer(std::string_view packet) {
  AnswerBytes bytes;
  if (packet.size() < sizeof bytes) {
    return std::nullopt;
  }
  std::memcpy(&bytes, packet.data(), sizeof bytes);
  packet.remove_prefix(sizeof bytes);
  if (bytes.how > static_cast<uint32_t>(ScriptEnd::How::refused) ||
      bytes.output_size > kScriptOutputMax || bytes.said_size > kScriptSaidMax ||
      packet.size() != size_t{bytes.output_size} + bytes.said_size) {
    return std::nullopt;
  }
  ScriptAnswer answer;
  answer.run = bytes.run;
  answer.end.how = static_cast<ScriptEnd::How>(bytes.how);
  answer.end.number = bytes.number;
  answer.end.output = packet.substr(0, bytes.output_size);
  answer.end.said = packet.substr(bytes.output_size);
  return answer;
}

}  // namespace lvs::nanny::runner
