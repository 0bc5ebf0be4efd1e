// Our side of a conversation with a server over a stream, as far as a check holds it: what to say,
// and when it is decided. Pure: it is handed all that has come and gives the next turn.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/model.h"
#include "common/result.h"
#include "nanny/result.h"

namespace lvs::nanny {

constexpr size_t kDialogueMax = 66'000;  // Bytes of a server's that are waited for.

struct Turn {
  std::string say;                 // Empty: go on listening.
  std::optional<ProbeResult> end;  // Decided; what is to be said is said all the same.
};

class Dialogue {
 public:
  virtual ~Dialogue() = default;
  virtual std::string opening() const { return ""; }
  // `heard`: all since we said something last, nothing the first time. `ended`: there will be no
  // more, and it must be decided.
  virtual Turn hear(std::string_view heard, bool ended) = 0;
};

Result<std::unique_ptr<Dialogue>> dialogue_of(const config::SendExpect& check,
                                              const Endpoint& target);
// The greeting, and with a name or user what the server says to it.
std::unique_ptr<Dialogue> smtp_dialogue(const std::string& helo, const Endpoint& target);
std::unique_ptr<Dialogue> ftp_dialogue(const std::string& user, const Endpoint& target);
std::unique_ptr<Dialogue> agent_dialogue(const Endpoint& target);
std::unique_ptr<Dialogue> dns_dialogue(std::string question, const Endpoint& target);

ProbeResult judge_agent(std::string_view line, const Endpoint& target);

}  // namespace lvs::nanny
