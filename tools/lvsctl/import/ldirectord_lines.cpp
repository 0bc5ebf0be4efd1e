#include "tools/lvsctl/import/ldirectord_lines.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

constexpr std::array<std::string_view, 21> kRead = {
    "checktype",  "service",      "checkport",     "checkcommand", "request",
    "receive",    "virtualhost",  "httpmethod",    "login",        "scheduler",
    "persistent", "netmask",      "protocol",      "fallback",     "fallback6",
    "quiescent",  "failurecount", "checkinterval", "checktimeout", "negotiatetimeout",
    "ops"};
// Nothing is lost without them.
constexpr std::array<std::string_view, 10> kNeedless = {
    "logfile", "fork",        "supervised", "cleanstop",   "readdquiescent",
    "debug",   "monitorfile", "checkcount", "servicename", "comment"};

struct Advice {
  std::string_view key;
  const char* text;
};
constexpr std::array<Advice, 11> kAdvice = {{
    {"autoreload", "a file that changes is read when it is asked for: service pulse reload"},
    {"emailalert", "no mail is sent: lvsctl events and the alerts of lvsctl metrics tell"},
    {"smtp", "no mail is sent: lvsctl events and the alerts of lvsctl metrics tell"},
    {"execute", "it starts one more ldirectord: import the file of that one too"},
    {"callback", "the file is copied to the other director by whoever changes it"},
    {"fallbackcommand", "no program is called: lvsctl events --follow tells when all have failed"},
    {"maintenancedir", "weight = 0 or active = 0 takes a server out for a while"},
    {"passwd", "checks do not log in"},
    {"database", "checks do not log in"},
    {"secret", "checks do not log in"},
    {"load", "weights do not follow the load by such a text: see check = agent"},
}};

bool holds(const auto& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string without_quotes(std::string_view text) {
  const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                         text.back() == text.front();
  return std::string(is_quoted ? text.substr(1, text.size() - 2) : text);
}

// '#' begins a comment at a line's start or behind a blank, outside quotes.
std::string_view without_comment(std::string_view line) {
  char quote = 0;
  for (size_t at = 0; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != 0) {
      quote = c == quote ? '\0' : quote;
    } else if (c == '"') {
      quote = c;
    } else if (c == '#' && (at == 0 || line[at - 1] == ' ' || line[at - 1] == '\t')) {
      return line.substr(0, at);
    }
  }
  return line;
}

class Lines {
 public:
  explicit Lines(Draft& draft) : draft_(draft) {}

  void take(int number, std::string_view line) {
    line = without_comment(line);
    const std::string_view text = trimmed(line);
    const size_t equals = text.find('=');
    if (text.empty()) {
      return;
    }
    if (equals == std::string_view::npos) {
      return draft_.leave(number, "expected key = value, not " + std::string(text));
    }
    const bool is_indented = line.front() == ' ' || line.front() == '\t';
    const std::string key(trimmed(text.substr(0, equals)));
    const Setting setting{number, without_quotes(trimmed(text.substr(equals + 1))), false};
    if (key == "virtual" || key == "virtual6") {
      lines_.virtuals.push_back({number, setting.value, key == "virtual6", {}, {}});
      return;
    }
    const bool is_global = !is_indented || lines_.virtuals.empty();
    if ((key == "real" || key == "real6") && !is_global) {
      lines_.virtuals.back().reals.push_back(setting);
    } else if (holds(kRead, key)) {
      auto& settings = is_global ? lines_.globals : lines_.virtuals.back().settings;
      const auto [earlier, is_first] = settings.try_emplace(key, setting);
      if (!is_first) {
        draft_.leave(earlier->second.line,
                     key + ": line " + std::to_string(number) + " says it again, and counts");
        earlier->second = setting;
      }
    } else if (key == "autoreload" && setting.value == "no") {
      draft_.note(number, "autoreload = no: it is so in any case");
    } else {
      tell_of(key, number);
    }
  }

  LdirectordLines done() { return std::move(lines_); }

 private:
  void tell_of(const std::string& key, int number) {
    const auto advice = std::find_if(kAdvice.begin(), kAdvice.end(), [&](const Advice& each) {
      return std::string_view(key).starts_with(each.key);
    });
    if (advice != kAdvice.end()) {
      draft_.leave(number, key + ": " + advice->text);
    } else if (holds(kNeedless, key)) {
      draft_.note(number, key + ": left out, nothing here is missing without it");
    } else {
      draft_.leave(number, key + ": has no counterpart that is known here");
    }
  }

  Draft& draft_;
  LdirectordLines lines_;
};

}  // namespace

LdirectordLines ldirectord_lines(const std::string& text, Draft& draft) {
  Lines lines(draft);
  int number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.take(++number, std::string_view(text).substr(at, end - at));
    at = end + 1;
  }
  return lines.done();
}

}  // namespace lvs::lvsctl::foreign
