#include "common/config/check_syntax.h"

#include <algorithm>
#include <array>
#include <map>

#include "common/config/text.h"
#include "common/config/value_hints.h"
#include "common/nearest.h"
#include "common/regex.h"

namespace lvs::config {

namespace {

using List = std::vector<Word>;
using Options = std::vector<std::pair<std::string, std::string>>;

constexpr int kLowestStatus = 100;
constexpr int kHighestStatus = 599;
constexpr size_t kDnsNameMax = 253;
const std::array<std::string, 9> kDnsTypes = {"A",   "AAAA", "CNAME", "MX", "NS",
                                              "PTR", "SOA",  "SRV",   "TXT"};

const CheckOption kSend{"send", "The text to send."};
const CheckOption kExpect{"expect", "How the answer must begin; * for any byte."};
const CheckOption kRegex{"regex", "1: expect is an extended regular expression."};

const std::vector<CheckKind> kKinds = {
    {"tcp", "A connection; with send or expect also an exchange.", {kSend, kExpect, kRegex}},
    {"http",
     "One HTTP request.",
     {{"path", "What to ask for; default /."},
      {"host", "Host header and name for TLS; default: the server's address."},
      {"method", "GET (default), HEAD, OPTIONS or POST."},
      {"status", "Accepted status codes and ranges, as in 200-299,301; default 200-399."},
      {"body", "An extended regular expression that the body must contain."}}},
    {"https",
     "The same over TLS.",
     {{"path", ""},
      {"host", ""},
      {"method", ""},
      {"status", ""},
      {"body", ""},
      {"verify", "0: accept any certificate; default 1."}}},
    {"script",
     "A program of the administrator's; %h and %p become the server's address and port.",
     {{"command", "The program and its arguments, split at blanks; no shell."},
      {"expect",
       "Its exact output without the last byte; without expect the exit status counts."}}},
    {"dns",
     "One DNS question, over the protocol of the service.",
     {{"name", "The name to ask for; the answer must hold a record."},
      {"type", "A (default), AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT."}}},
    {"smtp",
     "The greeting of a mail server.",
     {{"helo", "A name to say; then it must be welcome too."}}},
    {"ftp",
     "The greeting of an FTP server.",
     {{"user", "A name to log in with, as far as the question for a password."}}},
    {"udp", "A datagram and its answer.", {kSend, kExpect, kRegex}},
    {"sctp", "An association of SCTP, which is ended again; what a service of sctp gets.", {}},
    {"ping", "An ICMP echo.", {}},
    {"agent",
     "A health agent on the server: one line, up or ready or a weight as in 75%; down, fail, "
     "stopped, "
     "maint, drain and 0% take the server out.",
     {{"port", "The agent's port."}}},
    {kNoCheck, "No check: a server counts as up as long as it is configured.", {}},
};

const CheckKind* find_kind(const std::string& name) {
  const auto found = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&](const CheckKind& kind) { return kind.name == name; });
  return found == kKinds.end() ? nullptr : &*found;
}

// Takes options out one by one, so that each is looked at once; the first complaint wins.
class Taker {
 public:
  Taker(const Options& options, const Notes& notes)
      : options_(options.begin(), options.end()), notes_(notes) {}

  std::string text(const std::string& name, std::string fallback = "") const {
    const auto found = options_.find(name);
    return found == options_.end() ? fallback : found->second;
  }

  bool flag(const std::string& name, bool fallback) {
    const std::string value = text(name, fallback ? "1" : "0");
    require(value == "0" || value == "1",
            "expected " + name + "=0 or " + name + "=1" + did_you_mean({"0", "1"}, value));
    return value == "1";
  }

  void require(bool condition, std::string complaint) {
    if (!condition && good_) {
      notes_.error(std::move(complaint));
      good_ = false;
    }
  }

  void require_regex(const std::string& name, const std::string& pattern) {
    const std::string why = regex_error(pattern);
    require(why.empty(), name + ": expected an extended regular expression: " + why);
  }

  std::optional<Check> done(Check check) const {
    return good_ ? std::optional<Check>(std::move(check)) : std::nullopt;
  }

