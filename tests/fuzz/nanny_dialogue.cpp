// Input: which dialogue, the size of a piece, then what a server sends. Laws:
//  * when the server has ended it is decided, with a reason in printable ASCII;
//  * what is decided is decided whatever the pieces in which the answer comes;
//  * an echo reply that is read is, but for type and checksum, the request that it answers;
//  * an answer to a DNS question works only with its number, without an error code, with a record.
#include <cstdint>
#include <cstdlib>

#include "nanny/dialogue.h"
#include "nanny/dns.h"
#include "nanny/echo.h"

namespace {

using lvs::nanny::Dialogue;
using lvs::nanny::Outcome;
using lvs::nanny::ProbeResult;

const lvs::Endpoint kTarget{*lvs::Address::parse("10.0.0.2"), 25};

void require(bool law) {
  if (!law) {
    std::abort();
  }
}

std::unique_ptr<Dialogue> dialogue(uint8_t kind, const std::string& question) {
  switch (kind % 4) {
    case 0:
      return lvs::nanny::smtp_dialogue("", kTarget);
    case 1:
      return lvs::nanny::ftp_dialogue("", kTarget);
    case 2:
      return lvs::nanny::agent_dialogue(kTarget);
    default:
      return lvs::nanny::dns_dialogue(question, kTarget);
  }
}

ProbeResult in_pieces(Dialogue& dialogue, std::string_view text, size_t piece) {
  for (size_t end = 0; end < text.size(); end += piece) {
    if (const auto turn = dialogue.hear(text.substr(0, end), false); turn.end) {
      return *turn.end;
    }
  }
  const auto last = dialogue.hear(text, true);
  require(last.end.has_value());
  return *last.end;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string question = lvs::nanny::dns_question("example.com", "A", 0x4142).value();
  const ProbeResult whole = in_pieces(*dialogue(data[0], question), text, text.size() + 1);
  const ProbeResult pieces = in_pieces(*dialogue(data[0], question), text, 1 + (data[1] % 16));
  require(whole.outcome == pieces.outcome);
  for (const unsigned char c : whole.reason) {
    require(c >= 0x20 && c < 0x7f);
  }
  if (const auto echo = lvs::nanny::read_echo_reply(false, text)) {
    require(lvs::nanny::echo_request(false, *echo).substr(4) == text.substr(4));
  }
  lvs::nanny::read_echo_reply(true, text);
  const auto verdict = lvs::nanny::judge_dns(question, text);
  if (verdict && verdict->outcome == Outcome::works) {
    require(text.starts_with("AB") && (data[2 + 3] & 15) == 0 && (data[2 + 6] | data[2 + 7]) != 0);
  }
  return 0;
}
