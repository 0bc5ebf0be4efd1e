#include "tools/lvsctl/import/keepalived_check.h"

#include <array>
#include <sstream>
#include <utility>

#include "common/config/check_syntax.h"
#include "tools/lvsctl/import/keepalived_words.h"
#include "tools/lvsctl/import/values.h"

namespace lvs::lvsctl::foreign {
namespace {

using config::Check;
using config::HttpCheck;
using config::NamedCheck;

constexpr long long kFallMax = 1000;
constexpr int kLowestStatus = 100;
constexpr int kHighestStatus = 599;

struct Kind {
  std::string_view word;
  int retries;
};
constexpr std::array<Kind, 9> kKinds = {{{"TCP_CHECK", 1},
                                         {"HTTP_GET", 1},
                                         {"SSL_GET", 1},
                                         {"SMTP_CHECK", 1},
                                         {"DNS_CHECK", 3},
                                         {"MISC_CHECK", 0},
                                         {"UDP_CHECK", 1},
                                         {"PING_CHECK", 1},
                                         {"FILE_CHECK", 0}}};

const Kind* kind_named(const std::string& word) {
  for (const Kind& kind : kKinds) {
    if (kind.word == word) {
      return &kind;
    }
  }
  return nullptr;
}

class CheckReader {
 public:
  CheckReader(const Statement& statement, CheckDefaults defaults, Draft& draft)
      : statement_(statement), defaults_(std::move(defaults)), draft_(draft) {}

  std::optional<CheckSetup> read() {
    const std::string& word = statement_.word();
    const auto check = word == "TCP_CHECK"    ? tcp()
                       : word == "HTTP_GET"   ? http(false)
                       : word == "SSL_GET"    ? http(true)
                       : word == "SMTP_CHECK" ? smtp()
                       : word == "DNS_CHECK"  ? dns()
                       : word == "MISC_CHECK" ? misc()
                       : word == "PING_CHECK" ? ping()
                       : word == "UDP_CHECK"  ? udp()
                                              : unknown();
    const std::string trouble = check ? trouble_of(*check) : "";
    if (!trouble.empty()) {
      draft_.leave(statement_.line, word + ": " + trouble);
    }
    if (!check || !trouble.empty()) {
      return std::nullopt;
    }
    CheckSetup setup{statement_.line, *check, {}, 1, user_, defaults_.retry_pause};
    const int retries = defaults_.retries.value_or(kind_named(word)->retries);
    setup.fall =
        static_cast<int>(bounded(draft_, {statement_.line, "retry"}, retries + 1LL, 1, kFallMax));
    setup.port = port_;
    setup.timeout =
        bounded(draft_, {statement_.line, "connect_timeout"},
                timeout_.value_or(defaults_.connect_timeout), kShortestPause, kLongestPause);
    return setup;
  }

 private:
  // What all kinds know; the rest goes to `other`, which says whether it took it.
  template <typename Other>
  void each(const Statement& block, Other other) {
    for (const auto& each : block.block) {
      if (defaults_.take(each, draft_) || takes_place(each) || other(each)) {
        continue;
      }
      tell_of(each, draft_);
    }
  }

  bool takes_place(const Statement& each) {
    if (each.word() == "connect_port") {
      take_port(each);
      return true;
    }
    if (each.word() == "connect_ip") {
      if (Address::parse(each.value()) != defaults_.server.address) {
        draft_.leave(each.line,
                     "connect_ip " + each.value() + ": checks go to the server's own address");
      }
      return true;
    }
    return false;
  }

  // Only nat translates the port: with the other methods a server's port is that of its checks.
  void take_port(const Statement& each) {
    const auto port = port_number(each.value());
    if (port == defaults_.server.port) {
      return;
    }
    if (port && *port != 0 && !defaults_.is_port_served) {
      port_ = port;
      return;
    }
    draft_.leave(each.line, "connect_port " + each.value() +
                                ": with NAT checks go to the server's own port, which clients are "
                                "sent to: check = agent and script ask another one");
  }

  std::optional<Check> tcp() {
    each(statement_, [](const Statement&) { return false; });
    return config::TcpConnect{};
  }