 private:
  std::map<std::string, std::string> options_;
  const Notes& notes_;
  bool good_ = true;
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// "200" or "200-299" (the mark below): both ends, within low..high, in order.
std::optional<std::pair<int, int>> read_range(const std::string& text, char mark, int low,
                                              int high) {
  const auto ends = split(text, mark);
  const auto first = parse_integer(ends.front());
  const auto last = parse_integer(ends.back());
  if (ends.size() > 2 || !first || !last || *first < low || *first > *last || *last > high) {
    return std::nullopt;
  }
  return std::pair<int, int>(*first, *last);
}

std::string range_text(int first, int last, char mark) {
  return std::to_string(first) + (first == last ? "" : mark + std::to_string(last));
}

std::optional<Check> exchange_check(Taker& take) {
  SendExpect exchange{take.text("send"), take.text("expect"), take.flag("regex", false)};
  if (exchange.is_regex) {
    take.require_regex("expect", exchange.expect);
  }
  if (exchange == SendExpect{}) {
    return take.done(TcpConnect{});
  }
  return take.done(std::move(exchange));
}

std::optional<Check> http_check(Taker& take, bool tls) {
  HttpCheck http;
  http.tls = tls;
  http.path = take.text("path", http.path);
  http.host = take.text("host");
  http.method = take.text("method", http.method);
  http.body_regex = take.text("body");
  http.verify = take.flag("verify", true);
  take.require(
      http.path.starts_with('/') && http.path.find_first_of(" \r\n\t") == std::string::npos,
      "expected path=/...");
  take.require(http.host.find_first_of(" \r\n\t/") == std::string::npos,
               "expected host=NAME or host=NAME:PORT");
  take.require(http.method == "GET" || http.method == "HEAD" || http.method == "OPTIONS" ||
                   http.method == "POST",
               "expected method=GET, HEAD, OPTIONS or POST" +
                   did_you_mean({"GET", "HEAD", "OPTIONS", "POST"}, http.method));
  take.require_regex("body", http.body_regex);
  take.require(http.body_regex.empty() || http.method != "HEAD",
               "body with method=HEAD: the answer has no body to look in");
  if (const std::string status = take.text("status"); !status.empty()) {
    http.status.clear();
    for (const auto& part : split(status, ',')) {
      const auto range = read_range(part, '-', kLowestStatus, kHighestStatus);
      take.require(range.has_value(), "expected status=200-299 or status=200,301");
      http.status.push_back(range.value_or(std::pair{0, 0}));
    }
  }
  return take.done(std::move(http));
}

std::optional<Check> script_check(Taker& take) {
  ScriptCheck script{take.text("command"), take.text("expect"), false, ""};
  take.require(!script.command.empty(), "expected command=\"/path/of/program arguments\"");
  return take.done(std::move(script));
}

// It goes into a line of a protocol: no byte may end that line or its word.
bool is_one_word(const std::string& text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return c <= ' ' || c == 0x7f; });
}

std::optional<Check> named_check(Taker& take, const std::string& kind, const Options& options) {
  if (kind == "udp" && take.flag("regex", false)) {
    take.require_regex("expect", take.text("expect"));
  }
  if (kind == "agent") {
    const auto port = parse_integer(take.text("port"));
    take.require(port && *port > 0 && *port < 65536, "expected port=1 to 65535");
  }
  if (kind == "dns") {
    const std::string name = take.text("name");
    const std::string type = take.text("type", "A");
    take.require(!name.empty() && name.size() <= kDnsNameMax && is_one_word(name),
                 "expected name=NAME, at most 253 bytes");
    take.require(std::find(kDnsTypes.begin(), kDnsTypes.end(), type) != kDnsTypes.end(),
                 "expected type=A, AAAA, CNAME, MX, NS, PTR, SOA, SRV or TXT" +
                     did_you_mean({kDnsTypes.begin(), kDnsTypes.end()}, type));
  }
  take.require(is_one_word(take.text("helo")), "expected helo=NAME, without blanks");
  take.require(is_one_word(take.text("user")), "expected user=NAME, without blanks");
  return take.done(NamedCheck{kind, options});
}

std::vector<std::string> option_names(const CheckKind& kind) {
  std::vector<std::string> names;
  for (const auto& option : kind.options) {
    names.push_back(option.name);
  }
  return names;
}

// ": expected path=, host=", or nothing where there are none.
std::string options_of(const CheckKind& kind) {
  std::string text;
  for (const auto& name : option_names(kind)) {
    text += (text.empty() ? ": expected " : ", ") + name + "=";
  }
  return text;
}

std::optional<Options> read_options(const List& words, const CheckKind& kind, const Notes& notes) {
  Options options;
  for (auto word = words.begin() + 1; word != words.end(); ++word) {
    const size_t equals = word->text.find('=');
    const std::string name = word->text.substr(0, equals);
    const bool known = std::any_of(kind.options.begin(), kind.options.end(),
                                   [&](const CheckOption& o) { return o.name == name; });
    if (equals == std::string::npos || !known) {
      notes.error("a check of kind " + kind.name + " knows no option " + name + options_of(kind) +
                  did_you_mean(option_names(kind), name));
      return std::nullopt;
    }
    const bool again =
        std::any_of(options.begin(), options.end(), [&](const auto& o) { return o.first == name; });
    if (again) {
      notes.error("the option " + name + " is given twice");
      return std::nullopt;
    }
    options.emplace_back(name, translate_escapes(word->text.substr(equals + 1)));
  }
  return options;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& kind : kKinds) {
    names.push_back(kind.name);
  }
  return names;
}

std::string check_type() {
  std::string kinds;
  for (const auto& name : kind_names()) {
    kinds += (kinds.empty() ? "" : ", ") + name;
  }
  return "one of " + kinds + " and its options";
}

