#include "nanny/script.h"

namespace lvs::nanny {
namespace {

ProbeResult judge_legacy(const config::ScriptCheck& check, const Endpoint& target,
                         const ScriptEnd& end) {
  const bool clean = end.how == ScriptEnd::How::exited && end.number == 0;
  if (!clean || end.output.empty()) {
    return check.expect.empty() ? unexpected_answer(target, end.output)
                                : works("no output (script_legacy)");
  }
  const std::string_view kept = std::string_view(end.output).substr(0, end.output.size() - 1);
  return !check.expect.empty() && kept == check.expect ? works("output matched")
                                                       : unexpected_answer(target, end.output);
}

// The line that tells most: of its errors, else of its output.
std::string first_words(const ScriptEnd& end) {
  const std::string_view text = end.said.empty() ? end.output : end.said;
  const std::string words = quoted(text.substr(0, text.find('\n')));
  return words == "\"\"" ? "" : ", said " + words;
}

}  // namespace

std::vector<std::string> script_words(const std::string& command, const Endpoint& target) {
  std::vector<std::string> words;
  size_t at = 0;
  while (words.size() < kScriptWordsMax) {
    at = command.find_first_not_of(" \t", at);
    if (at == std::string::npos) {
      break;
    }
    const size_t end = std::min(command.find_first_of(" \t", at), command.size());
    std::string word = command.substr(at, end - at);
    if (word == "%h") {
      word = to_string(target.address);
    } else if (word == "%p") {
      word = std::to_string(target.port);
    }
    words.push_back(std::move(word));
    at = end;
  }
  return words;
}

ProbeResult judge_script(const config::ScriptCheck& check, const Endpoint& target,
                         const ScriptEnd& end) {
  const std::string who = check.user.empty() ? "script: " : "script as " + check.user + ": ";
  if (end.how == ScriptEnd::How::refused) {
    return {Outcome::undecided, who + end.said, ""};
  }
  if (end.how == ScriptEnd::How::exec_failed) {
    return {Outcome::undecided, "script: " + end.said, ""};
  }
  if (check.legacy) {
    return judge_legacy(check, target, end);
  }
  switch (end.how) {
    case ScriptEnd::How::timed_out:
      return fails(who + "timed out" + first_words(end));
    case ScriptEnd::How::killed:
      return fails(who + "killed by signal " + std::to_string(end.number) + first_words(end));
    case ScriptEnd::How::flooded:
      return fails(who + "printed more than " + std::to_string(kScriptReadMax) + " bytes");
    default:
      break;
  }
  if (end.number != 0) {
    return fails(who + "exit status " + std::to_string(end.number) + first_words(end));
  }
  if (check.expect.empty()) {
    return works("script: exit status 0");
  }
  std::string_view kept = end.output;
  if (kept.ends_with('\n')) {
    kept.remove_suffix(1);
  }
  return kept == check.expect ? works("script: output matched")
                              : unexpected_answer(target, end.output, who);
}

}  // namespace lvs::nanny
