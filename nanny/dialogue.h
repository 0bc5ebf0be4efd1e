// Both sides of a conversation with a server over a stream, as far as a check holds it: what to say,
// and when it is decided. Pure: fed with all that has come, it hands out the next turn.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/model.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kDialogueMax = 64 * 1024;  // Bytes of a server's that are waited for.

struct Turn {
  std::string say;                 // Empty: go on listening.
  std::optional<ProbeResult> end;  // Decided; what is to be said is said all the same.
};

class Dialogue {
 public:
  virtual ~Dialogue() = default;
  virtual std::string opening() const { return ""; }
  // `heard`: all since the last turn that said something. `ended`: there will be no more.
  virtual Turn hear(std::string_view heard, bool ended) = 0;
};

// What SMTP and FTP have in common: lines of a code and words, "220-more" until "220 last". Each
// exchange is one line said and the codes that go on from there.
struct Exchange {
  std::string say;          // Without its end; the first is the greeting and says nothing.
  std::vector<int> wanted;  // Codes.
};

// The dialogue of a named check: smtp, ftp, agent, and dns over TCP. Nothing: it has none.
std::unique_ptr<Dialogue> dialogue_for(const config::NamedCheck& check, const Endpoint& target,
                                       uint16_t random);

}  // namespace lvs::nanny