std::optional<Check> read_check(const List& words, const Notes& notes) {
  const CheckKind* kind = words.empty() ? nullptr : find_kind(words[0].raw);
  if (kind == nullptr && !words.empty()) {
    notes.error("expected " + check_type() + did_you_mean(kind_names(), words[0].raw));
  }
  const auto options = kind ? read_options(words, *kind, notes) : std::nullopt;
  if (!options) {
    return std::nullopt;
  }
  Taker take(*options, notes);
  if (kind->name == "tcp") {
    return exchange_check(take);
  }
  if (kind->name == "http" || kind->name == "https") {
    return http_check(take, kind->name == "https");
  }
  if (kind->name == "script") {
    return script_check(take);
  }
  return named_check(take, kind->name, *options);
}

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("/.:,*+-_%@?").find(c) != std::string_view::npos;
}

std::string option_text(const std::string& name, const std::string& value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain)) {
    return " " + name + "=" + value;
  }
  std::string escaped;
  for (const char c : value) {
    const size_t at = std::string_view("\r\n\t\\\"").find(c);
    escaped += at == std::string_view::npos ? std::string(1, c) : std::string("\\") + "rnt\\\""[at];
  }
  return " " + name + "=\"" + escaped + "\"";
}

std::string http_text(const HttpCheck& http) {
  const HttpCheck plain;
  std::string text = http.tls ? "https" : "http";
  text += http.path == plain.path ? "" : option_text("path", http.path);
  text += http.host.empty() ? "" : option_text("host", http.host);
  text += http.method == plain.method ? "" : option_text("method", http.method);
  if (http.status != plain.status) {
    std::string status;
    for (const auto& [first, last] : http.status) {
      status += (status.empty() ? "" : ",") + range_text(first, last, '-');
    }
    text += option_text("status", status);
  }
  text += http.body_regex.empty() ? "" : option_text("body", http.body_regex);
  return text + (http.verify ? "" : " verify=0");
}

struct CheckText {
  std::string operator()(const TcpConnect&) const { return "tcp"; }
  std::string operator()(const SendExpect& exchange) const {
    return std::string("tcp") + (exchange.send.empty() ? "" : option_text("send", exchange.send)) +
           (exchange.expect.empty() ? "" : option_text("expect", exchange.expect)) +
           (exchange.is_regex ? " regex=1" : "");
  }
  std::string operator()(const HttpCheck& http) const { return http_text(http); }
  std::string operator()(const ScriptCheck& script) const {
    return "script" + option_text("command", script.command) +
           (script.expect.empty() ? "" : option_text("expect", script.expect));
  }
  std::string operator()(const NamedCheck& named) const {
    std::string text = named.kind;
    for (const auto& [name, value] : named.options) {
      text += option_text(name, value);
    }
    return text;
  }
};

std::optional<MarkPorts> read_mark_word(const std::string& word) {
  const size_t slash = word.find('/');
  MarkPorts marked{word.substr(0, slash), {}};
  if (slash == std::string::npos) {
    return marked.protocol == "esp" || marked.protocol == "ah" ? std::optional(marked)
                                                               : std::nullopt;
  }
  if (marked.protocol != "tcp" && marked.protocol != "udp" && marked.protocol != "sctp") {
    return std::nullopt;
  }
  for (const auto& part : split(word.substr(slash + 1), ',')) {
    const auto range = read_range(part, ':', 1, 65535);
    if (!range) {
      return std::nullopt;
    }
    marked.ranges.emplace_back(range->first, range->second);
  }
  return marked;
}

std::string mark_word_text(const MarkPorts& marked) {
  std::string text = marked.protocol;
  for (const auto& [first, last] : marked.ranges) {
    text += (text == marked.protocol ? "/" : ",") + range_text(first, last, ':');
  }
  return text;
}

}  // namespace

Form<Check> check_form() {
  return {check_type(), "", read_check,
          [](const Check& check) { return std::visit(CheckText{}, check); }};
}

Form<std::vector<MarkPorts>> mark_ports_form() {
  return {"protocols and ports (tcp/80,443 udp/500 esp ah tcp/10000:20000)", "",
          [](const List& words, const Notes& notes) -> std::optional<std::vector<MarkPorts>> {
            std::vector<MarkPorts> list;
            for (const auto& word : words) {
              const auto marked = read_mark_word(word.text);
              if (!marked) {
                notes.error(
                    "expected protocols and ports (tcp/80,443 udp/500 esp ah tcp/10000:20000), "
                    "not " +
                    word.text + ": " + mark_ports_hint(word.text));
                return std::nullopt;
              }
              list.push_back(*marked);
            }
            return list;
          },
          [](const std::vector<MarkPorts>& list) {
            std::string text;
            for (const auto& marked : list) {
              text += (text.empty() ? "" : " ") + mark_word_text(marked);
            }
            return text;
          }};
}

std::string kind_of(const Check& check) {
  const std::string text = std::visit(CheckText{}, check);
  return text.substr(0, text.find(' '));
}

std::string regex_error(const std::string& pattern) {
  const Result<Regex> compiled = Regex::compile(pattern);
  return compiled ? "" : compiled.error().what;
}

const std::vector<CheckKind>& check_kinds() {
  return kKinds;
}

}  // namespace lvs::config
