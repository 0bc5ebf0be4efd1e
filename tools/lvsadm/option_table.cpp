#include "tools/lvsadm/option_table.h"

#include <getopt.h>

#include <algorithm>
#include <array>

namespace lvs::lvsadm {
namespace {

using enum Option;

// Codes of long options that have no letter; a verb's code is its number behind kVerbs.
constexpr int kVerbs = 1000;
constexpr int kLong = 2000;
constexpr int code(Verb verb) {
  return kVerbs + static_cast<int>(verb);
}
constexpr int code(Option option) {
  return kLong + static_cast<int>(option);
}

constexpr std::array<const char*, kOptions> kNames = {
    "numeric",
    "connection",
    "service-address",
    "scheduler",
    "persistent",
    "netmask",
    "real-server",
    "forwarding-method",
    "weight",
    "u-threshold",
    "l-threshold",
    "mcast-interface",
    "timeout",
    "daemon",
    "stats",
    "rate",
    "thresholds",
    "persistent-conn",
    "nosort",
    "sort",
    "syncid",
    "exact",
    "ops",
    "pe",
    "sched-flags",
    "tun-info",
    "tun-type",
    "tun-port",
    "tun-nocsum",
    "tun-csum",
    "tun-remcsum",
    "mcast-group",
    "mcast-port",
    "mcast-ttl",
    "sync-maxlen",
    "ipv6",
    "json",
    "core",
    "count",
};

const option kLongOptions[] = {
    {"add-service", no_argument, nullptr, 'A'},
    {"edit-service", no_argument, nullptr, 'E'},
    {"delete-service", no_argument, nullptr, 'D'},
    {"clear", no_argument, nullptr, 'C'},
    {"restore", no_argument, nullptr, 'R'},
    {"save", no_argument, nullptr, 'S'},
    {"add-server", no_argument, nullptr, 'a'},
    {"edit-server", no_argument, nullptr, 'e'},
    {"delete-server", no_argument, nullptr, 'd'},
    {"list", no_argument, nullptr, 'L'},
    {"zero", no_argument, nullptr, 'Z'},
    {"set", no_argument, nullptr, code(Verb::set_timeouts)},
    {"start-daemon", required_argument, nullptr, code(Verb::start_daemon)},
    {"stop-daemon", required_argument, nullptr, code(Verb::stop_daemon)},
    {"kill", required_argument, nullptr, code(Verb::kill)},
    {"drops", no_argument, nullptr, code(Verb::drops)},
    {"deny", no_argument, nullptr, code(Verb::deny)},
    {"setting", required_argument, nullptr, code(Verb::setting)},
    {"settings", no_argument, nullptr, code(Verb::settings)},
    {"where", required_argument, nullptr, code(Verb::where)},
    {"trace", no_argument, nullptr, code(Verb::trace)},
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'v'},
    {"tcp-service", required_argument, nullptr, 't'},
    {"udp-service", required_argument, nullptr, 'u'},
    {"sctp-service", required_argument, nullptr, code(service)},
    {"fwmark-service", required_argument, nullptr, 'f'},
    {"ipv6", no_argument, nullptr, '6'},
    {"scheduler", required_argument, nullptr, 's'},
    {"pe", required_argument, nullptr, code(pe)},
    {"persistent", optional_argument, nullptr, 'p'},
    {"netmask", required_argument, nullptr, 'M'},
    {"real-server", required_argument, nullptr, 'r'},
    {"gatewaying", no_argument, nullptr, 'g'},
    {"ipip", no_argument, nullptr, 'i'},
    {"masquerading", no_argument, nullptr, 'm'},
    {"weight", required_argument, nullptr, 'w'},
    {"u-threshold", required_argument, nullptr, 'x'},
    {"l-threshold", required_argument, nullptr, 'y'},
    {"numeric", no_argument, nullptr, 'n'},
    {"connection", no_argument, nullptr, 'c'},
    {"sched-flags", required_argument, nullptr, 'b'},
    {"ops", no_argument, nullptr, 'o'},
    {"timeout", no_argument, nullptr, code(timeout)},
    {"daemon", no_argument, nullptr, code(daemon)},
    {"stats", no_argument, nullptr, code(stats)},
    {"rate", no_argument, nullptr, code(rate)},
    {"exact", no_argument, nullptr, code(exact)},
    {"thresholds", no_argument, nullptr, code(thresholds)},
    {"persistent-conn", no_argument, nullptr, code(persistent_conn)},
    {"tun-info", no_argument, nullptr, code(tun_info)},
    {"nosort", no_argument, nullptr, code(nosort)},
    {"sort", no_argument, nullptr, code(sort)},
    {"tun-type", required_argument, nullptr, code(tun_type)},
    {"tun-port", required_argument, nullptr, code(tun_port)},
    {"tun-nocsum", no_argument, nullptr, code(tun_nocsum)},
    {"tun-csum", no_argument, nullptr, code(tun_csum)},
    {"tun-remcsum", no_argument, nullptr, code(tun_remcsum)},
    {"mcast-interface", required_argument, nullptr, code(mcast_interface)},
    {"mcast-group", required_argument, nullptr, code(mcast_group)},
    {"mcast-port", required_argument, nullptr, code(mcast_port)},
    {"mcast-ttl", required_argument, nullptr, code(mcast_ttl)},
    {"syncid", required_argument, nullptr, code(syncid)},
    {"sync-maxlen", required_argument, nullptr, code(sync_maxlen)},
    {"json", no_argument, nullptr, code(json)},
    {"core", required_argument, nullptr, code(core)},
    {"count", required_argument, nullptr, code(packets)},
    {nullptr, 0, nullptr, 0},
};
// '-': words that are no options come in their order; ':': tell a missing argument from an unknown
// option.
constexpr const char* kShortOptions = "-:AEDCRSaedLlZhvt:u:f:6s:p::M:r:gimw:x:y:ncb:o";

struct Letter {
  char letter;
  Verb verb;
};
constexpr std::array kVerbLetters = {
    Letter{'A', Verb::add_service},    Letter{'E', Verb::edit_service},
    Letter{'D', Verb::delete_service}, Letter{'C', Verb::flush},
    Letter{'R', Verb::restore},        Letter{'S', Verb::save},
    Letter{'a', Verb::add_server},     Letter{'e', Verb::edit_server},
    Letter{'d', Verb::delete_server},  Letter{'L', Verb::list},
    Letter{'l', Verb::list},           Letter{'Z', Verb::zero},
    Letter{'h', Verb::help},           Letter{'v', Verb::version},
};

struct OptionLetter {
  char letter;
  Option option;
};
constexpr std::array kOptionLetters = {
    OptionLetter{'t', service},     OptionLetter{'u', service},     OptionLetter{'f', service},
    OptionLetter{'6', ipv6},        OptionLetter{'s', scheduler},   OptionLetter{'p', persistent},
    OptionLetter{'M', netmask},     OptionLetter{'r', server},      OptionLetter{'g', forward},
    OptionLetter{'i', forward},     OptionLetter{'m', forward},     OptionLetter{'w', weight},
    OptionLetter{'x', u_threshold}, OptionLetter{'y', l_threshold}, OptionLetter{'n', numeric},
    OptionLetter{'c', connection},  OptionLetter{'b', sched_flags}, OptionLetter{'o', ops},
};

struct Rule {
  const char* name;
  std::vector<Option> allowed;
  std::vector<Option> required;
};

const std::vector<Rule>& rules() {
  static const std::vector<Option> kService = {service, scheduler, persistent, netmask,
                                               ops,     pe,        sched_flags};
  static const std::vector<Option> kServer = {service,     server,      forward,    weight,
                                              u_threshold, l_threshold, tun_type,   tun_port,
                                              tun_csum,    tun_nocsum,  tun_remcsum};
  static const std::vector<Option> kList = {
      service,    numeric,         connection, timeout, daemon, stats,    rate,
      thresholds, persistent_conn, nosort,     sort,    exact,  tun_info, json};
  static const std::vector<Option> kStart = {mcast_interface, mcast_group, mcast_port,
                                             mcast_ttl,       syncid,      sync_maxlen};
  static const std::vector<Rule> kRules = {
      {"add-service", kService, {service}},
      {"edit-service", kService, {service}},
      {"delete-service", {service}, {service}},
      {"flush", {}, {}},
      {"restore", {}, {}},
      {"save", {numeric}, {}},
      {"add-server", kServer, {service, server}},
      {"edit-server", kServer, {service, server}},
      {"delete-server", {service, server}, {service, server}},
      {"list", kList, {}},
      {"zero", {service}, {}},
      {"set", {}, {}},
      {"start-daemon", kStart, {}},
      {"stop-daemon", {syncid}, {}},
      {"kill", {}, {}},
      {"drops", {json, numeric}, {}},
      {"deny", {json, numeric}, {}},
      {"setting", {json}, {}},
      {"settings", {json}, {}},
      {"where", {service, json, numeric}, {}},
      {"trace", {service, json, numeric, packets}, {}},
      {"help", {}, {}},
      {"version", {}, {}},
  };
  return kRules;
}

UsageError try_help() {
  return {kUnknownOption, "Try `lvsadm -h' or 'lvsadm --help' for more information."};
}

bool contains(const std::vector<Option>& options, Option option) {
  return std::find(options.begin(), options.end(), option) != options.end();
}

std::optional<Verb> verb_of(int opt) {
  if (opt >= kVerbs && opt < kLong) {
    return static_cast<Verb>(opt - kVerbs);
  }
  const auto* found = std::find_if(kVerbLetters.begin(), kVerbLetters.end(),
                                   [opt](const Letter& l) { return l.letter == opt; });
  return found == kVerbLetters.end() ? std::nullopt : std::optional(found->verb);
}

Option option_of(int opt) {
  if (opt >= kLong) {
    return static_cast<Option>(opt - kLong);
  }
  const auto* found = std::find_if(kOptionLetters.begin(), kOptionLetters.end(),
                                   [opt](const OptionLetter& l) { return l.letter == opt; });
  return found->option;
}

// The words that getopt reads: it wants pointers that it may reorder.
class Words {
 public:
  explicit Words(const std::vector<std::string>& arguments) : text_(arguments) {
    text_.insert(text_.begin(), "lvsadm");
    for (std::string& word : text_) {
      pointers_.push_back(word.data());
    }
    pointers_.push_back(nullptr);
    optind = 0;  // glibc: start over.
    opterr = 0;
  }

