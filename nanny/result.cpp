#include "nanny/result.h"

#include <cerrno>
#include <cstring>

namespace lvs::nanny {
namespace {

bool is_local(int code) {
  switch (code) {
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EAGAIN:
    case EADDRNOTAVAIL:
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

ProbeResult connect_timed_out(const Endpoint& target) {
  return fails("connect: timed out", "CONNECT to " + to_string(target) + " timed out");
}

ProbeResult read_timed_out(const Endpoint& target) {
  return fails("read: timed out", "READ to " + to_string(target) + " timed out");
}

ProbeResult answer_too_short(const Endpoint& target, size_t bytes) {
  return fails("read: closed after " + std::to_string(bytes) + " bytes",
               "READ from " + to_string(target) + " was too short");
}

ProbeResult unexpected_answer(const Endpoint& target) {
  return fails(
      "answer is not what was expected",
      "Trouble. Received results are not what we expected from (" + to_string(target) + ")");
}

ProbeResult system_error(const std::string& doing, int code) {
  return {is_local(code) ? Outcome::undecided : Outcome::fails, doing + ": " + std::strerror(code),
          ""};
}

}  // namespace lvs::nanny