  std::optional<Check> ping() {
    each(statement_, [](const Statement&) { return false; });
    return NamedCheck{"ping", {}};
  }

  std::optional<Check> smtp() {
    NamedCheck check{"smtp", {}};
    each(statement_, [&](const Statement& each) {
      if (each.word() == "helo_name" && check.options.empty() && !each.value().empty()) {
        check.options.emplace_back("helo", each.value());
        return true;
      }
      return false;
    });
    return check;
  }

  std::optional<Check> dns() {
    NamedCheck check{"dns", {{"name", "."}, {"type", "SOA"}}};
    each(statement_, [&](const Statement& each) {
      for (auto& [name, value] : check.options) {
        value = each.word() == name ? each.value() : value;
      }
      return each.word() == "name" || each.word() == "type";
    });
    return check;
  }

  std::optional<Check> misc() {
    std::optional<std::string> command;
    each(statement_, [&](const Statement& each) {
      if (each.word() == "misc_path") {
        command = for_each_server(plain_command(draft_, {each.line, each.word()}, each.rest()));
      } else if (each.word() == "misc_timeout") {
        timeout_ = seconds(each.value());
      } else if (each.word() == "user") {
        user_ = is_writable(each.value()) ? each.value() : "";
      } else {
        return false;
      }
      return true;
    });
    if (statement_.find("misc_path") == nullptr) {
      draft_.leave(statement_.line, "MISC_CHECK: misc_path is missing: the program to run");
    }
    return command ? std::optional<Check>(config::ScriptCheck{*command, "", false, ""})
                   : std::nullopt;
  }

  // It passes where nothing is answered, unless it says otherwise; ours waits for an answer.
  std::optional<Check> udp() {
    NamedCheck check{"udp", {}};
    bool is_answered = false;
    bool is_readable = true;
    each(statement_, [&](const Statement& each) {
      const std::string& word = each.word();
      if (word == "payload") {
        const auto text = bytes_of(each);
        is_readable = is_readable && text.has_value();
        text
            ? void(check.options.emplace_back("send", *text))
            : draft_.leave(each.line, "payload: expected bytes in hexadecimal, not " + each.rest());
      }
      is_answered = is_answered || word == "require_reply";
      if (word == "require_reply" && !each.value().empty()) {
        draft_.leave(each.line,
                     "require_reply: any answer counts: write what it must begin with "
                     "as expect=");
      }
      if (word == "min_reply_length" || word == "max_reply_length") {
        draft_.leave(each.line, word + ": the length of an answer is not looked at");
      }
      return word == "payload" || word == "require_reply" || word == "min_reply_length" ||
             word == "max_reply_length";
    });
    if (!is_answered) {
      draft_.leave(statement_.line,
                   named(statement_) +
                       ": without require_reply: check = udp waits for an answer: write it, with "
                       "what to send, if the servers give one");
      return std::nullopt;
    }
    return is_readable ? std::optional<Check>(check) : std::nullopt;
  }

  // "48 65 6c6c6f"
  static std::optional<std::string> bytes_of(const Statement& payload) {
    std::string digits;
    for (const char c : payload.rest()) {
      digits += c == ' ' ? "" : std::string(1, c);
    }
    if (digits.empty() || digits.size() % 2 != 0 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      return std::nullopt;
    }
    std::string bytes;
    for (size_t at = 0; at < digits.size(); at += 2) {
      bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
    }
    return bytes;
  }

  // One command checks all servers of a service: the server's own address in it stands for each.
  std::optional<std::string> for_each_server(const std::optional<std::string>& command) const {
    if (!command) {
      return command;
    }
    const std::string host = to_string(defaults_.server.address);
    const std::string port = std::to_string(defaults_.server.port);
    bool has_host = false;
    std::istringstream words(*command);
    std::string text;
    for (std::string word; words >> word;) {
      has_host = has_host || word == host;
      const bool is_port = has_host && word == port;
      text += (text.empty() ? "" : " ") + (word == host ? "%h" : is_port ? "%p" : word);
    }
    return has_host ? text : *command;
  }