  int next() {
    return getopt_long(static_cast<int>(text_.size()), pointers_.data(), kShortOptions,
                       kLongOptions, nullptr);
  }
  // The option just read, as it was written.
  std::string last(int letter) const {
    const std::string word =
        optind > 0 && optind <= static_cast<int>(text_.size()) ? pointers_[optind - 1] : "";
    return word.starts_with("--") || letter == 0 ? word.substr(0, word.find('='))
                                                 : std::string("-") + static_cast<char>(letter);
  }
  // The next word, when it is no option: the optional argument of -p may stand apart.
  const char* take_plain() {
    const char* word = pointers_[optind];
    return word != nullptr && word[0] != '-' ? pointers_[optind++] : nullptr;
  }

 private:
  std::vector<std::string> text_;
  std::vector<char*> pointers_;
};

std::optional<UsageError> take_option(Given& given, int opt, Words& words) {
  const Option option = option_of(opt);
  auto& value = given.options[static_cast<size_t>(option)];
  if (value) {
    return UsageError{kWrongUsage,
                      std::string("multiple '") + name_of(option) + "' options specified"};
  }
  const char* argument = optarg;
  if (option == persistent && argument == nullptr) {
    argument = words.take_plain();
    value = argument != nullptr ? argument : "360";
    return std::nullopt;
  }
  value = argument != nullptr ? argument : "";
  if (option == service) {
    given.service_kind = opt == code(service) ? 's' : static_cast<char>(opt);
  }
  if (option == forward) {
    given.forward_kind = static_cast<char>(opt);
  }
  return std::nullopt;
}

std::optional<UsageError> take_verb(Given& given, Verb verb, int opt, const Words& words) {
  if (given.verb) {
    return UsageError{kWrongUsage, "invalid option `" + words.last(opt < kVerbs ? opt : 0) + "'"};
  }
  given.verb = verb;
  given.verb_argument = optarg != nullptr ? optarg : "";
  return std::nullopt;
}

std::optional<UsageError> take_word(Given& given, const std::string& word) {
  constexpr size_t kTimeouts = 3;
  constexpr size_t kPlaceAndMark = 2;
  constexpr size_t kFilterWords = 3;
  if (!given.verb) {
    return try_help();
  }
  if (given.verb == Verb::set_timeouts && given.timeouts.size() < kTimeouts) {
    given.timeouts.push_back(word);
    return std::nullopt;
  }
  if (given.verb == Verb::where && given.place.size() < kPlaceAndMark) {
    given.place.push_back(word);
    return std::nullopt;
  }
  if (given.verb == Verb::trace && given.place.size() < kFilterWords) {
    given.place.push_back(word);
    return std::nullopt;
  }
  if (given.verb == Verb::help) {
    return std::nullopt;
  }
  return UsageError{kWrongUsage, "unexpected argument " + word};
}

std::optional<UsageError> check_list(const Given& given) {
  const auto conflict = [](Option a, Option b) {
    return UsageError{kWrongUsage, std::string("The option '") + name_of(a) +
                                       "' conflicts with the '" + name_of(b) +
                                       "' option in the 'list' command"};
  };
  constexpr std::array kSubjects = {service, connection, timeout, daemon};
  constexpr std::array kPairs = {std::pair{service, connection}, std::pair{timeout, service},
                                 std::pair{timeout, connection}, std::pair{daemon, service},
                                 std::pair{daemon, connection},  std::pair{daemon, timeout}};
  for (const auto& [a, b] : kPairs) {
    if (given.has(a) && given.has(b)) {
      return conflict(a, b);
    }
  }
  const bool is_other = std::any_of(kSubjects.begin() + 1, kSubjects.end(),
                                    [&](Option option) { return given.has(option); });
  const bool has_columns = given.has(stats) || given.has(rate) || given.has(thresholds);
  if (is_other && has_columns) {
    return UsageError{kWrongUsage, "options conflicts in the list command"};
  }
  return std::nullopt;
}

}  // namespace

