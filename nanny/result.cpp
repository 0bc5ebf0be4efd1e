#include "nanny/result.h"

#include <cerrno>
#include <cstring>

namespace lvs::nanny {
namespace {

constexpr size_t kQuotedMax = 60;

bool is_local(int code) {
  switch (code) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EPERM:
      return true;
    default:
      return false;
  }
}

}  // namespace

ProbeResult works(std::string reason) {
  return {Outcome::works, std::move(reason), ""};
}

ProbeResult fails(std::string reason, std::string marker) {
  return {Outcome::fails, std::move(reason), std::move(marker)};
}

ProbeResult cut(std::string reason) {
  return {Outcome::cut, std::move(reason), ""};
}

ProbeResult connect_timed_out(const Endpoint& target) {
  return fails("connect: timed out", "CONNECT to " + to_string(target) + " timed out");
}

ProbeResult handshake_timed_out(const Endpoint& target) {
  return fails("TLS handshake: timed out", "READ to " + to_string(target) + " timed out");
}

ProbeResult read_timed_out(const Endpoint& target) {
  return fails("read: timed out", "READ to " + to_string(target) + " timed out");
}

ProbeResult answer_too_short(const Endpoint& target, size_t bytes) {
  return fails("read: closed after " + std::to_string(bytes) + " bytes",
               "READ from " + to_string(target) + " was too short");
}

ProbeResult unexpected_answer(const Endpoint& target, std::string_view received,
                              const std::string& who) {
  return fails(
      who + (received.empty() ? "no answer where one was expected"
                              : "answer is not what was expected: " + quoted(received)),
      "Trouble. Received results are not what we expected from (" + to_string(target) + ")");
}

std::string printable(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kNamed = "\n\r\t";
  std::string text;
  for (const unsigned char c : bytes) {
    const size_t name = kNamed.find(static_cast<char>(c));
    if (c >= 0x20 && c < 0x7f) {
      text += static_cast<char>(c);
    } else if (name != std::string_view::npos) {
      text += {'\\', "nrt"[name]};
    } else {
      text += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
    }
  }
  return text;
}

std::string quoted(std::string_view bytes) {
  const bool is_cut = bytes.size() > kQuotedMax;
  return "\"" + printable(bytes.substr(0, kQuotedMax)) + (is_cut ? "\"..." : "\"");
}

ProbeResult system_error(const std::string& doing, int code) {
  return {is_local(code) ? Outcome::undecided : Outcome::fails, doing + ": " + std::strerror(code),
          ""};
}

}  // namespace lvs::nanny