  std::optional<Check> http(bool tls) {
    HttpCheck check;
    check.tls = tls;
    check.verify = !tls;
    check.status = {{200, 299}};
    bool has_url = false;
    each(statement_, [&](const Statement& each) {
      if (each.word() == "url" && !std::exchange(has_url, true)) {
        take_url(each, check);
      } else if (each.word() == "url") {
        draft_.leave(each.line, named(each) + ": one check asks for one page: the first");
      }
      return each.word() == "url" || take_http_word(each);
    });
    check.host = check.host.empty() ? defaults_.host : check.host;
    return check;
  }

  bool take_http_word(const Statement& each) {
    if (each.word() == "http_protocol") {
      draft_.leave(each.line, "http_protocol " + each.value() +
                                  ": pages are asked for as curl does, by HTTP/1.1 or what the "
                                  "server offers");
    } else if (each.word() == "enable_sni") {
      draft_.note(each.line, "enable_sni: the name of host= is sent in any case");
    } else {
      return false;
    }
    return true;
  }

  void take_url(const Statement& url, HttpCheck& check) {
    for (const auto& each : url.block) {
      const std::string& word = each.word();
      if (word == "path" && each.value().starts_with('/') &&
          each.value().find_first_of(" \t\r") == std::string::npos) {
        check.path = each.value();
      } else if (word == "virtualhost") {
        check.host = each.value();
      } else if (word == "status_code") {
        take_status(each, check);
      } else if (word == "regex" && config::regex_error(each.value()).empty()) {
        check.body_regex = each.value();
      } else if (word == "regex") {
        draft_.leave(each.line, "regex " + each.value() +
                                    ": write it as a POSIX extended regular expression, body=");
      } else {
        tell_of(each, draft_);
      }
    }
  }

  void take_status(const Statement& given, HttpCheck& check) {
    check.status.clear();
    for (size_t place = 1; place < given.words.size(); ++place) {
      const std::string& word = given.words[place];
      const size_t dash = std::min(word.find('-'), word.size());
      const auto first = whole_number(word.substr(0, dash));
      const auto last = dash == word.size() ? first : whole_number(word.substr(dash + 1));
      if (first && last && *first >= kLowestStatus && *first <= *last && *last <= kHighestStatus) {
        check.status.emplace_back(*first, *last);
      } else {
        draft_.leave(given.line, "status_code " + word + ": expected 100 to 599, or a range");
      }
    }
    if (check.status.empty()) {
      check.status = {{200, 299}};
    }
  }

  std::optional<Check> unknown() {
    draft_.leave(statement_.line,
                 named(statement_) + ": there is no such check: see CHECKS in lvs.cf(5)");
    return std::nullopt;
  }

  const Statement& statement_;
  CheckDefaults defaults_;
  Draft& draft_;
  std::optional<Duration> timeout_;
  std::string user_;
  std::optional<uint16_t> port_;
};

}  // namespace

bool CheckDefaults::take(const Statement& statement, Draft& draft) {
  const std::string& word = statement.word();
  const auto duration = seconds(statement.value());
  const auto number = whole_number(statement.value());
  const auto bad = [&] {
    draft.leave(statement.line, word + ": expected a number, not " + statement.value());
  };
  if (word == "connect_timeout") {
    duration ? void(connect_timeout = *duration) : bad();
  } else if (word == "delay_before_retry") {
    duration ? void(retry_pause = *duration) : bad();
    draft.note(statement.line,
               "delay_before_retry: a check that failed is repeated after interval");
  } else if (word == "retry" || word == "nb_get_retry") {
    number&&* number < kFallMax ? void(retries = static_cast<int>(*number)) : bad();
  } else if (word == "virtualhost") {
    host = statement.value();
  } else {
    return false;
  }
  return true;
}

bool CheckSetup::is_like(const CheckSetup& other) const {
  return check == other.check && timeout == other.timeout && fall == other.fall &&
         user == other.user;
}

bool is_check(const std::string& word) {
  return kind_named(word) != nullptr || word.ends_with("_CHECK");
}

std::optional<CheckSetup> read_check(const Statement& statement, CheckDefaults defaults,
                                     Draft& draft) {
  return CheckReader(statement, std::move(defaults), draft).read();
}

}  // namespace lvs::lvsctl::foreign
