#include "nanny/script.h"

namespace lvs::nanny {
namespace {

ProbeResult judge_legacy(const config::ScriptCheck& check, const Endpoint& target,
                         const ScriptEnd& end) {
  const bool clean = end.how == ScriptEnd::How::exited && end.number == 0;
  if (!clean || end.output.empty()) {
    return check.expect.empty() ? unexpected_answer(target) : works("no output (script_legacy)");
  }
  const std::string_view kept = std::string_view(end.output).substr(0, end.output.size() - 1);
  return !check.expect.empty() && kept == check.expect ? works("output matched")
                                                       : unexpected_answer(target);
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
  if (check.legacy) {
    return judge_legacy(check, target, end);
  }
  switch (end.how) {
    case ScriptEnd::How::timed_out:
      return fails("script: timed out");
    case ScriptEnd::How::killed:
      return fails("script: killed by signal " + std::to_string(end.number));
    case ScriptEnd::How::exited:
      break;
  }
  if (end.number != 0) {
    return fails("script: exit status " + std::to_string(end.number));
  }
  if (check.expect.empty()) {
    return works("script: exit status 0");
  }
  std::string_view kept = end.output;
  if (kept.ends_with('\n')) {
    kept.remove_suffix(1);
  }
  return kept == check.expect ? works("script: output matched") : unexpected_answer(target);
}

}  // namespace lvs::nanny