const char* name_of(Option option) {
  return kNames[static_cast<size_t>(option)];
}

const char* name_of(Verb verb) {
  return rules()[static_cast<size_t>(verb)].name;
}

std::variant<Given, UsageError> split(const std::vector<std::string>& arguments) {
  Given given;
  Words words(arguments);
  for (int opt = words.next(); opt != -1; opt = words.next()) {
    std::optional<UsageError> error;
    if (opt == '?' || opt == ':') {
      const std::string what = opt == '?' ? ": unknown option" : ": missing argument";
      const bool is_letter = optopt > 0 && optopt < kVerbs;
      error = given.verb ? UsageError{kUnknownOption, words.last(is_letter ? optopt : 0) + what}
                         : try_help();
    } else if (opt == 1) {
      error = take_word(given, optarg);
    } else if (const auto verb = verb_of(opt)) {
      error = take_verb(given, *verb, opt, words);
    } else {
      error = take_option(given, opt, words);
    }
    if (error) {
      return *error;
    }
  }
  if (!given.verb) {
    const auto given_options = std::count_if(given.options.begin(), given.options.end(),
                                             [](const auto& text) { return text.has_value(); });
    if (given_options > (given.has(core) ? 1 : 0)) {
      return try_help();
    }
    given.verb = Verb::list;
  }
  return given;
}

std::optional<UsageError> check(const Given& given) {
  const Rule& rule = rules()[static_cast<size_t>(*given.verb)];
  for (size_t i = 0; i < kOptions; ++i) {
    const auto option = static_cast<Option>(i);
    const bool is_general = option == core || option == ipv6;
    if (given.has(option) && !is_general && !contains(rule.allowed, option)) {
      return UsageError{kWrongUsage, std::string("Illegal '") + name_of(option) +
                                         "' option with the '" + rule.name + "' command"};
    }
  }
  for (const Option option : rule.required) {
    if (!given.has(option)) {
      return UsageError{kWrongUsage, std::string("You need to supply the '") + name_of(option) +
                                         "' option for the '" + rule.name + "' command"};
    }
  }
  if (given.has(ipv6) && given.service_kind != 'f') {
    return UsageError{kWrongUsage, "-6 used before -f"};
  }
  return given.verb == Verb::list ? check_list(given) : std::nullopt;
}

}  // namespace lvs::lvsadm
